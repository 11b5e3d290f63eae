/// Why the ledger could not do what it was asked; never holds anything that was stored.
public enum LedgerFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file cannot be used as things are, because of its directory or disk: found at the start.
    case unusable(String)
    /// What stands in the file cannot be used, now or later: found at the start.
    case damaged(String)
    /// SQLite refused, in its own words.
    case failed(String)
    /// What is to be stored does not fit within the bound, whatever else goes.
    case full
    /// The response that a new one continues has gone since it was read.
    case parentGone
    /// More is asked for at once than is let wait.
    case busy
    /// The ledger has been closed.
    case closed

    /// The reason in words, for a log.
    public var description: String {
        switch self {
        case .unusable(let reason), .damaged(let reason), .failed(let reason): reason
        case .full: "it does not fit within the bound of what may be stored"
        case .parentGone: "the response that it continues was removed meanwhile"
        case .busy: "too many requests wait for the ledger"
        case .closed: "the ledger is closed"
        }
    }
}
