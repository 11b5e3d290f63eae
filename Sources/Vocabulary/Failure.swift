/// What went wrong, in words that belong to no dialect; each dialect gives it its own status, type and code.
public enum FailureKind: Sendable, Equatable {
    case invalidRequest, unauthenticated, paymentRequired, forbidden, notFound, modelNotFound
    case methodNotAllowed, requestTimeout, conflict, tooLarge, targetTooLong, unsupportedMediaType
    case expectationFailed, misdirected, headersTooLarge
    /// The caller's own share is used up; the account may have more for others.
    case shareSpent
    case rateLimited, internalError, notImplemented, badGateway, unavailable, gatewayTimeout, overloaded

    /// The HTTP status (RFC 9110 §15; 529 is the vendor's own for overload).
    public var status: Int {
        switch self {
        case .invalidRequest: 400
        case .unauthenticated: 401
        case .paymentRequired: 402
        case .forbidden: 403
        case .notFound, .modelNotFound: 404
        case .methodNotAllowed: 405
        case .requestTimeout: 408
        case .conflict: 409
        case .tooLarge: 413
        case .targetTooLong: 414
        case .unsupportedMediaType: 415
        case .expectationFailed: 417
        case .misdirected: 421
        case .rateLimited, .shareSpent: 429
        case .headersTooLarge: 431
        case .internalError: 500
        case .notImplemented: 501
        case .badGateway: 502
        case .unavailable: 503
        case .gatewayTimeout: 504
        case .overloaded: 529
        }
    }
}

/// The caller's fault: it is explained to the caller and nothing was started for it.
public struct Refusal: Error, Sendable, Equatable {
    /// What is wrong.
    public var kind: FailureKind
    /// The explanation shown to the caller; never holds a key.
    public var message: String
    /// The field that is wrong, as `messages[0].role`.
    public var param: String?
    /// A machine-readable reason beyond `kind`, as `previous_response_not_found`.
    public var code: String?
    /// The value of `allow` with `.methodNotAllowed`.
    public var allow: String?
    /// How long to wait before asking again, in seconds.
    public var retryAfterSeconds: Int?

    /// A refusal with its explanation.
    public init(
        _ kind: FailureKind, _ message: String, param: String? = nil, code: String? = nil,
        allow: String? = nil
    ) {
        self.kind = kind
        self.message = message
        self.param = param
        self.code = code
        self.allow = allow
    }
}

/// Our fault, the CLI's or its vendor's: the caller learns the kind and a safe sentence, the log the rest.
public struct Fault: Error, Sendable, Equatable {
    /// What is wrong.
    public var kind: FailureKind
    /// The sentence shown to the caller: no secret, no prompt, and no path of this machine but those of a command that
    /// its operator is to run.
    public var message: String
    /// What the log says beside it.
    public var detail: String
    /// Seconds to wait before trying again, where known.
    public var retryAfterSeconds: Int?
    /// Whether an SDK should retry by itself; nil leaves it to the status.
    public var shouldRetry: Bool?
    /// When a usage limit ends, in Unix seconds.
    public var resetsAt: Int?
    /// True where this gateway itself asks to come back in a moment: it is busy, or being stopped.
    public var isMomentary = false
    /// True for a rate of the caller's own: how long it lasts is known to the second.
    public var isRate = false
    /// True where the same question may well be answered if it is asked again in a moment.
    public var isPassing = false
    /// What is wrong with the login of the CLI, where that is the cause.
    public var login: LoginTrouble?

    /// A fault with its safe sentence.
    public init(
        _ kind: FailureKind, _ message: String, detail: String = "", retryAfterSeconds: Int? = nil,
        shouldRetry: Bool? = nil, resetsAt: Int? = nil, login: LoginTrouble? = nil
    ) {
        self.kind = kind
        self.message = message
        self.detail = detail
        self.retryAfterSeconds = retryAfterSeconds
        self.shouldRetry = shouldRetry
        self.resetsAt = resetsAt
        self.login = login
    }
}

extension Fault {
    /// A fault that may well be over in a moment.
    public static func passing(_ kind: FailureKind, _ message: String, detail: String = "") -> Fault {
        var fault = Fault(kind, message, detail: detail)
        fault.isPassing = true
        return fault
    }
}

/// What a turn found wrong with the login of the CLI.
public enum LoginTrouble: Sendable, Equatable {
    /// There is none.
    case missing
    /// The vendor does not take it.
    case refused
}
