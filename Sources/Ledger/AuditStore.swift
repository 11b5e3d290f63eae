extension Ledger {
    /// What administrators did.
    public var audit: AuditStore { AuditStore(self) }
}

/// What administrators did, newest first; a store that they change writes to it in the same transaction.
public struct AuditStore: Sendable {
    private let ledger: Ledger

    init(_ ledger: Ledger) { self.ledger = ledger }

    /// Notes an act that changes nothing in the ledger. `then` hears success when it is on the disk.
    public func append(_ entry: AuditEntry, then: @escaping @Sendable (Result<Void, LedgerFault>) -> Void) {
        ledger.write(
            limit: Ledger.fewWaiting, { (database) throws(LedgerFault) in try Self.append(entry, in: database) },
            then: then)
    }

    /// The newest acts, at most `count`, newest first.
    public func newest(_ count: Int, then: @escaping @Sendable (Result<[AuditRecord], LedgerFault>) -> Void) {
        ledger.read(
            .report,
            { (database) throws(LedgerFault) in
                try database.rows(
                    "SELECT number, at, actor, action, subject, detail FROM audit ORDER BY number DESC LIMIT ?1", count
                ) { row in
                    let act = Act(at: row.integer(1), actor: row.text(2))
                    return AuditRecord(
                        number: row.integer(0),
                        entry: AuditEntry(act, action: row.text(3), subject: row.text(4), detail: row.text(5)))
                }
            }, then: then)
    }

    /// Begins to remove all but the newest `count`. `then` hears nil when they have gone.
    public func tidy(keeping count: Int, then: @escaping @Sendable (LedgerFault?) -> Void) {
        ledger.tidy(
            "audit",
            { (database) throws(LedgerFault) in
                try database.run(
                    """
                    DELETE FROM audit WHERE number IN
                        (SELECT number FROM audit ORDER BY number DESC LIMIT ?2 OFFSET ?1)
                    """, count, Self.tidyRows) > 0
            }, then: then)
    }

    private static let tidyRows = 256

    /// Notes an act in the transaction of what it changes.
    static func append(_ entry: AuditEntry, in database: Database) throws(LedgerFault) {
        try database.run(
            "INSERT INTO audit (at, actor, action, subject, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
            entry.act.at, entry.act.actor, entry.action, entry.subject, entry.detail)
    }
}
