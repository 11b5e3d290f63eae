import Dialects
import HTTP
import Ledger
import Platform
import Server
import Vocabulary

/// A request about conversations that are kept: `/conversations`, `/api/sessions` and what lies below.
enum ConversationCall: Sendable {
    case list(after: String?, count: Int)
    case create
    case retrieve(String)
    case delete(String)

    /// Understands path, method and query; `rest` is what names the conversation.
    init(_ request: Request, _ rest: ArraySlice<UInt8>, canCreate: Bool) throws(Refusal) {
        let isRead = request.method == .get || request.method == .head
        guard !rest.isEmpty else {
            if isRead {
                self = try Self.list(QueryParameters.parse(request.query ?? []))
            } else if canCreate, request.method == .post {
                self = .create
            } else {
                throw Self.wrongMethod(rest, canCreate)
            }
            return
        }
        guard !rest.contains(UInt8(ascii: "/")) else {
            throw Refusal(
                .notFound,
                "/v1/conversations/{id}/items is not offered here. Name the conversation at /v1/responses to go on with it.")
        }
        let id = String(percentDecoding: rest)
        if isRead {
            self = .retrieve(id)
        } else if request.method == .delete {
            self = .delete(id)
        } else {
            throw Self.wrongMethod(rest, canCreate)
        }
    }

    private static func list(_ query: [(name: String, value: String)]) throws(Refusal) -> Self {
        var (after, count): (String?, Int) = (nil, 100)
        for (name, value) in query {
            switch name {
            case "limit":
                // Digits alone: `Int` would also take "+5".
                guard value.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let limit = Int(value),
                    (1...500).contains(limit)
                else { throw Refusal(.invalidRequest, "limit: must be between 1 and 500", param: "limit") }
                count = limit
            case "after": after = value
            default: break
            }
        }
        return .list(after: after, count: count)
    }

    private static func wrongMethod(_ rest: ArraySlice<UInt8>, _ canCreate: Bool) -> Refusal {
        let methods = methods(behind: rest, canCreate: canCreate)
        return Refusal(.methodNotAllowed, "This path does not answer to this method.", allow: methods)
    }

    /// The methods that a path answers to, for `allow`; `rest` is what names the conversation.
    static func methods(behind rest: ArraySlice<UInt8>, canCreate: Bool) -> String {
        guard rest.isEmpty else { return "GET, HEAD, DELETE, OPTIONS" }
        return canCreate ? "GET, HEAD, POST, OPTIONS" : "GET, HEAD, OPTIONS"
    }
}

/// A request about conversations whose caller is known.
final class ConversationRequest {
    let context: AnswerContext
    /// The endpoint, as logs show it.
    let path: String
    let principal: Principal
    /// In whose words to refuse.
    let dialect: Dialect
    let call: ConversationCall

    init(context: AnswerContext, path: String, principal: Principal, dialect: Dialect, call: ConversationCall) {
        self.context = context
        self.path = path
        self.principal = principal
        self.dialect = dialect
        self.call = call
    }
}

/// Answers a request about conversations; needs neither a permit nor the CLI.
struct ConversationExchange {
    private let request: ConversationRequest
    private let channel: any RequestChannel
    private var context: AnswerContext { request.context }
    private var settings: ConversationSettings { context.snapshot.configuration.conversations }
    private var store: ConversationStore { context.seat.site.ledger.conversations }

    init(_ request: ConversationRequest, asked channel: any RequestChannel) {
        self.request = request
        self.channel = channel
    }

    /// Answers and logs.
    func run(answering writer: consuming ResponseWriter) async {
        var record = context.record(path: request.path)
        let response: Response
        do throws(TurnFailure) {
            response = context.json(status: 200, try await answer(request.call, &record))
        } catch {
            guard let reply = error.reply(in: request.dialect, requestID: context.requestID, &record) else { return }
            response = context.error(reply)
        }
        context.finish(&record, response)
        await writer.respond(response)
    }

    private func answer(_ call: ConversationCall, _ record: inout RequestRecord) async throws(TurnFailure) -> [UInt8] {
        // With nothing kept there is no conversation of any name.
        guard settings.isKeeping else {
            switch call {
            case .list: return ConversationAnswers.list([], hasMore: false)
            case .create: throw .refusal(.noConversations)
            case .retrieve(let id), .delete(let id): throw .refusal(.unknownConversation(id))
            }
        }
        switch call {
        case .list(let after, let count): return try await list(after, count)
        case .create:
            try count(&record)
            return try await create()
        case .retrieve(let id):
            let found = try await ask { [reader] in store.find(id, for: reader, then: $0) }
            guard case .found(let head, let pieces) = found else { throw .refusal(.unknownConversation(id)) }
            return ConversationAnswers.one(head, try? StoredGround(pieces.first ?? []))
        case .delete(let id):
            let isGone = try await ask { [reader] in store.delete(id, for: reader, then: $0) }
            // Of a session's first run nothing is kept yet.
            let wasGoingOn = context.seat.site.runs.remove(id, of: request.principal.id.text)
            guard isGone || wasGoingOn else { throw .refusal(.unknownConversation(id)) }
            return ConversationAnswers.deleted(id)
        }
    }

    private func list(_ after: String?, _ count: Int) async throws(TurnFailure) -> [UInt8] {
        let heads = try await ask { [reader] in store.list(for: reader, after: after, count: count + 1, then: $0) }
        return ConversationAnswers.list(heads.prefix(count), hasMore: heads.count > count)
    }

    /// Counts the request, unless one of the key's limits on requests is reached.
    private func count(_ record: inout RequestRecord) throws(TurnFailure) {
        do throws(LimitRefusal) {
            let charge = try context.seat.site.meters.begin(request.principal, isTurn: false, at: .current)
            charge.settle(UsageRecorder.Record(), as: UsageRecorder.Place(model: "other"))
        } catch {
            record.refusal = error.reason == .rate ? .keyRate : .keyLimit
            throw .fault(Fault(error, now: WallClock.unixSeconds))
        }
    }

    /// Begins a conversation under a name of the gateway's.
    private func create() async throws(TurnFailure) -> [UInt8] {
        // Each key has places of its own: who sends slowly holds up few others.
        let places = context.seat.site.beginnings
        guard places.take(of: request.principal.id) else { throw .fault(Fault(keeping: .busy)) }
        defer { places.give(of: request.principal.id) }
        let beginning: ConversationBeginning
        do throws(Refusal) {
            let limits = context.snapshot.configuration.limits
            let body = try await readBody()
            try KeyGrants(options: request.principal.options).check(bodyBytes: body.count)
            beginning = try ConversationBeginning(
                body, limits: JSONLimits(depth: limits.maxJSONDepth, values: limits.maxJSONValues))
        } catch {
            throw channel.isClientGone ? .gone : .refusal(error)
        }
        let id = ConversationName.ownPrefix + context.seat.state.newIdentifier()
        let turns = beginning.turns.filter(\.isWorthKeeping)
        let pieces = [beginning.ground.bytes] + turns.map(StoredTurn.bytes)
        let update = ConversationUpdate(
            owner: reader.owner, id: id, model: "", length: 0, contents: pieces)
        let (second, bounds) = (WallClock.unixSeconds, settings.bounds)
        _ = try await ask { store.update(update, within: bounds, at: second, then: $0) }
        let found = try await ask { [reader] in store.find(id, for: reader, then: $0) }
        guard case .found(let head, _) = found else { throw .refusal(.unknownConversation(id)) }
        return ConversationAnswers.one(head, beginning.ground)
    }

    private func readBody() async throws(Refusal) -> [UInt8] {
        do throws(BodyFault) { return try await channel.readBody(within: context.snapshot.wire) } catch {
            switch error {
            case .gone: throw Refusal(.requestTimeout, "The client has gone.")
            case .refused(let fault): throw Refusal(fault)
            }
        }
    }

    private func ask<Value: Sendable>(
        _ question: (@escaping @Sendable (Result<Value, LedgerFault>) -> Void) -> Void
    ) async throws(TurnFailure) -> Value {
        do throws(LedgerFault) {
            return try await LedgerWait.ask(on: context.seat.loop, waking: channel.wakeup, question)
        } catch {
            throw .fault(Fault(keeping: error))
        }
    }

    private var reader: Reader { Reader(owner: request.principal.id.text, notBefore: settings.notBefore) }
}

/// What the endpoints about conversations answer.
enum ConversationAnswers {
    /// A conversation as OpenAI tells of it, with what is known besides.
    static func one(_ head: ConversationHead, _ ground: StoredGround?) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { write(head, ground, &$0) }
        return writer.bytes
    }

    /// Conversations, the last used first.
    static func list(_ heads: ArraySlice<ConversationHead>, hasMore: Bool) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.raw("\"object\":\"list\"")
            writer.key("data")
            writer.beginArray()
            for head in heads { writer.object { write(head, nil, &$0) } }
            writer.endArray()
            writer.key("first_id")
            if let head = heads.first { writer.string(head.id) } else { writer.null() }
            writer.key("last_id")
            if let head = heads.last { writer.string(head.id) } else { writer.null() }
            writer.member("has_more", hasMore)
        }
        return writer.bytes
    }

    /// What is left to say of one that was deleted.
    static func deleted(_ id: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("id", id)
            writer.raw("\"object\":\"conversation.deleted\",\"deleted\":true")
        }
        return writer.bytes
    }

    private static func write(_ head: ConversationHead, _ ground: StoredGround?, _ writer: inout JSONWriter) {
        writer.member("id", head.id)
        writer.raw("\"object\":\"conversation\"")
        writer.member("created_at", head.created)
        writer.member("last_used_at", head.used)
        writer.key("model")
        if head.model.isEmpty { writer.null() } else { writer.string(head.model) }
        // The first piece is what they stand on.
        writer.member("messages", max(0, head.length - 1))
        writer.member("bytes", head.size)
        if let ground { writer.member("metadata", ground.metadata ?? JSONFragment("{}")) }
    }
}
