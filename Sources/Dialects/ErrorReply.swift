public import Vocabulary

/// A refusal or fault as a whole HTTP answer in one dialect.
public struct ErrorReply: Sendable {
    /// The HTTP status.
    public let status: Int
    /// The fields that belong to it: `content-type`, and where they apply `retry-after`, `x-should-retry` and
    /// `allow`. The two request-id fields are the caller's.
    public let fields: [(name: StaticString, value: String)]
    /// When the limit ends that it tells of, in Unix seconds, where that is known.
    public let resetsAt: Int?
    /// The value of `retry-after`.
    public let retryAfterSeconds: Int?
    /// The JSON body.
    public let body: [UInt8]

    /// Words a refusal.
    public init(_ refusal: Refusal, dialect: Dialect, requestID: String) {
        var error = ErrorObject(kind: refusal.kind, message: refusal.message)
        error.param = refusal.param
        error.code = refusal.code
        error.isRefusal = true
        self.init(error, dialect, requestID, allow: refusal.allow, retryAfterSeconds: refusal.retryAfterSeconds)
    }

    /// Words a fault; its `detail` is not told. `run` is what a run had come to before it, a JSON object.
    public init(_ fault: Fault, dialect: Dialect, requestID: String, run: [UInt8]? = nil) {
        var error = ErrorObject(kind: fault.kind, message: fault.message)
        error.resetsAt = fault.resetsAt
        error.run = run
        self.init(
            error,
            dialect,
            requestID,
            retryAfterSeconds: fault.retryAfterSeconds,
            shouldRetry: fault.shouldRetry,
            isRate: fault.isRate
        )
    }

    /// A limit in the words of one client, which would wait in silence if it were told how long.
    init(limitBody: [UInt8], resetsAt: Int?) {
        status = FailureKind.rateLimited.status
        fields = [("content-type", "application/json"), ("x-should-retry", "false")]
        self.resetsAt = resetsAt
        retryAfterSeconds = nil
        body = limitBody
    }

    private init(
        _ error: ErrorObject,
        _ dialect: Dialect,
        _ requestID: String,
        allow: String? = nil,
        retryAfterSeconds: Int? = nil,
        shouldRetry: Bool? = nil,
        isRate: Bool = false
    ) {
        var fields: [(name: StaticString, value: String)] = [("content-type", "application/json")]
        let shouldRetry = shouldRetry ?? Self.shouldRetry(error.kind, wait: retryAfterSeconds)
        resetsAt = error.resetsAt
        self.retryAfterSeconds =
            isRate ? retryAfterSeconds : Self.retryAfter(error.kind, shouldRetry, wait: retryAfterSeconds)
        if let seconds = self.retryAfterSeconds { fields.append(("retry-after", String(seconds))) }
        if let shouldRetry { fields.append(("x-should-retry", shouldRetry ? "true" : "false")) }
        if let allow { fields.append(("allow", allow)) }
        self.fields = fields
        switch dialect {
        case .anthropic:
            status = error.kind.status
            body = error.anthropicBody(requestID: requestID)
        case .chatCompletions, .responses, .agentRun:
            status = error.kind == .overloaded ? 503 : error.kind.status
            body = error.openAIBody()
        }
    }

    /// Whether a client shall ask again by itself; nil leaves it to its own rules.
    ///
    /// SDKs ask again at 408, 409, 429 and from 500 on, Claude Code at 401 too, and sleep `retry-after` before it.
    private static func shouldRetry(_ kind: FailureKind, wait: Int?) -> Bool? {
        if let wait, !Waiting.isSlept(wait) { return false }
        return kind.mayPass ? nil : false
    }

    /// Seconds that we ask a client to wait.
    ///
    /// Where nobody told us any: enough that retries do not come at once, and longer where trying again by itself is of
    /// no use. Clients that do not read `x-should-retry`, as LiteLLM's router, sleep up to a minute, so a wait that
    /// shall not be slept is longer than that.
    private static func retryAfter(_ kind: FailureKind, _ shouldRetry: Bool?, wait: Int?) -> Int? {
        if let wait { return shouldRetry == false ? max(wait, 61) : wait }
        return switch kind {
        case .rateLimited, .unavailable, .overloaded: shouldRetry == false ? 300 : 2
        default: nil
        }
    }
}

extension FailureKind {
    /// Whether the same request may be answered when it is asked once more.
    fileprivate var mayPass: Bool {
        switch self {
        case .invalidRequest, .unauthenticated, .paymentRequired, .forbidden, .notFound, .modelNotFound,
            .methodNotAllowed, .tooLarge, .targetTooLong, .unsupportedMediaType, .expectationFailed, .headersTooLarge,
            .notImplemented, .shareSpent:
            false
        // Over another connection a misdirected request reaches its server (RFC 9110 §15.5.20).
        case .misdirected, .requestTimeout, .conflict, .rateLimited, .internalError, .badGateway, .unavailable,
            .gatewayTimeout, .overloaded:
            true
        }
    }
}

/// What the error objects of all dialects are made of.
struct ErrorObject {
    let kind: FailureKind
    let message: String
    var param: String?
    var code: String?
    var resetsAt: Int?
    var run: [UInt8]?
    var isRefusal = false

    init(kind: FailureKind, message: String) {
        self.kind = kind
        self.message = message
    }

    /// `{"type":"error","error":{…},"request_id":…}`.
    func anthropicBody(requestID: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.raw("\"type\":\"error\"")
        writer.key("error")
        writer.beginObject()
        writer.member("type", literal: anthropicType)
        writer.member("message", message)
        if let code {
            writer.key("details")
            writer.beginObject()
            writer.member("error_code", code)
            writer.endObject()
        }
        reset(&writer)
        writer.endObject()
        writer.member("request_id", requestID)
        writer.endObject()
        return writer.bytes
    }

    /// `{"error":{"message","type","param","code"}}`, and behind it what a run had come to.
    func openAIBody() -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("error")
        writer.beginObject()
        writer.member("message", openAIMessage)
        writer.member("type", literal: openAIType)
        writer.key("param")
        if let param = param ?? (kind == .modelNotFound ? "model" : nil), !param.isEmpty {
            writer.string(param)
        } else {
            writer.null()
        }
        writer.key("code")
        if let code = openAICode { writer.string(code) } else { writer.null() }
        reset(&writer)
        writer.endObject()
        if let run { writer.member("run", JSONFragment(validated: run[...])) }
        writer.endObject()
        return writer.bytes
    }

    private func reset(_ writer: inout JSONWriter) {
        guard let resetsAt else { return }
        writer.member("reset_at", Timestamp.rfc3339(resetsAt))
    }

    private var anthropicType: StaticString {
        switch kind {
        case .invalidRequest, .methodNotAllowed, .requestTimeout, .targetTooLong, .unsupportedMediaType,
            .expectationFailed, .misdirected, .headersTooLarge:
            "invalid_request_error"
        case .unauthenticated: "authentication_error"
        case .conflict: "conflict_error"
        case .paymentRequired, .shareSpent: "billing_error"
        case .forbidden: "permission_error"
        case .notFound, .modelNotFound: "not_found_error"
        case .tooLarge: "request_too_large"
        case .rateLimited: "rate_limit_error"
        case .internalError, .notImplemented, .badGateway, .unavailable: "api_error"
        case .gatewayTimeout: "timeout_error"
        case .overloaded: "overloaded_error"
        }
    }

    private var openAIType: StaticString {
        switch kind {
        case .invalidRequest, .notFound, .modelNotFound, .methodNotAllowed, .requestTimeout, .conflict, .tooLarge,
            .targetTooLong, .unsupportedMediaType, .expectationFailed, .misdirected, .headersTooLarge:
            "invalid_request_error"
        case .unauthenticated: isRefusal ? "invalid_request_error" : "authentication_error"
        case .paymentRequired, .shareSpent: "insufficient_quota"
        case .forbidden: "permission_error"
        case .rateLimited: "rate_limit_error"
        case .internalError, .notImplemented, .badGateway, .unavailable, .gatewayTimeout, .overloaded:
            "server_error"
        }
    }

    private var openAICode: String? {
        if let code { return code }
        if isContextOverflow { return "context_length_exceeded" }
        return switch kind {
        case .unauthenticated where isRefusal: "invalid_api_key"
        case .modelNotFound: "model_not_found"
        case .rateLimited: "rate_limit_exceeded"
        case .paymentRequired, .shareSpent: "insufficient_quota"
        case .overloaded: "overloaded"
        default: nil
        }
    }

    /// Clients such as litellm choose the exception by these words before they look at status or code.
    private var openAIMessage: String {
        if kind == .unauthenticated, isRefusal, !message.contains("Incorrect API key provided") {
            return "Incorrect API key provided. " + message
        }
        if isContextOverflow, !message.contains("This model's maximum context length is") {
            return "This model's maximum context length is exceeded. " + message
        }
        return message
    }

    /// The vendor's words for a prompt beyond the context window.
    private var isContextOverflow: Bool {
        (kind == .invalidRequest || kind == .tooLarge) && !isRefusal
            && message.lowercased().contains("prompt is too long")
    }
}
