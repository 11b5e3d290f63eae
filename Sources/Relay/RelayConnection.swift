import HTTP
import Platform
import TLS

/// What all connections of a relay share. Confined to its loop.
final class RelayRoom {
    let loop: EventLoop
    let book: TokenBook
    let limits: RelayLimits
    let events: RelayEvents
    let lookup: HostLookup
    let pool: LinkPool
    private(set) var connections = 0
    /// Connections that have shown no token yet, the oldest first.
    private var strangers: [RelayConnection] = []

    init(on loop: EventLoop, book: TokenBook, limits: RelayLimits, events: RelayEvents) {
        self.loop = loop
        self.book = book
        self.limits = limits
        self.events = events
        lookup = HostLookup(on: loop)
        pool = LinkPool(keeping: limits.keptLinks, for: limits.keptTime)
    }

    /// Makes room for one more, by the end of the oldest that has shown no token; false where all have.
    func admit() -> Bool {
        guard connections >= limits.connections else { return true }
        guard !strangers.isEmpty else { return false }
        strangers.removeFirst().giveWay()
        return true
    }

    func begin(_ connection: RelayConnection) {
        connections += 1
        strangers.append(connection)
    }

    func noteKnown(_ connection: RelayConnection) { strangers.removeAll { $0 === connection } }

    func end(_ connection: RelayConnection) {
        connections -= 1
        noteKnown(connection)
    }
}

/// One connection of a child: requests one after another, each passed on with the operator's credential.
final class RelayConnection {
    private let room: RelayRoom
    private let socket: FileDescriptor
    let wakeup = Wakeup()
    let alarm: Alarm
    private let readiness: Readiness
    private var decoder: HTTP1Decoder
    /// Received and not yet used; at most a head and one read.
    private var input: [UInt8] = []
    /// Whose it is, once it has shown a token.
    private var pass: RelayPass?
    private var hasGivenWay = false

    private var loop: EventLoop { room.loop }

    init(_ socket: consuming FileDescriptor, in room: RelayRoom) {
        self.room = room
        let number = socket.number
        self.socket = socket
        alarm = Alarm(on: room.loop, waking: wakeup)
        readiness = Readiness(number, on: room.loop, interest: .socket, waking: wakeup)
        decoder = HTTP1Decoder(limits: room.limits.request)
    }

    /// Serves until either side ends the connection.
    func run() async {
        defer {
            room.end(self)
            pass?.end()
            readiness.cancel()
            alarm.cancel()
        }
        while !hasGivenWay, let (request, count) = await nextHead() {
            let head = Array(input[..<count])
            input.removeFirst(count)
            guard request.version == .http11 else { return await refuse(505, "invalid_request_error", "The relay speaks HTTP/1.1.") }
            let pass: RelayPass
            do throws(Forwarding.Refusal) { pass = try Forwarding.pass(of: request, in: room.book) } catch {
                let reason = error == .unknownToken ? "The relay knows no such token." : "The token is not for this path."
                return await refuse(403, "permission_error", reason)
            }
            guard isOwn(pass) else { return room.events.note(.refused) }
            let exchange = RelayExchange(request, head: head, for: pass, over: self, in: room)
            guard await exchange.run() else { return }
        }
    }

    /// A stranger has taken its place.
    func giveWay() {
        hasGivenWay = true
        wakeup.signal()
    }

    /// A connection is one child's, and no child may have too many.
    private func isOwn(_ pass: RelayPass) -> Bool {
        guard self.pass == nil else { return self.pass === pass }
        guard pass.begin() else { return false }
        self.pass = pass
        room.noteKnown(self)
        return true
    }

    // MARK: - Heads

    /// Not `async`: the optimizer must see that what it looks at stays where it is.
    private func decodeHead() throws(HTTPFault) -> (Request, Int)? {
        let bytes = input
        guard let (request, consumed) = try decoder.decode(bytes.span) else { return nil }
        return (request, consumed)
    }

    private func nextHead() async -> (Request, Int)? {
        alarm.deadline = loop.now + room.limits.idle
        var hasBegun = false
        while true {
            do throws(HTTPFault) {
                if let head = try decodeHead() { return head }
            } catch {
                await refuse(error.status, "invalid_request_error", "The request is malformed.")
                return nil
            }
            if !input.isEmpty, !hasBegun {
                hasBegun = true
                alarm.deadline = loop.now + room.limits.head
            }
            switch receive() {
            case .bytes(let count):
                unsafe input.append(contentsOf: UnsafeRawBufferPointer(rebasing: loop.scratch[..<count]))
            case .waits:
                guard !alarm.isDue, !hasGivenWay else { return nil }
                await wakeup.wait()
            case .ended, .broken: return nil
            }
        }
    }

    /// Answers and ends, reading on for a moment: a socket that is closed with unread bytes may destroy the answer.
    private func refuse(_ status: Int, _ type: String, _ message: String) async {
        room.events.note(.refused)
        _ = send(Forwarding.answer(status, type, message).span)
        await linger()
    }

    /// Ends our side and reads on until the child ends its own.
    func linger() async {
        socket.shutdownWriting()
        alarm.deadline = loop.now + .seconds(2)
        var left = 4 << 20
        while left > 0, !alarm.isDue {
            switch receive() {
            case .bytes(let count): left -= count
            case .waits: await wakeup.wait()
            case .ended, .broken: return
            }
        }
    }

    // MARK: - Bytes

    /// True once the child has closed its side.
    var hasHungUp: Bool { readiness.hasHungUp }

    /// Takes what was received behind the head of a request.
    func takeInput() -> [UInt8] {
        defer { input = [] }
        return input
    }

    /// Puts back what belongs to the next request.
    func keepInput(_ bytes: [UInt8]) { input = bytes }

    /// Reads what is there into the loop's scratch buffer.
    func receive() -> LinkResult {
        guard readiness.isReadable else { return .waits }
        switch unsafe socket.read(into: loop.scratch) {
        case .bytes(let count): return .bytes(count)
        case .wouldBlock:
            readiness.readWouldBlock()
            return .waits
        case .end: return .ended
        case .failed: return .broken
        }
    }

    /// Writes what fits.
    func send(_ bytes: Span<UInt8>) -> LinkResult {
        switch socket.write(bytes) {
        case .bytes(let count): return .bytes(count)
        case .wouldBlock:
            readiness.writeWouldBlock()
            return .waits
        case .end, .failed: return .broken
        }
    }
}
