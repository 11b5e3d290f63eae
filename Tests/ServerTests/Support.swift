import Glibc
import HTTP
import Platform
import Synchronization
import TLS
import TestSupport
import Testing

@testable import Server

/// Event loops for tests, which run as long as the tests do.
enum TestLoops {
    private static let loops: [EventLoop] = {
        signal(SIGPIPE, SIG_IGN)
        return (0..<2).compactMap { _ in
            guard let loop = try? EventLoop(), (try? loop.start()) != nil else { return nil }
            return loop
        }
    }()
    private static let turn = Atomic(0)

    static func next() -> EventLoop? {
        let number = turn.add(1, ordering: .relaxed).newValue
        return loops.isEmpty ? nil : loops[number % loops.count]
    }

    /// Runs on a loop what is confined to one.
    static func run<Result: Sendable>(_ body: @escaping @Sendable (EventLoop) async throws -> Result) async throws -> Result {
        let loop = try #require(next())
        // Unstructured because only a task can be given an executor.
        return try await Task(executorPreference: loop) { try await body(loop) }.value
    }
}

/// Serves a handful of paths: `/at-once`, `/echo` (the body), `/stream`, `/dropped` (a writer that nobody uses).
final class Parrot: Application {
    let terms: Terms
    let limiter: ConnectionLimiter
    let events = ServerEvents()
    let limits: WireLimits
    let heard = Mutex<[String]>([])

    init(
        _ limits: WireLimits = WireLimits(), tls: TLSContext? = nil, connections: Int = 100, perNetwork: Int = 100,
        strangers: Int = 100, proxies: [String] = [], hasHeaders: Bool = false
    ) {
        self.limits = limits
        terms = Terms(
            limits, tls: tls, trustedProxies: proxies.compactMap { AddressRange($0) }, hasProxyHeaders: hasHeaders)
        limiter = ConnectionLimiter(
            ConnectionLimiter.Limits(total: connections, perNetwork: perNetwork, unauthenticatedPerNetwork: strangers))
    }

    func responder(on state: LoopState) -> any Responder { ParrotDesk(self) }

    func hear(_ event: ServerEvent) { heard.withLock { $0.append("\(event)") } }
}

private final class ParrotDesk: Responder, Job {
    private let parrot: Parrot

    init(_ parrot: Parrot) { self.parrot = parrot }

    func answer(_ request: Request, from caller: any Caller) -> Answer {
        request.path == Array("/at-once".utf8)[...] ? .whole(Self.text(200, "at once, \(caller.peer.text)")) : .job(self)
    }

    func answer(unreadable fault: HTTPFault, from caller: any Caller) -> Response { Self.text(fault.status, fault.reason) }

    func run(asked channel: any RequestChannel, answering writer: consuming ResponseWriter) async {
        switch String(decoding: channel.request.path, as: UTF8.self) {
        case "/echo":
            do throws(BodyFault) {
                let body = try await channel.readBody(within: parrot.limits)
                await writer.respond(Response(status: 200, fields: ResponseFields(), body: body))
            } catch {
                guard case .refused(let fault) = error else { return }
                await writer.respond(Self.text(fault.status, fault.reason))
            }
        case "/stream":
            var stream = writer.stream(Response(status: 200, fields: ResponseFields()))
            for piece in ["one,", "two,", "three"] {
                var bytes = Array(piece.utf8)
                guard await stream.send(&bytes) else { return }
            }
            await stream.finish()
        default: return
        }
    }

    private static func text(_ status: Int, _ text: String) -> Response {
        Response(status: status, fields: ResponseFields(), body: Array(text.utf8))
    }
}

/// A parrot on a port of the kernel's choice.
final class ParrotService: Sendable {
    let parrot: Parrot
    let port: UInt16
    let worker: Worker

    init(_ parrot: Parrot = Parrot()) async throws {
        self.parrot = parrot
        let loop = try #require(TestLoops.next())
        let listeners = try Listener.open(.tcp(host: "127.0.0.1", port: 0), isFirst: true)
        port = try #require(listeners.first?.port)
        worker = Worker(on: loop, serving: parrot, listeners: listeners)
        await worker.start()
    }

    deinit {
        let worker = worker
        // Unstructured: the service ends with its test, which nobody waits for.
        Task {
            await worker.drain {}
            await worker.endJobs()
        }
    }
}

/// A blocking client that writes and reads bytes; nothing it waits for takes longer than twenty seconds.
final class Client {
    private let socket: FileDescriptor
    private let service: ParrotService

    init(_ service: ParrotService) throws {
        self.service = service
        socket = FileDescriptor(adopting: Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        unsafe setsockopt(socket.number, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = service.port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let number = socket.number
        let isConnected = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        try #require(isConnected)
    }

    func send(_ bytes: [UInt8]) { _ = unsafe Glibc.send(socket.number, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }
    func send(_ text: String) { send(Array(text.utf8)) }

    /// A request whose answer ends the connection, and all of the answer.
    func ask(_ head: String, _ fields: [String] = [], body: String? = nil) -> String {
        let length = body.map { ["content-length: \($0.utf8.count)"] } ?? []
        let lines = ["\(head) HTTP/1.1", "host: x", "connection: close"] + fields + length
        send(lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? ""))
        return rest()
    }

    /// The socket, for a TLS session over it.
    var number: Int32 { socket.number }

    /// So many bytes, or fewer when the server ends the connection.
    func take(_ count: Int) -> String {
        var piece = [UInt8](repeating: 0, count: count)
        let received = unsafe recv(socket.number, &piece, count, Int32(MSG_WAITALL))
        return String(decoding: piece.prefix(max(0, received)), as: UTF8.self)
    }

    /// Ends the client's side.
    func finish() { socket.shutdownWriting() }

    /// Whatever comes until the server ends the connection.
    func rest() -> String {
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe recv(socket.number, &piece, piece.count, 0)
            guard count > 0 else { return String(decoding: text, as: UTF8.self) }
            text += piece[..<count]
        }
    }
}
