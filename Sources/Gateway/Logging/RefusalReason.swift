/// Why a request was not let in: a few words that metrics count by.
enum RefusalReason: String, Sendable, CaseIterable {
    /// No key, or none that opens.
    case unauthenticated
    /// A key, after so many wrong ones from the same network that it was not looked at.
    case failedKeys = "failed_keys"
    /// The key may not ask for this.
    case forbidden
    /// The request cannot be understood, or asks for what there is not.
    case invalid
    /// It leads nowhere.
    case notFound = "not_found"
    /// It is larger than it may be.
    case tooLarge = "too_large"
    /// It did not come in time.
    case tooSlow = "too_slow"
    /// A share of days or more of the key is used up or reserved.
    case keyLimit = "key_limit"
    /// A limit of the key by the minute, or on turns at once.
    case keyRate = "key_rate"
    /// The key's part of the account is used up, and the rest is kept for others.
    case accountShare = "account_share"
    /// The account's own limit is known to be reached.
    case accountLimit = "account_limit"
    /// Too many turns run and wait.
    case busy
    /// No turn can be run for now.
    case unavailable

    /// The reason that a status stands for; nil for one that is no refusal.
    init?(status: Int) {
        switch status {
        case 401: self = .unauthenticated
        case 402, 403: self = .forbidden
        case 404, 405: self = .notFound
        case 408: self = .tooSlow
        case 413, 414, 431: self = .tooLarge
        case 429: self = .accountLimit
        case 499: return nil
        case 400..<499, 501, 505: self = .invalid
        case 503: self = .unavailable
        case 529: self = .busy
        default: return nil
        }
    }
}
