import HTTP
import Platform
import TLS

/// One accepted connection, from its handshake to its end: bytes in, bytes out, and the deadlines of both.
///
/// Confined to its loop. What is said over it is `HTTP1Server`'s or `HTTP2Server`'s.
final class Connection: Caller {
    let responder: any Responder
    let state: LoopState
    /// Those it began with; a reload changes nothing of what is open.
    var limits: WireLimits { terms.limits }
    private(set) var peer: PeerAddress
    private(set) var trustedProxies: [AddressRange] = []
    private(set) var clientCertificate: ClientCertificate?
    /// Set while HTTP/2 is spoken.
    private(set) var http2: HTTP2Server?
    let wakeup = Wakeup()
    let alarm: Alarm
    /// What is to be sent; `outputStart` bytes of it have been.
    var output: [UInt8] = []
    private var outputStart = 0
    private let readiness: Readiness
    let application: any Application
    private let terms: Terms
    private let isProxied: Bool
    private var transport: Transport
    private var place: ConnectionPlace

    var loop: EventLoop { state.loop }

    /// What came of waiting for the peer.
    enum Received {
        /// So many bytes are at the beginning of the loop's scratch buffer.
        case bytes(Int)
        /// The peer has ended the connection, or it is broken.
        case closed
        /// The alarm rang.
        case timedOut
        /// Somebody else signalled the wakeup.
        case woken
    }

    /// Nil when OpenSSL is out of memory.
    init?(
        _ socket: consuming FileDescriptor, from peer: PeerAddress, isProxied: Bool, under terms: Terms,
        place: consuming ConnectionPlace, serving application: any Application, by responder: any Responder, state: LoopState
    ) {
        self.application = application
        self.responder = responder
        self.state = state
        self.peer = peer
        self.place = place
        alarm = Alarm(on: state.loop, waking: wakeup)
        let number = socket.number
        self.isProxied = isProxied
        self.terms = terms
        do throws(TLSFault) {
            transport = try Transport(socket, context: terms.tls)
        } catch {
            application.note(.noSession(error.message))
            return nil
        }
        readiness = Readiness(number, on: state.loop, interest: .socket, waking: wakeup)
        // At once: of many that come together the later ones find the earlier ones' places.
        if terms.tls != nil || isProxied { self.place.beginGreeting(waking: RemoteWakeup(wakeup, on: state.loop)) }
    }

    /// The answer to what cannot be read as a request.
    func answer(unreadable fault: HTTPFault) -> Response {
        application.events.noteUnreadable(fault.status)
        return responder.answer(unreadable: fault, from: self)
    }

    /// True once the peer has closed its side.
    var hasHungUp: Bool { readiness.hasHungUp }

    /// Serves until the peer, a deadline or the service's end closes the connection.
    func run() async {
        application.events.noteOpen()
        defer {
            application.events.noteEnd()
            readiness.cancel()
            alarm.cancel()
            http2 = nil
        }
        guard await shakeHands() else { return }
        if transport.applicationProtocol == .http2 {
            guard let server = HTTP2Server(on: self) else { return }
            http2 = server
            await server.run()
        } else {
            await HTTP1Server(on: self).run()
        }
    }

    /// A key was shown: the connection no longer counts as a stranger's.
    func noteAuthenticated() { place.endUnauthenticated() }

    /// The service drains or ends: whoever waits looks up.
    func noticePhase() {
        wakeup.signal()
        http2?.noticePhase()
    }

    // MARK: - Bytes

    /// Reads into the loop's scratch buffer, waiting until there is something, the alarm rings or somebody wakes us.
    ///
    /// Inlined, as the frames of a waiting task are most of what an idle connection costs.
    @inline(__always)
    func receive() async -> Received {
        var waitsToWrite = false
        if let received = receiveNow(&waitsToWrite) { return received }
        await wakeup.wait()
        return receiveNow(&waitsToWrite) ?? .woken
    }

    /// Has the next `receive` look for bytes of which no event has told yet.
    func lookAgain() { readiness.readAgain() }

    /// Reads what is there; nil when there is nothing and the alarm has not rung.
    private func receiveNow(_ waitsToWrite: inout Bool) -> Received? {
        // Only when there is something: whoever wakes us to send must not cost a read that finds nothing.
        if readiness.isReadable || waitsToWrite && readiness.isWritable {
            switch unsafe transport.read(into: loop.scratch) {
            case .bytes(let count):
                // Saves the read that would only report an empty socket. Whatever comes later is told by an edge,
                // and so is the peer's end, unless that has been told already.
                if count < Self.recordBytes, transport.hasEmptiedSocket, !readiness.hasHungUp {
                    readiness.readWouldBlock()
                }
                return .bytes(count)
            case .closed, .failed: return .closed
            case .needsRead: readiness.readWouldBlock()
            case .needsWrite:
                waitsToWrite = true
                readiness.writeWouldBlock()
            }
        }
        return alarm.isDue ? .timedOut : nil
    }

    /// Sends all of `output`; false when the peer is gone or takes nothing for too long.
    @inline(__always)
    func flush() async -> Bool {
        if let isSent = flushNow() { return isSent }
        return await flushAsTaken()
    }

    /// Sends what the peer takes at once; nil when something is left, false when the peer is gone.
    private func flushNow() -> Bool? {
        while outputStart < output.count {
            switch output.withSpan(from: outputStart, { transport.write($0) }) {
            case .bytes(let count): outputStart += count
            case .closed, .failed: return false
            case .needsRead:
                readiness.readWouldBlock()
                return nil
            case .needsWrite:
                readiness.writeWouldBlock()
                return nil
            }
        }
        // Idle connections hold no buffer.
        if output.capacity > 16 << 10 { output = [] } else { output.removeAll(keepingCapacity: true) }
        outputStart = 0
        return true
    }

    private func flushAsTaken() async -> Bool {
        var stall = StallClock(
            on: loop, waking: wakeup, seconds: limits.deadlines.writeStallSeconds, progress: outputStart)
        while true {
            await wakeup.wait()
            if let isSent = flushNow() { return isSent }
            if stall.isStalled(at: outputStart) { return false }
        }
    }

    /// Gives the output buffer back while the connection is idle.
    func releaseBuffers() {
        if output.isEmpty, output.capacity > 0 { output = [] }
    }

    /// Ends our side and reads on until the peer ends its own, for a moment: closing a socket with unread bytes
    /// sends a reset, which can destroy the answer before the client has read it (RFC 9112 §9.6).
    func linger() async {
        transport.finishWriting()
        alarm.deadline = loop.now + .seconds(Self.lingerSeconds)
        var left = Self.lingerBytes
        var fairness = Fairness()
        while left > 0 {
            switch await receive() {
            case .bytes(let count):
                left -= count
                if fairness.isSpent() { await Task.yield() }
                if alarm.isDue { return }
            case .woken: continue
            case .closed, .timedOut: return
            }
        }
    }

    /// Ends our side.
    func finishWriting() { transport.finishWriting() }

    /// The largest TLS record; a read that returns less has met the end of what was there, and a write of no more
    /// reaches the peer in one piece.
    static let recordBytes = 16 << 10
    private static let lingerSeconds = 5
    private static let lingerBytes = 128 << 20

    // MARK: - Handshake

    private func shakeHands() async -> Bool {
        guard await greet() else { return false }
        return place.endGreeting() || giveWay()
    }

    private func greet() async -> Bool {
        alarm.deadline = loop.now + .seconds(limits.deadlines.handshakeSeconds)
        if isProxied {
            guard await readProxyHeader() else { return false }
        }
        if terms.trusts(peer) { trustedProxies = terms.trustedProxies }
        while !place.beginUnauthenticated(waking: RemoteWakeup(wakeup, on: loop)) {
            if readiness.hasHungUp { return noHandshake(.cut, "the peer closed the connection") }
            if state.phase != .serving { return false }
            if alarm.isDue {
                application.note(.refused(.unauthenticated, peer))
                return false
            }
            if place.hasGivenWay { return giveWay() }
            await wakeup.wait()
        }
        while true {
            switch transport.handshake() {
            case .bytes:
                clientCertificate = transport.clientCertificate
                // Woken by something else than the socket, the handshake may have taken the request with it: of what
                // is read by then no edge tells.
                readiness.readAgain()
                return true
            case .closed: return noHandshake(.cut, "the peer closed the connection")
            case .failed(let fault): return noHandshake(HandshakeFailure(fault.kind), fault.message)
            case .needsRead: readiness.readWouldBlock()
            case .needsWrite: readiness.writeWouldBlock()
            }
            if alarm.isDue { return noHandshake(.timeout, "not complete within TLS_HANDSHAKE_SECONDS") }
            if state.phase == .ending { return false }
            if place.hasGivenWay { return giveWay() }
            await wakeup.wait()
        }
    }

    /// A newcomer has taken the place, since there was no other.
    private func giveWay() -> Bool {
        application.note(.refused(.total, peer))
        return false
    }

    /// Reads who has connected to the proxy at the other end; false when it does not say so as it should.
    private func readProxyHeader() async -> Bool {
        var header = ProxyHeader()
        var isComplete = false
        while !isComplete {
            let room = unsafe UnsafeMutableRawBufferPointer(rebasing: loop.scratch[..<header.wanted])
            switch unsafe transport.readUnencrypted(into: room) {
            case .bytes(let count):
                do throws(ProxyHeader.Malformed) { isComplete = unsafe try header.take(room.prefix(count)) } catch {
                    return noHandshake(.proxyHeader, error.reason)
                }
            case .end, .failed: return noHandshake(.cut, "the proxy closed the connection")
            case .wouldBlock:
                readiness.readWouldBlock()
                if alarm.isDue { return noHandshake(.timeout, "the proxy did not say in time who asks") }
                if state.phase == .ending { return false }
                if place.hasGivenWay { return giveWay() }
                await wakeup.wait()
            }
        }
        peer = header.client ?? peer
        do throws(ConnectionRefusal) { try place.settle(peer) } catch {
            application.note(.refused(error, peer))
            return false
        }
        return true
    }

    private func noHandshake(_ failure: HandshakeFailure, _ reason: String) -> Bool {
        application.note(.noHandshake(failure, peer, reason))
        return false
    }
}
