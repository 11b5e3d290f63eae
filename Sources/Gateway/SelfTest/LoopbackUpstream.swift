import HTTP
import Platform

/// Plays the vendor for a self-test: answers the CLI on a loopback port and remembers what it was sent.
///
/// Confined to its loop; nothing runs by itself, the owner calls `poll`. Only requests whose path begins with a token
/// it gave out are remembered or answered, so that nobody else on the machine can feed it. Bounded in connections,
/// requests and bytes.
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

    private let loop: EventLoop
    /// Signalled whenever there may be something to do.
    let wakeup: Wakeup
    private let listener: Listener
    private let readiness: Readiness
    private var clients: [LoopbackClient] = []
    private var replies: [String: [UInt8]] = [:]
    private var traffic: [String: Traffic] = [:]

    private static let maxClients = 32
    private static let maxRequests = 64

    init(on loop: EventLoop, waking wakeup: Wakeup) throws(SystemError) {
        self.loop = loop
        self.wakeup = wakeup
        let listeners = try Listener.open(.tcp(host: "127.0.0.1", port: 0), isFirst: true, backlog: 16)
        guard let listener = listeners.first, let port = listener.port else {
            throw SystemError(code: 0, call: "listen on 127.0.0.1")
        }
        self.listener = listener
        self.port = port
        readiness = Readiness(listener.number, on: loop, interest: .reading, waking: wakeup)
    }

    /// A base URL of its own for one turn, which gets `reply`, a stream of events, for each request.
    func open(reply: [UInt8]) -> (token: String, url: String) {
        var random = SystemRandomNumberGenerator()
        let token = (0..<2).map { _ in String(random.next() as UInt64, radix: 36) }.joined()
        replies[token] = reply
        return (token, "http://127.0.0.1:\(port)/\(token)")
    }

    /// Has the next requests of a turn get another reply.
    func change(reply: [UInt8], of token: String) { replies[token] = reply }

    /// What has come under a token so far.
    func traffic(of token: String) -> Traffic { traffic[token] ?? Traffic() }

    /// Accepts, reads, answers: whatever can be done now without waiting.
    func poll() {
        accept()
        for client in clients { client.poll(answering: self) }
        for client in clients where client.isOver { client.close() }
        clients.removeAll { $0.isOver }
    }

    /// Closes everything; the upstream is of no use afterwards.
    func close() {
        readiness.cancel()
        for client in clients { client.close() }
        clients = []
    }

    private func accept() {
        while readiness.isReadable {
            switch listener.accept() {
            case .connection(let socket, _):
                guard clients.count < Self.maxClients else { continue }
                clients.append(LoopbackClient(socket, on: loop, waking: wakeup))
            case .none: return readiness.readWouldBlock()
            case .exhausted: return readiness.readWouldBlock()
            }
        }
    }

    /// Takes a request and says what to answer.
    fileprivate func answer(_ request: Request, _ body: [UInt8]) -> Response {
        let parts = request.path.split(separator: UInt8(ascii: "/"), maxSplits: 1)
        guard let first = parts.first, let reply = replies[String(decoding: first, as: UTF8.self)] else {
            return Self.json(404, "{}")
        }
        let token = String(decoding: first, as: UTF8.self)
        var seen = traffic[token] ?? Traffic()
        defer { traffic[token] = seen }
        seen.isContacted = true
        guard request.method == .post, let path = parts.dropFirst().first,
            seen.questions.count + seen.counts.count < Self.maxRequests
        else { return Self.json(404, "{}") }
        if path.elementsEqual("v1/messages/count_tokens".utf8) {
            seen.counts.append(body)
            return Self.json(200, "{\"input_tokens\":1234}")
        }
        guard path.elementsEqual("v1/messages".utf8) else { return Self.json(404, "{}") }
        seen.questions.append(body)
        var fields = ResponseFields()
        fields.append(.contentType, "text/event-stream")
        return Response(status: 200, fields: fields, body: reply)
    }

    fileprivate static func json(_ status: Int, _ text: String) -> Response {
        var fields = ResponseFields()
        fields.append(.contentType, "application/json")
        return Response(status: status, fields: fields, body: Array(text.utf8))
    }
}

/// One connection of the CLI to the upstream of its self-test.
private final class LoopbackClient {
    /// True when the connection is of no more use.
    private(set) var isOver = false

    private let socket: FileDescriptor
    private let readiness: Readiness
    private let loop: EventLoop
    private var decoder = HTTP1Decoder()
    private var input: [UInt8] = []
    private var request: Request?
    private var chunks = ChunkedDecoder()
    private var body: [UInt8] = []
    private var output: [UInt8] = []
    private var written = 0

    /// More than any request of a self-test needs.
    private static let maxBytes = 4 << 20

    init(_ socket: consuming FileDescriptor, on loop: EventLoop, waking wakeup: Wakeup) {
        readiness = Readiness(socket.number, on: loop, interest: .socket, waking: wakeup)
        self.loop = loop
        self.socket = socket
    }

    func poll(answering upstream: LoopbackUpstream) {
        while readiness.isReadable, !isOver {
            switch unsafe socket.read(into: loop.scratch) {
            case .bytes(let count):
                unsafe input.append(contentsOf: loop.scratch.prefix(count))
                take(upstream)
            case .wouldBlock: readiness.readWouldBlock()
            case .end, .failed: isOver = true
            }
        }
        write()
    }

    func close() { readiness.cancel() }

    private func take(_ upstream: LoopbackUpstream) {
        do throws(HTTPFault) {
            while !isOver {
                if request == nil {
                    let received = input
                    guard let (head, consumed) = try decoder.decode(received.span) else { break }
                    input.removeFirst(consumed)
                    request = head
                    chunks = ChunkedDecoder()
                }
                guard let head = request, try takeBody(of: head) else { break }
                respond(upstream.answer(head, body), to: head)
                request = nil
                body = []
            }
            if input.count + body.count > Self.maxBytes { isOver = true }
        } catch {
            isOver = true
        }
    }

    /// True when the body is complete.
    private func takeBody(of head: Request) throws(HTTPFault) -> Bool {
        switch head.body {
        case .none: return true
        case .length(let count):
            guard input.count >= count else {
                if count > Self.maxBytes { isOver = true }
                return false
            }
            body = Array(input.prefix(count))
            input.removeFirst(count)
            return true
        case .chunked:
            var position = 0
            defer { input.removeFirst(position) }
            let received = input
            while true {
                switch try chunks.next(in: received.span, at: &position) {
                case .data(let range): body.append(contentsOf: received[range])
                case .needsMore: return false
                case .finished: return true
                }
            }
        case .untilEnd: return true
        }
    }

    private func respond(_ response: Response, to head: Request) {
        HTTP1Encoder.append(
            response, under: HTTP1Encoder.Conditions(answering: head),
            date: HTTPDate.imfFixdate(unixSeconds: WallClock.unixSeconds), to: &output)
        write()
    }

    private func write() {
        let bytes = output
        while readiness.isWritable, written < bytes.count, !isOver {
            switch socket.write(bytes.span.extracting(written..<bytes.count)) {
            case .bytes(let count): written += count
            case .wouldBlock: readiness.writeWouldBlock()
            case .end, .failed: isOver = true
            }
        }
        if written == output.count {
            output.removeAll(keepingCapacity: true)
            written = 0
        }
    }
}
