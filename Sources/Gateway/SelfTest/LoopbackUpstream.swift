import HTTP
import Platform
import Server
import Synchronization

/// Plays the vendor for a self-test: answers the CLI on a loopback port and remembers what it was sent.
///
/// Served on its owner's loop by the same server as everything else. Only requests whose path begins with a token it gave
/// out are remembered or answered, so that nobody else on the machine can feed it. Bounded in connections, requests and
/// bytes.
final class LoopbackUpstream {
    /// What came under one token.
    struct Traffic {
        /// True when there was any request at all; some versions only ask whether anybody is there (HEAD).
        var isContacted = false
        /// True when there was a request for an answer.
        var isAsked: Bool { !questions.isEmpty }
        /// The bodies of the requests for an answer, in order.
        var questions: [[UInt8]] = []
        /// The bodies of the requests to count tokens, in order.
        var counts: [[UInt8]] = []
    }

    /// The port of 127.0.0.1 it answers on.
    let port: UInt16
    /// Signalled whenever something has come.
    let wakeup: Wakeup
    private let book: UpstreamBook
    private let worker: Worker

    init(on loop: EventLoop, waking wakeup: Wakeup) throws(SystemError) {
        self.wakeup = wakeup
        let listeners = try Listener.open(.tcp(host: "127.0.0.1", port: 0), isFirst: true, backlog: 16)
        guard let port = listeners.first?.port else { throw SystemError(code: 0, call: "listen on 127.0.0.1") }
        self.port = port
        book = UpstreamBook(RemoteWakeup(wakeup, on: loop))
        let worker = Worker(on: loop, serving: book, listeners: listeners)
        self.worker = worker
        // Unstructured: it serves until it is closed; connections made before wait in the kernel.
        Task(executorPreference: loop) { await worker.start() }
    }

    /// A base URL of its own for one turn, which gets `reply`, a stream of events, for each request.
    func open(reply: [UInt8]) -> (token: String, url: String) {
        var random = SystemRandomNumberGenerator()
        let token = (0..<2).map { _ in String(random.next() as UInt64, radix: 36) }.joined()
        change(reply: reply, of: token)
        return (token, "http://127.0.0.1:\(port)/\(token)")
    }

    /// Has the next requests of a turn get another reply.
    func change(reply: [UInt8], of token: String) { book.change(reply: reply, of: token) }

    /// What has come under a token so far.
    func traffic(of token: String) -> Traffic { book.traffic(of: token) }

    /// Closes everything; the upstream is of no use afterwards.
    func close() {
        let worker = worker
        // Unstructured: nobody waits for connections of processes that are gone.
        Task(executorPreference: worker.loop) {
            await worker.drain {}
            await worker.endJobs()
        }
    }
}

/// What an upstream answers and what it was sent.
private final class UpstreamBook: Application {
    let terms: Terms
    let limiter = ConnectionLimiter(ConnectionLimiter.Limits(total: 32, perNetwork: 32, unauthenticatedPerNetwork: 32))
    let events = ServerEvents()
    let limits: WireLimits
    private let owner: RemoteWakeup
    private let state = Mutex(State())

    private struct State {
        var replies: [String: [UInt8]] = [:]
        var traffic: [String: LoopbackUpstream.Traffic] = [:]
    }

    private static let maxRequests = 64
    /// More than any request of a self-test needs.
    private static let maxBytes = 4 << 20

    init(_ owner: RemoteWakeup) {
        self.owner = owner
        var http = HTTPLimits()
        http.bodyBytes = Self.maxBytes
        limits = WireLimits(http: http)
        terms = Terms(limits, tls: nil)
    }

    func change(reply: [UInt8], of token: String) { state.withLock { $0.replies[token] = reply } }

    func traffic(of token: String) -> LoopbackUpstream.Traffic {
        state.withLock { $0.traffic[token] ?? LoopbackUpstream.Traffic() }
    }

    func responder(on state: LoopState) -> any Responder { UpstreamDesk(self) }

    func hear(_ event: ServerEvent) {}

    /// Takes a request and says what to answer.
    func answer(_ request: Request, _ body: [UInt8]) -> Response {
        defer { owner.signal() }
        return state.withLock { Self.answer(request, body, &$0) }
    }

    private static func answer(_ request: Request, _ body: [UInt8], _ state: inout State) -> Response {
        let parts = request.path.split(separator: UInt8(ascii: "/"), maxSplits: 1)
        let token = parts.first.map { String(decoding: $0, as: UTF8.self) } ?? ""
        guard let reply = state.replies[token] else { return json(404, "{}") }
        var seen = state.traffic[token] ?? LoopbackUpstream.Traffic()
        defer { state.traffic[token] = seen }
        seen.isContacted = true
        guard request.method == .post, let path = parts.dropFirst().first,
            seen.questions.count + seen.counts.count < maxRequests
        else { return json(404, "{}") }
        if path.elementsEqual("v1/messages/count_tokens".utf8) {
            seen.counts.append(body)
            return json(200, "{\"input_tokens\":1234}")
        }
        guard path.elementsEqual("v1/messages".utf8) else { return json(404, "{}") }
        seen.questions.append(body)
        var fields = ResponseFields()
        fields.append(.contentType, "text/event-stream")
        return Response(status: 200, fields: fields, body: reply)
    }

    static func json(_ status: Int, _ text: String) -> Response {
        var fields = ResponseFields()
        fields.append(.contentType, "application/json")
        return Response(status: status, fields: fields, body: Array(text.utf8))
    }
}

/// Answers every request with what the book says.
private final class UpstreamDesk: Responder, Job {
    private let book: UpstreamBook

    init(_ book: UpstreamBook) { self.book = book }

    func answer(_ request: Request, from caller: any Caller) -> Answer { .job(self) }

    func answer(unreadable fault: HTTPFault, from caller: any Caller) -> Response {
        UpstreamBook.json(fault.status, "{}")
    }

    func run(asked channel: any RequestChannel, answering writer: consuming ResponseWriter) async {
        do throws(BodyFault) {
            let body = try await channel.readBody(within: book.limits)
            await writer.respond(book.answer(channel.request, body))
        } catch {
            guard case .refused(let fault) = error else { return }
            await writer.respond(UpstreamBook.json(fault.status, "{}"))
        }
    }
}
