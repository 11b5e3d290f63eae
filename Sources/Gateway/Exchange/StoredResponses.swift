import Dialects
import HTTP
import Ledger
import Server
import Vocabulary

/// A request about a response that was stored: `/v1/responses/{id}` and what lies below.
enum StoredCall: Sendable {
    case retrieve(String)
    case delete(String)
    case listInput(String, ItemPage)
    case cancel(String)

    /// Understands path, method and query; `rest` is the path behind `/responses/`.
    init(_ request: Request, _ rest: ArraySlice<UInt8>) throws(Refusal) {
        let parts = rest.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let id = String(decoding: parts.first ?? [], as: UTF8.self)
        let leaf = parts.count > 1 ? String(decoding: parts[1], as: UTF8.self) : ""
        guard !id.isEmpty, parts.count == 1 || (parts.count == 2 && (leaf == "input_items" || leaf == "cancel")) else {
            throw .nowhere(request)
        }
        let isRead = request.method == .get || request.method == .head
        let query = QueryParameters.parse(request.query ?? [])
        switch leaf {
        case "input_items" where isRead: self = .listInput(id, try ItemPage(query))
        case "cancel" where request.method == .post: self = .cancel(id)
        case "" where request.method == .delete: self = .delete(id)
        case "" where isRead:
            if query.contains(where: { $0.name == "stream" && $0.value != "false" }) {
                throw Refusal(
                    .invalidRequest, "stream: only background responses can be streamed later, and there are none here",
                    param: "stream")
            }
            self = .retrieve(id)
        default: throw Self.wrongMethod(leaf)
        }
    }

    private static func wrongMethod(_ leaf: String) -> Refusal {
        Refusal(.methodNotAllowed, "This path does not answer to this method.", allow: methods(of: leaf))
    }

    /// The methods that a path answers to, for `allow`; `rest` is what lies behind `/responses/`.
    static func methods(behind rest: ArraySlice<UInt8>) -> String {
        let parts = rest.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return methods(of: parts.count > 1 ? String(decoding: parts[1], as: UTF8.self) : "")
    }

    private static func methods(of leaf: String) -> String {
        switch leaf {
        case "input_items": "GET, HEAD, OPTIONS"
        case "cancel": "POST, OPTIONS"
        default: "GET, HEAD, DELETE, OPTIONS"
        }
    }

    /// The path as logs show it.
    var template: String {
        switch self {
        case .retrieve, .delete: "/responses/{id}"
        case .listInput: "/responses/{id}/input_items"
        case .cancel: "/responses/{id}/cancel"
        }
    }
}

/// Answers a request about a stored response; needs neither a permit nor the CLI.
struct StoredExchange {
    private let request: StoredRequest
    private let channel: any RequestChannel
    private var context: AnswerContext { request.context }

    init(_ request: StoredRequest, asked channel: any RequestChannel) {
        self.request = request
        self.channel = channel
    }

    /// Answers and logs.
    func run(answering writer: consuming ResponseWriter) async {
        var record = context.record(path: request.call.template)
        record.dialect = "\(Dialect.responses)"
        let response: Response
        do throws(TurnFailure) {
            response = context.json(status: 200, try await answer(request.call))
        } catch {
            guard let reply = error.reply(in: .responses, requestID: context.requestID, &record) else {
                return
            }
            response = context.error(reply)
        }
        await send(response, writer, &record)
    }

    /// A large answer goes out in pieces as the client takes them, and only a few at once: nothing else bounds how many
    /// of them a client may ask for and not read.
    private func send(
        _ response: Response, _ answer: consuming ResponseWriter, _ record: inout RequestRecord
    ) async {
        guard response.body.count > Self.largeBytes, channel.request.method != .head else {
            context.finish(&record, response)
            return await answer.respond(response)
        }
        let places = context.seat.site.largeAnswers
        guard places.take() else {
            let fault = Fault(storing: .busy)
            record.fault = "\(fault.kind): too many large answers at once"
            let refused = context.error(ErrorReply(fault, dialect: .responses, requestID: context.requestID))
            context.finish(&record, refused)
            return await answer.respond(refused)
        }
        defer { places.give() }
        var head = response
        head.body = []
        var writer = answer.stream(head)
        var rest = response.body[...]
        var isTaken = true
        while isTaken, !rest.isEmpty {
            var piece = Array(rest.prefix(Self.pieceBytes))
            rest = rest.dropFirst(Self.pieceBytes)
            isTaken = await writer.send(&piece)
        }
        context.finish(&record, response)
        if isTaken { await writer.finish() }
    }

    private static let largeBytes = 256 << 10
    private static let pieceBytes = 64 << 10

    private func answer(_ call: StoredCall) async throws(TurnFailure) -> [UInt8] {
        switch call {
        case .retrieve(let id): return try await find(id, .answer)
        case .delete(let id):
            guard try await delete(id) else { throw .refusal(StoredAnswers.unknown(id)) }
            return StoredAnswers.deleted(id)
        case .listInput(let id, let page):
            let items = try await find(id, .input)
            do throws(Refusal) { return try StoredAnswers.page(of: items, page) } catch { throw .refusal(error) }
        case .cancel(let id):
            _ = try await find(id, .answer)
            throw .refusal(
                Refusal(.invalidRequest, "Only background responses can be cancelled, and there are none here."))
        }
    }

    private func find(_ id: String, _ part: StoredPart) async throws(TurnFailure) -> [UInt8] {
        guard let store else { throw .refusal(StoredAnswers.unknown(id)) }
        let found: [UInt8]?
        do throws(LedgerFault) {
            let reader = reader
            found = try await LedgerWait.ask(on: context.seat.loop, waking: channel.wakeup) {
                store.find(id, part, for: reader, then: $0)
            }
        } catch {
            throw .fault(Fault(storing: error))
        }
        guard let found else { throw .refusal(StoredAnswers.unknown(id)) }
        return found
    }

    private func delete(_ id: String) async throws(TurnFailure) -> Bool {
        guard let store else { return false }
        do throws(LedgerFault) {
            let reader = reader
            return try await LedgerWait.ask(on: context.seat.loop, waking: channel.wakeup) {
                store.delete(id, for: reader, then: $0)
            }
        } catch {
            throw .fault(Fault(storing: error))
        }
    }

    /// Nil with storing switched off: then there is no response of any id.
    private var store: ResponseStore? {
        context.snapshot.configuration.responses.isStoring ? context.seat.site.ledger.responses : nil
    }

    private var reader: Reader {
        Reader(owner: request.principal.id.text, notBefore: context.snapshot.configuration.responses.notBefore)
    }
}
