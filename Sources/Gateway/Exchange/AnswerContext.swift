import Dialects
import HTTP
import Models
import Platform
import Server
import Vocabulary

/// What every answer to one request has in common: its identifier, the fields that browsers need, and its log line.
struct AnswerContext {
    /// `req_` and 22 letters and digits.
    let requestID: String
    let started: Instant
    let seat: Seat
    /// The configuration that the request keeps to its end; a turn whose CLI was replaced goes on with the newest.
    var snapshot: Snapshot
    /// The usage limits, for callers with a key alone: they are no stranger's business.
    var quota: QuotaView?
    /// Whose key was shown and accepted; nil as long as there is none.
    var principal: Principal?
    /// The name of the key that was shown and accepted, for the log; nil as long as there is none.
    var keyID: String?
    /// The program that asks; nil as long as it has not mattered.
    var client: ClientKind?
    /// What the client calls its session, its chat and its user, where that is logged.
    var clientIDs: [RequestRecord.ClientID] = []
    private let method: Method?
    /// What a browser's `origin` gets; nil when there is none, and then nothing of CORS is sent.
    private let allowedOrigin: String?
    /// True when another origin would have been told something else.
    private let dependsOnOrigin: Bool

    init(_ request: Request, at seat: Seat) {
        self.seat = seat
        snapshot = seat.site.snapshot
        requestID = seat.state.newIdentifier("req_")
        started = seat.loop.now
        method = request.method
        allowedOrigin = request.fields.string(of: .origin).flatMap(snapshot.configuration.cors.allowed)
        dependsOnOrigin = snapshot.configuration.cors.dependsOnOrigin
    }

    /// The context of what could not be read as a request.
    init(unreadableAt seat: Seat) {
        self.seat = seat
        snapshot = seat.site.snapshot
        requestID = seat.state.newIdentifier("req_")
        started = seat.loop.now
        method = nil
        allowedOrigin = nil
        dependsOnOrigin = snapshot.configuration.cors.dependsOnOrigin
    }

    /// A record with what is known before anything has been done.
    func record(path: String) -> RequestRecord {
        var record = RequestRecord()
        record.id = requestID
        record.keyID = keyID
        record.address = seat.client.text
        record.method = method?.name ?? "-"
        record.path = path
        record.client = client?.rawValue
        record.clientIDs = clientIDs
        return record
    }

    /// Notes what program asks.
    mutating func note(client fields: Fields) {
        client = ClientKind(fields)
        if snapshot.configuration.logging.tellsClientIDs { clientIDs = ClientIDs.of(fields) }
    }

    // MARK: - Answers

    /// A JSON response with the fields that all have.
    func json(status: Int, _ body: [UInt8], adding extra: [(FieldName, String)] = []) -> Response {
        var fields = ResponseFields()
        fields.append(.contentType, "application/json")
        addCommon(to: &fields, status: status)
        for (name, value) in extra { fields.append(name, value) }
        return Response(status: status, fields: fields, body: body)
    }

    /// The head of a stream of server-sent events.
    func stream(adding extra: [(FieldName, String)]) -> Response {
        var fields = ResponseFields()
        fields.append(.contentType, "text/event-stream; charset=utf-8")
        fields.append(.cacheControl, "no-cache")
        // Else nginx in front would gather the events before it passes them on.
        fields.append(.accelBuffering, "no")
        addCommon(to: &fields, status: 200)
        for (name, value) in extra { fields.append(name, value) }
        return Response(status: 200, fields: fields)
    }

    /// A refusal in a dialect's words, logged.
    func refuse(_ refusal: Refusal, path: String, as dialect: Dialect) -> Response {
        var record = record(path: path)
        record.fault = "\(refusal.kind)"
        // The only limit that is told before anybody is known.
        if refusal.kind == .rateLimited { record.refusal = .failedKeys }
        let response = error(ErrorReply(refusal, dialect: dialect, requestID: requestID))
        finish(&record, response)
        return response
    }

    /// An error in a dialect's words.
    func error(_ reply: ErrorReply) -> Response {
        var response = json(status: reply.status, reply.body)
        for (name, value) in reply.fields {
            guard let name = FieldName(parsing: "\(name)"), name != .contentType else { continue }
            response.fields.append(name, value)
        }
        addReset(of: reply, to: &response)
        return response
    }

    /// `GET /health`: whether the service lives and how busy it is.
    func health() -> Response {
        let response = json(status: 200, seat.desk.healthBody())
        var record = record(path: "/health")
        record.isMonitoring = true
        finish(&record, response)
        return response
    }

    /// `GET /readyz`: whether a balancer should send anybody here.
    func readiness() -> Response {
        let readiness = ReadyAnswer(seat)
        let response = json(
            status: readiness.isReady ? 200 : 503, readiness.body, adding: [(.cacheControl, "no-store")])
        var record = record(path: "/readyz")
        record.isMonitoring = true
        finish(&record, response)
        return response
    }

    /// `GET /metrics`.
    func metrics(_ request: Request) -> Response {
        let form = MetricsText.form(accepting: request.fields.string(of: .accept))
        var fields = ResponseFields()
        fields.append(.contentType, MetricsText.contentType(form))
        addCommon(to: &fields, status: 200)
        let response = Response(status: 200, fields: fields, body: seat.site.metricsText(form))
        var record = record(path: "/metrics")
        record.isMonitoring = true
        finish(&record, response)
        return response
    }

    /// `/api/hello`: where Claude Code warms its connection up before it asks.
    func hello() -> Response {
        let response = json(status: 200, Array("{}".utf8))
        var record = record(path: "/api/hello")
        record.isMonitoring = true
        finish(&record, response)
        return response
    }

    /// A WebSocket was asked for where there is none: Codex goes on over HTTP at once when it hears this status, and
    /// tries on for seconds at any other (RFC 9110 §15.5.22; the encoder adds the `upgrade` field).
    func webSocketRefusal(path: String) -> Response {
        let refusal = Refusal(.invalidRequest, "There are no WebSockets here; POST to this address instead.")
        let reply = ErrorReply(refusal, dialect: .responses, requestID: requestID)
        let response = json(status: 426, reply.body)
        var record = record(path: path)
        record.isMonitoring = true
        finish(&record, response)
        return response
    }

    /// `GET /`: what this is.
    func information() -> Response {
        var body = JSONWriter()
        body.beginObject()
        body.member("name", literal: "portcullis")
        body.member("version", Release.version)
        // What clients of other wrappers look at to see that a service is there.
        body.member("status", literal: "ok")
        body.member("service", literal: "portcullis")
        body.key("dialects")
        body.beginArray()
        for name in ["messages", "chat", "responses"] { body.string(name) }
        body.endArray()
        body.key("endpoints")
        body.beginArray()
        for path in Endpoints.listed { body.string(path) }
        if snapshot.configuration.servesConsole { body.string("/console") }
        body.endArray()
        let load = seat.site.admission.load
        body.key("queue")
        body.beginObject()
        body.member("active", load.running)
        body.member("waiting", load.waiting)
        body.member("max", snapshot.configuration.turns.maxRunning)
        body.endObject()
        body.endObject()
        return logged("/", json(status: 200, body.bytes))
    }

    /// `GET /openapi.json`: what can be asked, and how.
    func description() -> Response {
        let document = APIDescription.document(
            console: snapshot.configuration.servesConsole, workspaces: !snapshot.workspaces.isEmpty)
        return logged("/openapi.json", json(status: 200, document))
    }

    /// `GET /console`: the page, which needs no key. It has a policy of its own, and no page of another origin reads it.
    func console() -> Response {
        var fields = ResponseFields()
        fields.append(.requestID, requestID, isUnique: true)
        fields.append(.xRequestID, requestID, isUnique: true)
        for (name, value) in ConsolePage.fields { fields.append(name, value) }
        if let transport = ResponseFields.strictTransport(snapshot.configuration) {
            fields.append("strict-transport-security", transport)
        }
        return logged("/console", Response(status: 200, fields: fields, body: ConsolePage.body))
    }

    /// `GET /v1/models`; Codex, which names its version in the query, wants a catalogue.
    func models(_ request: Request) -> Response {
        let query = QueryParameters.parse(request.query ?? [])
        let isForCodex = query.contains { $0.name == "client_version" }
        let body: [UInt8]
        if let options = principal?.options, options.models != nil || options.defaultModel != nil {
            let grants = KeyGrants(options: options)
            let allowed = snapshot.models.entries(first: options.defaultModel).filter { grants.allows(model: $0.id, target: $0.target) }
            body = ModelList.list(allowed.map(shown), withCodexCatalog: isForCodex)
        } else {
            body = seat.desk.modelLists.list(of: snapshot, forCodex: isForCodex) {
                ModelList.list(snapshot.models.entries.map(shown), withCodexCatalog: isForCodex)
            }
        }
        return logged("/models", json(status: 200, body))
    }

    private func shown(_ entry: ModelCatalog.Entry) -> ModelEntry {
        ModelEntry(entry, resolved: snapshot.modelNames(of: snapshot.accounts.of(principal?.options).first ?? snapshot.accounts.standard))
    }

    /// `GET /v1/models/{id}`.
    func model(named name: String) throws(Refusal) -> Response {
        let grants = KeyGrants(options: principal?.options ?? KeyOptions())
        guard let entry = snapshot.models.entry(for: name), grants.allows(model: name, target: entry.target) else {
            throw Refusal(
                .modelNotFound, "There is no model of this name.", param: "model", code: "model_not_found")
        }
        return logged("/models/{id}", json(status: 200, ModelList.entry(shown(entry))))
    }

    /// The answer to OPTIONS, above all to a browser's question before a request (Fetch Standard, CORS preflight).
    func preflight(_ request: Request, allow methods: String?) -> Response {
        var fields = ResponseFields()
        fields.append(.allow, methods ?? Self.methods)
        addCommon(to: &fields, status: 204)
        if allowedOrigin != nil {
            fields.append(.accessControlAllowMethods, Self.methods)
            // `*` would not cover `authorization`, so what is asked for is allowed by name.
            let asked = request.fields.string(of: .accessControlRequestHeaders)
            fields.append(.accessControlAllowHeaders, asked ?? Self.usualFields)
            fields.append(.accessControlMaxAge, "86400")
            // Older Chromium asks so before a page reaches into a private network.
            if request.fields.string(of: .accessControlRequestPrivateNetwork) == "true" {
                fields.append(.accessControlAllowPrivateNetwork, "true")
            }
        }
        return Response(status: 204, fields: fields)
    }

    /// Completes a record and writes it.
    func finish(_ record: inout RequestRecord, _ response: Response) {
        record.status = response.status
        record.bytesOut = response.body.count
        record.endMicroseconds = Instant.now.microseconds(since: started)
        seat.site.note(record)
    }

    private func logged(_ path: String, _ response: Response) -> Response {
        var record = record(path: path)
        finish(&record, response)
        return response
    }

    private func addCommon(to fields: inout ResponseFields, status: Int) {
        // Anthropic's SDKs read the first name, OpenAI's the second.
        fields.append(.requestID, requestID, isUnique: true)
        fields.append(.xRequestID, requestID, isUnique: true)
        fields.append(contentsOf: snapshot.protection)
        quota?.append(to: &fields, status: status)
        if let degraded = snapshot.cli.degraded { fields.append(.degraded, degraded) }
        if dependsOnOrigin { fields.append(.vary, "origin") }
        guard let allowedOrigin else { return }
        fields.append(.accessControlAllowOrigin, allowedOrigin)
        fields.append(.accessControlExposeHeaders, Self.exposedFields)
    }

    private static let methods = "GET, HEAD, POST, DELETE, OPTIONS"
    private static let usualFields =
        "authorization, x-api-key, content-type, anthropic-version, anthropic-beta, "
        + "anthropic-dangerous-direct-browser-access"
    private static let exposedFields =
        "request-id, x-request-id, retry-after, retry-after-ms, x-should-retry, x-portcullis-ignored, "
        + "x-portcullis-degraded, x-conversation-id, x-portcullis-conversation, " + QuotaFields.names + ", " + KeyShareFields.names
}

extension ModelEntry {
    /// A model of the catalog as the list shows it; `resolved` tells what the CLI's names stand for.
    init(_ entry: ModelCatalog.Entry, resolved: [String: String]) {
        self.init(id: entry.id, displayName: entry.displayName, created: entry.created)
        let traits = ModelTraits.of(entry.target, resolved: resolved)
        guard traits.version.family != nil else { return }
        (contextTokens, maxOutputTokens) = (traits.contextTokens, traits.maxOutputTokens)
        efforts = traits.efforts
        inputs = traits.readsFiles ? ["image", "file"] : ["image"]
        parameters = Self.parameters(of: traits)
    }

    private static func parameters(of traits: ModelTraits) -> [String] {
        var words = ["max_tokens", "stop", "tools", "tool_choice", "response_format", "structured_outputs"]
        if !traits.words.isDisjoint(with: [.adaptive, .enabled]) { words += ["reasoning", "reasoning_effort"] }
        if traits.sampling == .free || traits.sampling == .oneOfTwo { words += ["temperature", "top_p"] }
        return words
    }
}
