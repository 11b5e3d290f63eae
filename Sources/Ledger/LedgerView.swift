import Glibc

/// A ledger that is only looked at, beside whoever uses it: it is not changed, whatever its form. Used by one thread at a
/// time, which it blocks.
public final class LedgerView {
    private let database: Database

    /// Opens a file that has the newest form.
    public init(path: String) throws(LedgerFault) {
        database = try Database(path: path, isReadOnly: true)
        let form = try database.integer("PRAGMA user_version")
        guard form == LedgerFile.newestForm else {
            throw .unusable(
                form < LedgerFile.newestForm
                    ? "it is of an older release; the service brings it forward when it starts" : "it is of a newer release")
        }
    }

    /// True where there is a file of that name.
    public static func exists(path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    /// What was used, in the order of the groups.
    public func usage(_ filter: UsageFilter, by grouping: UsageGrouping) throws(LedgerFault) -> [UsageRow] {
        try database.look { (database) throws(LedgerFault) in try UsageStore.report(filter, by: grouping, in: database) }
    }

    /// How many requests were refused and why, in the order of the groups.
    public func refusals(_ filter: UsageFilter, by grouping: UsageGrouping) throws(LedgerFault) -> [RefusalRow] {
        try database.look { (database) throws(LedgerFault) in try UsageStore.refusals(filter, by: grouping, in: database) }
    }

    /// The keys that the ledger holds, in the order of their ids.
    public func keys() throws(LedgerFault) -> [StoredKey] {
        try database.look { (database) throws(LedgerFault) in try KeyStore.all(in: database) }
    }
}
