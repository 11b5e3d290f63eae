import Dialects
import HTTP
import Platform
import Server
import Vocabulary

/// A request for a turn whose caller is known: what an exchange needs to begin.
///
/// An object, because tasks hold it in every frame it passes through for as long as the turn lasts.
final class TurnRequest {
    let context: AnswerContext
    /// The endpoint, as logs show it.
    let path: String
    let principal: Principal
    let dialect: Dialect
    /// True when the tokens are to be counted rather than the model asked.
    let countsTokens: Bool
    let preferences: TurnPreferences
    /// Seals summaries for the caller alone.
    let summaries: SummarySealer?
    /// Where the events of a run are kept; nil for other turns.
    let events: KeptStream?

    init(
        context: AnswerContext, path: String, principal: Principal, dialect: Dialect, countsTokens: Bool,
        preferences: TurnPreferences, summaries: SummarySealer?
    ) {
        self.context = context
        self.path = path
        self.principal = principal
        self.dialect = dialect
        self.countsTokens = countsTokens
        self.preferences = preferences
        self.summaries = summaries
        events = dialect == .agentRun ? KeptStream() : nil
    }
}

/// A request about a stored response whose caller is known.
final class StoredRequest {
    let context: AnswerContext
    let principal: Principal
    let call: StoredCall

    init(context: AnswerContext, principal: Principal, call: StoredCall) {
        self.context = context
        self.principal = principal
        self.call = call
    }
}

/// What cannot be answered at once.
enum Work: Job {
    case turn(TurnRequest)
    case stored(StoredRequest)
    case usage(UsageRequest)
    case conversations(ConversationRequest)
    case run(RunCallRequest)
    case console(ConsoleRequest)

    /// How long a run goes on whose client has lost its connection.
    private static let runPatience = Milliseconds.seconds(60)

    /// Does it; the client has been answered, or is gone, and no process is left.
    func run(asked channel: any RequestChannel, answering writer: consuming ResponseWriter) async {
        switch self {
        case .turn(let request):
            guard let events = request.events else {
                var exchange = Exchange(request, asked: channel)
                return await exchange.run(answering: writer)
            }
            let lingering = LingeringChannel(writer, keeping: events, on: request.context.seat.loop, for: Self.runPatience)
            var exchange = Exchange(request, asked: lingering)
            await exchange.run(answering: lingering.writer())
        case .run(let request): await RunExchange(request, asked: channel).run(answering: writer)
        case .stored(let request): await StoredExchange(request, asked: channel).run(answering: writer)
        case .usage(let request): await UsageExchange(request, asked: channel).run(answering: writer)
        case .conversations(let request): await ConversationExchange(request, asked: channel).run(answering: writer)
        case .console(let request): await ConsoleExchange(request, asked: channel).run(answering: writer)
        }
    }
}

/// What a path leads to.
enum Endpoints {
    /// What becomes of a request.
    enum Route {
        /// It is answered at once.
        case answer(Response)
        /// It takes the CLI or the ledger.
        case work(Work)
    }

    private enum Target: Sendable {
        case information, description, health, readiness, metrics, hello, models, model, quota, usage, accountUsage, stored
        case console, consoleCall
        case turn(Dialect, countsTokens: Bool = false)
        case conversations(canCreate: Bool = false)
        case missing(MissingEndpoints.Endpoint)

        /// The methods it answers to, for `allow`; `rest` is what the path has behind the target's own.
        func methods(behind rest: ArraySlice<UInt8>) -> String {
            switch self {
            case .turn: "POST, OPTIONS"
            case .stored: StoredCall.methods(behind: rest)
            case .consoleCall: ConsoleCall.methods(behind: rest)
            case .conversations where RunCall.methods(behind: rest) != nil: RunCall.methods(behind: rest) ?? ""
            case .conversations(let canCreate): ConversationCall.methods(behind: rest, canCreate: canCreate)
            default: "GET, HEAD, OPTIONS"
            }
        }

        /// True for what tells of the service and of nobody's questions.
        var isForWatchers: Bool {
            switch self {
            case .metrics, .readiness, .health: true
            default: false
            }
        }
    }

    private struct Row: Sendable {
        let path: [UInt8]
        let template: String
        let target: Target
        /// True when the path is a beginning and the rest names a thing.
        let isPrefix: Bool

        init(_ path: String, _ target: Target, isPrefix: Bool = false) {
            self.path = Array(path.utf8)
            template = path + (isPrefix ? "{id}" : "")
            self.target = target
            self.isPrefix = isPrefix
        }

        init(_ endpoint: MissingEndpoints.Endpoint) { self.init(endpoint.path, .missing(endpoint)) }

        /// Without a workspace nothing of agents exists.
        func exists(in snapshot: Snapshot) -> Bool {
            if case .turn(.agentRun, _) = target { return !snapshot.workspaces.isEmpty }
            return true
        }

        /// True when a plain path leads here.
        func takes(_ path: ArraySlice<UInt8>) -> Bool {
            if isPrefix { return path.starts(with: self.path) }
            if path == self.path[...] { return true }
            guard case .missing = target else { return false }
            return path.starts(with: self.path) && path.dropFirst(self.path.count).first == UInt8(ascii: "/")
        }
    }

    /// Every endpoint, and every one that is missing; each also stands below `/v1`.
    private static let rows: [Row] = [
        Row("/health", .health),
        Row("/readyz", .readiness),
        Row("/metrics", .metrics),
        Row("/messages", .turn(.anthropic)),
        Row("/chat/completions", .turn(.chatCompletions)),
        Row("/responses", .turn(.responses)),
        Row("/messages/count_tokens", .turn(.anthropic, countsTokens: true)),
        Row("/responses/input_tokens", .turn(.responses, countsTokens: true)),
        Row("/models", .models),
        Row("/chat/models", .models),
        Row("/quota", .quota),
        Row("/usage", .usage),
        Row("/api/oauth/usage", .accountUsage),
        Row("/api/run", .turn(.agentRun)),
        Row("/conversations", .conversations(canCreate: true)),
        Row("/api/sessions", .conversations()),
        Row("/sessions", .conversations()),
        Row("/api/hello", .hello),
        Row("/openapi.json", .description),
        Row("/console", .console),
        Row("/", .information),
    ] + MissingEndpoints.all.map { Row($0) } + [
        Row("/responses/", .stored, isPrefix: true),
        Row("/conversations/", .conversations(), isPrefix: true),
        Row("/api/sessions/", .conversations(), isPrefix: true),
        Row("/sessions/", .conversations(), isPrefix: true),
        Row("/models/", .model, isPrefix: true),
        Row("/console/api/", .consoleCall, isPrefix: true),
    ]

    /// What `GET /` lists: every endpoint, but for those that clients ask by themselves and those that take a name.
    static let listed: [String] = rows.compactMap { row in
        switch row.target {
        case .missing, .information, .hello, .accountUsage, .console, .turn(.agentRun, _): nil
        case _ where row.isPrefix: nil
        case .description: row.template
        case _ where row.target.isForWatchers: row.template
        default: "/v1" + row.template
        }
    }

    /// Finds out what a request asks for and answers it, unless it needs the CLI.
    static func route(_ request: Request, at seat: Seat) -> Route {
        let path = PlainPath.of(request.path)
        if isPlainHealth(request, path, seat) { return .answer(seat.desk.healthResponse()) }
        var context = AnswerContext(request, at: seat)
        guard context.snapshot.configuration.hosts.allows(request.authority) else {
            let refusal = Refusal(.misdirected, "There is no such host here.")
            return .answer(context.refuse(refusal, path: "other", as: dialect(of: path, request)))
        }
        let row = rows.first { $0.takes(path) && $0.exists(in: context.snapshot) }
        if request.method == .options {
            return .answer(context.preflight(request, allow: row?.target.methods(behind: path.dropFirst(row?.path.count ?? 0))))
        }
        guard let row else {
            // Whoever shows a key is no stranger, wherever the path leads.
            recognize(request, &context)
            let meant = endpoint(at: path)
            let words = dialect(of: meant?.path[...] ?? path, request)
            let refusal = Refusal.nowhere(request, near: meant?.template)
            return .answer(context.refuse(refusal, path: "other", as: words))
        }
        return route(request, to: row, path, context)
    }

    /// Answers at an address that is for those who watch the service, who need no key there.
    static func watch(_ request: Request, at seat: Seat) -> Response {
        let context = AnswerContext(request, at: seat)
        let path = PlainPath.of(request.path)
        guard let row = rows.first(where: { $0.takes(path) }), row.target.isForWatchers else {
            let refusal = Refusal(.notFound, "There are /metrics, /health and /readyz at this address, and nothing else.")
            return context.refuse(refusal, path: "other", as: .chatCompletions)
        }
        do throws(Refusal) { try checkMethod(request, row.target) } catch {
            return context.refuse(error, path: row.template, as: .chatCompletions)
        }
        switch row.target {
        case .metrics: return context.metrics(request)
        case .readiness: return context.readiness()
        default: return context.health()
        }
    }

    /// A monitor's question, for which nothing has to be made: it is not logged and no browser waits for its answer.
    private static func isPlainHealth(
        _ request: Request, _ path: ArraySlice<UInt8>, _ seat: Seat
    ) -> Bool {
        path == healthPath && (request.method == .get || request.method == .head)
            && request.fields[.origin] == nil && !seat.site.log.writes(.debug)
            && (!showsKey(request) || !seat.site.snapshot.accounts.all.contains { $0.quota.isKnown })
            && seat.site.snapshot.configuration.hosts.allowsAll
    }

    /// Whoever shows a key may be told more.
    private static func showsKey(_ request: Request) -> Bool {
        request.fields[.authorization] != nil || request.fields[.xAPIKey] != nil
    }

    private static let healthPath = Array("/health".utf8)[...]

    /// The answer to what is not even a request.
    static func unreadable(_ fault: HTTPFault, at seat: Seat) -> Response {
        AnswerContext(unreadableAt: seat).refuse(Refusal(fault), path: "unreadable", as: .chatCompletions)
    }

    private static func route(
        _ request: Request, to row: Row, _ path: ArraySlice<UInt8>, _ context: AnswerContext
    ) -> Route {
        let dialect: Dialect
        if case .turn(let own, _) = row.target { dialect = own } else { dialect = self.dialect(of: path, request) }
        var context = context
        if asksForWebSocket(request, row.target) {
            recognize(request, &context)
            return .answer(context.webSocketRefusal(path: row.template))
        }
        do throws(Refusal) {
            try checkMethod(request, row.target)
            let rest = path.dropFirst(row.path.count)
            switch row.target {
            case .information:
                recognize(request, &context)
                return .answer(context.information())
            case .description:
                recognize(request, &context)
                return .answer(context.description())
            case .health:
                recognize(request, &context)
                return .answer(context.health())
            case .readiness: return .answer(context.readiness())
            case .metrics:
                let principal = try identify(request, &context)
                guard principal.options.role == .admin else { throw .needsAdministrator("The metrics are") }
                return .answer(context.metrics(request))
            case .hello: return .answer(context.hello())
            case .accountUsage:
                let principal = try identify(request, &context)
                return .answer(context.usageAnswer(for: principal))
            case .usage:
                let principal = try identify(request, &context)
                return .work(.usage(try UsageRequest(request, of: principal, in: context)))
            case .missing(let endpoint): throw endpoint.refusal
            case .models:
                try identify(request, &context)
                return .answer(context.models(request))
            case .model:
                try identify(request, &context)
                // Names of models may hold what a path may not, such as `[`.
                return .answer(try context.model(named: String(percentDecoding: rest)))
            case .console:
                guard context.snapshot.configuration.servesConsole else { throw .nowhere(request) }
                return .answer(context.console())
            case .consoleCall:
                guard context.snapshot.configuration.servesConsole else { throw .nowhere(request) }
                let call = try ConsoleCall(request, rest)
                let principal = try identify(request, &context)
                if call.takesBody { try checkBody(request, context.snapshot) }
                return .work(.console(try ConsoleRequest(request, call, of: principal, in: context)))
            case .quota:
                try identify(request, &context)
                return .answer(context.quotaAnswer())
            case .stored:
                let principal = try identify(request, &context)
                let call = try StoredCall(request, rest)
                return .work(.stored(StoredRequest(context: context, principal: principal, call: call)))
            case .conversations(let canCreate):
                let principal = try identify(request, &context)
                if !context.snapshot.workspaces.isEmpty, let call = try RunCall(request, rest) {
                    return .work(.run(RunCallRequest(context: context, principal: principal, call: call)))
                }
                let call = try ConversationCall(request, rest, canCreate: canCreate)
                if case .create = call {
                    try checkBody(request, context.snapshot)
                    let grants = KeyGrants(options: principal.options)
                    if case .length(let count) = request.body { try grants.check(bodyBytes: count) }
                }
                return .work(
                    .conversations(
                        ConversationRequest(
                            context: context, path: row.template, principal: principal, dialect: dialect, call: call)))
            case .turn(let dialect, let countsTokens):
                let principal = try identify(request, &context)
                let grants = KeyGrants(options: principal.options)
                try grants.check(dialect)
                try checkBody(request, context.snapshot)
                if case .length(let count) = request.body { try grants.check(bodyBytes: count) }
                context.quota?.tellsCodex = dialect == .responses
                context.note(client: request.fields)
                let preferences = try TurnPreferences(request.fields, options: principal.options)
                return .work(
                    .turn(
                        TurnRequest(
                            context: context, path: row.template, principal: principal, dialect: dialect,
                            countsTokens: countsTokens, preferences: preferences,
                            summaries: dialect == .responses ? sealer(of: principal, request) : nil)))
            }
        } catch {
            if error.kind == .methodNotAllowed || error.kind == .notFound { recognize(request, &context) }
            return .answer(context.refuse(error, path: row.template, as: dialect))
        }
    }

    private static func checkMethod(_ request: Request, _ target: Target) throws(Refusal) {
        let isAllowed =
            switch target {
            case .turn: request.method == .post
            // Which methods there are depends on what follows the id.
            case .stored, .conversations, .consoleCall, .missing: true
            default: request.method == .get || request.method == .head
            }
        guard !isAllowed else { return }
        if case .information = target, request.method == .post { throw .bareAddress(request) }
        throw Refusal(.methodNotAllowed, "This path does not answer to this method.", allow: target.methods(behind: []))
    }

    /// Finds out whether the caller of what needs no key shows one all the same.
    private static func recognize(_ request: Request, _ context: inout AnswerContext) {
        _ = try? identify(request, &context)
    }

    /// Finds out who asks; whoever has a key is told the usage limits with the answer.
    @discardableResult
    private static func identify(_ request: Request, _ context: inout AnswerContext) throws(Refusal) -> Principal {
        let principal = try authenticate(request, context)
        let account = context.snapshot.accounts.of(principal.options).first
        context.quota = QuotaView(account?.quota ?? QuotaBook(), for: principal, in: context.seat.site.meters)
        context.principal = principal
        context.keyID = principal.name
        return principal
    }

    private static func authenticate(_ request: Request, _ context: AnswerContext) throws(Refusal) -> Principal {
        let credential = try Credential.extract(
            authorization: request.fields.values(of: .authorization), apiKey: request.fields.values(of: .xAPIKey))
        let keys = context.seat.site.keys
        let gate = KeyGate(context)
        if let credential { try gate.check(credential) }
        var verdict: KeyDirectory.Verdict = credential.map { keys.authenticate($0.span) } ?? .unknown
        // Whoever has a key without its certificate is told no more than who has none.
        if case .accepted(let principal) = verdict, !principal.options.isAt(home: context.seat.clientCertificate) {
            verdict = .unknown
        }
        if let credential { gate.note(verdict, of: credential) }
        switch verdict {
        case .accepted(let principal):
            let addresses = principal.options.addresses
            guard addresses.isEmpty || addresses.contains(where: { $0.contains(context.seat.client) }) else {
                throw Refusal(.forbidden, "This key may not be used from this address.")
            }
            context.seat.noteAuthenticated()
            return principal
        case .refused(let reason): throw Refusal(.unauthenticated, reason.message)
        case .unknown:
            guard let principal = keys.anonymous() else {
                throw Refusal(.unauthenticated, "The API key is missing or not valid.")
            }
            context.seat.noteAuthenticated()
            return principal
        }
    }

    private static func sealer(of principal: Principal, _ request: Request) -> SummarySealer? {
        let shown = try? Credential.extract(
            authorization: request.fields.values(of: .authorization), apiKey: request.fields.values(of: .xAPIKey))
        return principal.sealer(shown: principal.id == .anonymous ? [] : Array(shown ?? []))
    }

    /// What can be refused of a body before it is read.
    private static func checkBody(_ request: Request, _ snapshot: Snapshot) throws(Refusal) {
        if case .length(let count) = request.body, count > snapshot.wire.http.bodyBytes {
            throw Refusal(.tooLarge, "The request body is larger than \(snapshot.wire.http.bodyBytes) bytes.")
        }
        if let coding = request.fields[.contentEncoding], !isBlank(coding), !isToken(coding, "identity") {
            throw Refusal(.unsupportedMediaType, "The request body must not be compressed.")
        }
        guard let type = request.fields[.contentType], !isBlank(type) else { return }
        let media = type.prefix { $0 != UInt8(ascii: ";") }
        let isJSON = isToken(media, "application/json") || media.suffix(5).elementsEqual("+json".utf8)
        if !isJSON { throw Refusal(.unsupportedMediaType, "The request body must be application/json.") }
    }

    /// A field without a value says nothing.
    private static func isBlank(_ bytes: ArraySlice<UInt8>) -> Bool { bytes.allSatisfy { $0 == 0x20 || $0 == 0x09 } }

    private static func isToken(_ bytes: ArraySlice<UInt8>, _ text: String) -> Bool {
        let trimmed = bytes.filter { $0 != 0x20 && $0 != 0x09 }
        return trimmed.count == text.utf8.count && zip(trimmed, text.utf8).allSatisfy { $0 | 0x20 == $1 }
    }

    /// The endpoint that ends a path which leads nowhere, as in `/api/v1/chat/completions`.
    private static func endpoint(at path: ArraySlice<UInt8>) -> Row? {
        rows.filter { row in
            switch row.target {
            case .turn, .models: path.suffix(row.path.count) == row.path[...]
            default: false
            }
        }.max { $0.path.count < $1.path.count }
    }

    /// A question for a WebSocket instead of a request; HTTP/2 has another way to ask it, which is not offered.
    private static func asksForWebSocket(_ request: Request, _ target: Target) -> Bool {
        guard case .turn(.responses, countsTokens: false) = target, request.method == .get,
            request.version == .http11
        else { return false }
        return request.fields.values(of: .upgrade).contains { value in
            value.split(separator: UInt8(ascii: ",")).contains { isToken($0, "websocket") }
        }
    }

    /// In whose words to speak of a path that belongs to both vendors or to none: Anthropic's clients show themselves
    /// by their version header or by the name of their key's header.
    private static func dialect(of path: ArraySlice<UInt8>, _ request: Request) -> Dialect {
        if path.starts(with: "/messages".utf8) { return .anthropic }
        if path.starts(with: "/chat".utf8) { return .chatCompletions }
        if path.starts(with: "/responses".utf8) { return .responses }
        let isAnthropic = request.fields[.anthropicVersion] != nil || request.fields[.xAPIKey] != nil
        return isAnthropic ? .anthropic : .chatCompletions
    }
}

extension Refusal {
    /// Something that an ordinary key is not shown.
    static func needsAdministrator(_ subject: String) -> Refusal {
        Refusal(.forbidden, "\(subject) shown to keys with role=admin alone.")
    }

    /// What cannot be read as HTTP, in the words of a refusal.
    init(_ fault: HTTPFault) {
        let kind: FailureKind =
            switch fault.status {
            case 408: .requestTimeout
            case 413: .tooLarge
            case 414: .targetTooLong
            case 417: .expectationFailed
            case 421: .misdirected
            case 431: .headersTooLarge
            case 501, 505: .notImplemented
            default: .invalidRequest
            }
        self.init(kind, fault.reason.prefix(1).uppercased() + fault.reason.dropFirst() + ".")
    }
}
