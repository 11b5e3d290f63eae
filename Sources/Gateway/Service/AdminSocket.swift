import Glibc
import Platform

/// The administrative socket: several clients at once, each a line at a time and for a limited time.
///
/// It lies in the state directory, which only the service's own user and root can enter; the kernel's word for who is at
/// the other end counts all the same. Confined to its loop.
final class AdminSocket {
    /// Does what was asked, for a user's label.
    typealias Answering = (AdminRequest, _ actor: String) async -> AdminAnswer

    private let listener: Listener
    private var isStopped = false
    private let loop: EventLoop
    private let answering: Answering
    /// The users that may ask. Looked up once: the system's answer may take its time.
    private let users: [UInt32: String]
    private var running = 0
    private let wakeup = Wakeup()

    /// The socket of the service that has a state directory.
    static func path(in stateDirectory: String) -> String { stateDirectory + "/control" }

    /// Listens in a state directory; on the socket of the process whose place this one takes, where it is `handed` on.
    init(
        in stateDirectory: String, handed: Int32? = nil, on loop: EventLoop, answering: @escaping Answering
    ) throws(SystemError) {
        let path = Self.path(in: stateDirectory)
        let kept = KeptSockets(handed.map { [$0] } ?? [])
        guard let made = try Listener.open(.unix(path: path), isFirst: true, backlog: 128, kept: kept).first else {
            throw SystemError(code: EADDRNOTAVAIL, call: "listen on \(path)")
        }
        listener = made
        self.loop = loop
        self.answering = answering
        users = Dictionary([0, geteuid()].map { ($0, Self.actor($0)) }) { first, _ in first }
    }

    /// How a user stands in log and audit trail; no key is called so.
    static func actor(_ user: UInt32) -> String { "uid:\(user)(\(ServiceUser.label(of: user)))" }

    /// The listening descriptor.
    var number: Int32 { listener.number }

    /// Takes no more clients: another process does. Those that are here get their answers.
    func stop() {
        isStopped = true
        wakeup.signal()
    }

    /// Answers until it is stopped and nobody waits any more, or the service ends.
    func serve() async {
        let pause = Alarm(on: loop, waking: wakeup)
        let readiness = Readiness(listener.number, on: loop, interest: .reading, waking: wakeup)
        defer { readiness.cancel() }
        while !isStopped {
            guard running < Self.maxClients else {
                await wakeup.wait()
                continue
            }
            switch listener.accept() {
            case .connection(let socket, _): begin(socket)
            case .none:
                readiness.readWouldBlock()
                await wakeup.wait()
            case .exhausted:
                // Without a pause the listener, which stays readable, would keep the loop busy for nothing.
                pause.deadline = loop.now + Milliseconds(1000)
                while !pause.isDue { await wakeup.wait() }
                pause.cancel()
            }
        }
        while running > 0 { await wakeup.wait() }
    }

    private func begin(_ socket: consuming FileDescriptor) {
        running += 1
        let client = AdminClientConnection(socket, on: loop)
        let box = Handover(socket: self, client: client)
        // Unstructured: clients do not wait for each other.
        Task(executorPreference: loop) { await box.run() }
    }

    /// What goes to a task on the same loop.
    // `@unchecked Sendable`: both are only used on their loop, which is where the task runs as well.
    private struct Handover: @unchecked Sendable {
        let socket: AdminSocket
        let client: AdminClientConnection

        func run() async { await socket.serve(client) }
    }

    private func serve(_ client: AdminClientConnection) async {
        let actor = UnixSocket.peerUser(of: client.number).flatMap { users[$0] }
        while let line = await client.nextLine() {
            let answer: AdminAnswer
            if actor == nil {
                answer = AdminAnswer(.denied, lines: ["only root and the service's own user may ask"])
            } else if let actor, let request = AdminRequest(line: line) {
                answer = await answering(request, actor)
            } else {
                answer = AdminAnswer(.usage, lines: ["that is no request"])
            }
            guard await client.write(answer.line), actor != nil, !isStopped else { break }
        }
        client.end()
        running -= 1
        wakeup.signal()
    }

    private static let maxClients = 32
}

/// One client of the administrative socket. Confined to its loop.
private final class AdminClientConnection {
    private let socket: FileDescriptor
    private let loop: EventLoop
    private let wakeup = Wakeup()
    private let readiness: Readiness
    private let limit: Alarm
    private var lines = AdminLine(limit: AdminRequest.maxBytes)

    init(_ socket: consuming FileDescriptor, on loop: EventLoop) {
        self.socket = socket
        self.loop = loop
        readiness = Readiness(self.socket.number, on: loop, interest: .socket, waking: wakeup)
        limit = Alarm(on: loop, waking: wakeup)
    }

    var number: Int32 { socket.number }

    /// The next line; nil when none comes in time, or none that could be a request.
    func nextLine() async -> [UInt8]? {
        limit.deadline = loop.now + .seconds(Self.seconds)
        while true {
            switch lines.next() {
            case .whole(let line): return line
            case .tooLong: return nil
            case .partial: break
            }
            switch unsafe socket.read(into: loop.scratch) {
            case .bytes(let count): unsafe lines.append(loop.scratch.prefix(count))
            case .wouldBlock:
                readiness.readWouldBlock()
                if limit.isDue { return nil }
                await wakeup.wait()
            case .end, .failed: return nil
            }
        }
    }

    /// Writes all of it; false when it is not taken in time.
    func write(_ bytes: [UInt8]) async -> Bool {
        limit.deadline = loop.now + .seconds(Self.seconds)
        var written = 0
        while written < bytes.count {
            switch socket.write(bytes.span.extracting(written..<bytes.count)) {
            case .bytes(let count): written += count
            case .wouldBlock:
                readiness.writeWouldBlock()
                if limit.isDue { return false }
                await wakeup.wait()
            case .end, .failed: return false
            }
        }
        return true
    }

    func end() {
        readiness.cancel()
        limit.cancel()
    }

    private static let seconds = 5
}
