import Platform
import TLS

/// What a read or write of a link came to.
enum LinkResult {
    /// So many bytes were moved.
    case bytes(Int)
    /// Nothing can be moved now; an event will tell.
    case waits
    /// The vendor has ended its side properly.
    case ended
    /// The connection is broken.
    case broken
}

/// One connection to a vendor, encrypted or plain. Confined to its loop, as what watches it is.
final class UpstreamLink {
    let destination: RelayRoute.Destination
    private let socket: FileDescriptor
    private var session: TLSSession?
    private var readiness: Readiness?
    private let loop: EventLoop

    /// On a socket that has begun to connect.
    init(
        _ socket: consuming FileDescriptor, along route: RelayRoute, on loop: EventLoop, waking wakeup: Wakeup
    ) throws(TLSFault) {
        destination = route.destination
        session = if let tls = route.tls {
            try TLSSession(tls, connectedTo: route.host, socket: socket.number)
        } else {
            nil
        }
        self.socket = socket
        self.loop = loop
        watch(waking: wakeup)
        // The first event tells that it is connected, or has failed.
        readiness?.writeWouldBlock()
    }

    deinit { readiness?.cancel() }

    /// Has another task sleep on it.
    func watch(waking wakeup: Wakeup) {
        readiness?.cancel()
        readiness = Readiness(socket.number, on: loop, interest: .socket, waking: wakeup)
    }

    /// Nobody waits for it.
    func unwatch() {
        readiness?.cancel()
        readiness = nil
    }

    /// True once connecting has come to an end, good or bad.
    var hasConnected: Bool { readiness?.isWritable ?? false }

    /// Why connecting has failed; nil where it has not.
    var failure: SystemError? { OutgoingSocket.failure(of: socket.number) }

    /// Goes on with the handshake; `.bytes(0)` once it is complete, at once without TLS.
    func handshake() -> LinkResult { result(session?.handshake() ?? .bytes(0)) }

    /// What is wrong with the vendor's certificate.
    var certificateProblem: String? { session?.certificateProblem }

    /// True where a read may find something.
    var isReadable: Bool { readiness?.isReadable ?? false }

    /// Reads what is there.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> LinkResult {
        if session != nil { return unsafe result(session?.read(into: buffer) ?? .closed) }
        switch unsafe socket.read(into: buffer) {
        case .bytes(let count): return .bytes(count)
        case .wouldBlock:
            readiness?.readWouldBlock()
            return .waits
        case .end: return .ended
        case .failed: return .broken
        }
    }

    /// Writes what fits. After `.waits` call it with the same bytes, and perhaps more behind them.
    func write(_ bytes: Span<UInt8>) -> LinkResult {
        if session != nil { return result(session?.write(bytes) ?? .closed) }
        switch socket.write(bytes) {
        case .bytes(let count): return .bytes(count)
        case .wouldBlock:
            readiness?.writeWouldBlock()
            return .waits
        case .end, .failed: return .broken
        }
    }

    /// True where nothing has come since the last answer, its end included.
    func isStillQuiet() -> Bool {
        let isQuiet = unsafe withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { buffer in
            if case .waits = unsafe read(into: buffer) { true } else { false }
        }
        return isQuiet && !(session?.hasPending ?? false)
    }

    /// Says goodbye, as far as the socket takes it.
    func finish() { session?.shutdown() }

    private func result(_ result: TLSResult) -> LinkResult {
        switch result {
        case .bytes(let count): return .bytes(count)
        case .needsRead:
            readiness?.readWouldBlock()
            return .waits
        case .needsWrite:
            readiness?.writeWouldBlock()
            return .waits
        case .closed: return .ended
        case .failed: return .broken
        }
    }
}
