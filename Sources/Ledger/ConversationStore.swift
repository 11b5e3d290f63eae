extension Ledger {
    /// Conversations that clients continue by name.
    public var conversations: ConversationStore { ConversationStore(self) }
}

/// Conversations of clients that send only what is new, found by their owners alone. The ledger does not read what the
/// turns hold.
public struct ConversationStore: Sendable {
    private let ledger: Ledger

    init(_ ledger: Ledger) { self.ledger = ledger }

    /// Writes turns behind those that are stored, or in their place; begins the conversation where there is none. The
    /// conversations that nobody has used for longest go where room is needed; `.full` when that is not enough.
    public func update(
        _ update: ConversationUpdate, within bounds: ConversationBounds, at second: Int,
        then: @escaping @Sendable (Result<ConversationOutcome, LedgerFault>) -> Void
    ) {
        ledger.write(
            { (database) throws(LedgerFault) in
                try ConversationWriter(database).update(update, within: bounds, at: second)
            }, then: then)
    }

    /// A whole conversation of at most so many bytes. One that was last used before the reader's moment has expired.
    public func load(
        _ id: String, for reader: Reader, maxBytes: Int,
        then: @escaping @Sendable (Result<ConversationFinding, LedgerFault>) -> Void
    ) {
        ledger.read(
            .lookup, { (database) throws(LedgerFault) in try Self.load(id, reader, maxBytes, in: database) }, then: then)
    }

    /// A conversation with the first piece of its content alone.
    public func find(
        _ id: String, for reader: Reader,
        then: @escaping @Sendable (Result<ConversationFinding, LedgerFault>) -> Void
    ) {
        ledger.read(
            .lookup,
            { (database) throws(LedgerFault) in
                guard let head = try Self.head(id, reader, in: database) else { return .unknown }
                let first = try database.rows(
                    "SELECT content FROM conversation_turns WHERE owner = ?1 AND id = ?2 AND position = 0",
                    reader.owner, id
                ) { $0.bytes(0) }
                return .found(head, contents: first)
            }, then: then)
    }

    /// Conversations of the reader, the last used first: those that come after the one with the id `previous`, at most
    /// `count`.
    public func list(
        for reader: Reader, after previous: String? = nil, count: Int,
        then: @escaping @Sendable (Result<[ConversationHead], LedgerFault>) -> Void
    ) {
        ledger.read(
            .lookup,
            { (database) throws(LedgerFault) in
                guard let previous else {
                    return try database.rows(
                        """
                        SELECT id, created, used, model, length, size FROM conversations
                        WHERE owner = ?1 AND used >= ?2 ORDER BY used DESC, id DESC LIMIT ?3
                        """, reader.owner, reader.notBefore, count, body: Self.head)
                }
                return try database.rows(
                    """
                    SELECT id, created, used, model, length, size FROM conversations
                    WHERE owner = ?1 AND used >= ?2 AND (used, id) <
                        (SELECT used, id FROM conversations WHERE owner = ?1 AND id = ?4)
                    ORDER BY used DESC, id DESC LIMIT ?3
                    """, reader.owner, reader.notBefore, count, previous, body: Self.head)
            }, then: then)
    }

    /// Deletes a conversation. `then` hears false when the reader has no such conversation.
    public func delete(
        _ id: String, for reader: Reader, then: @escaping @Sendable (Result<Bool, LedgerFault>) -> Void
    ) {
        ledger.write(
            limit: Ledger.fewWaiting,
            { (database) throws(LedgerFault) in
                guard let head = try Self.head(id, reader, in: database) else { return false }
                try ConversationWriter(database).remove(head.id, of: reader.owner)
                return true
            }, then: then)
    }

    /// Begins to remove what was last used before a moment and what is beyond the bound: a few at a time. `then` hears
    /// nil when all of it has gone, or when a later call has taken over.
    public func tidy(notBefore: Int, within maxBytes: Int, then: @escaping @Sendable (LedgerFault?) -> Void) {
        ledger.tidy(
            "conversations",
            { (database) throws(LedgerFault) in
                try ConversationWriter(database).tidy(notBefore: notBefore, within: maxBytes)
            }, then: then)
    }

    // MARK: - Reading

    private static func load(
        _ id: String, _ reader: Reader, _ maxBytes: Int, in database: Database
    ) throws(LedgerFault) -> ConversationFinding {
        guard let head = try head(id, reader, in: database) else { return .unknown }
        guard head.size - ConversationWriter.overhead(ofTurns: head.length) <= maxBytes else { return .tooLarge }
        let contents = try database.rows(
            "SELECT content FROM conversation_turns WHERE owner = ?1 AND id = ?2 ORDER BY position", reader.owner, id
        ) { $0.bytes(0) }
        // Without its beginning, or with a gap, it would be another conversation.
        guard contents.count == head.length else { return .unknown }
        return .found(head, contents: contents)
    }

    private static func head(
        _ id: String, _ reader: Reader, in database: Database
    ) throws(LedgerFault) -> ConversationHead? {
        try database.first(
            """
            SELECT id, created, used, model, length, size FROM conversations
            WHERE owner = ?1 AND id = ?2 AND used >= ?3
            """, reader.owner, id, reader.notBefore, body: head)
    }

    private static func head(_ row: Statement) -> ConversationHead {
        ConversationHead(
            id: row.text(0), created: row.integer(1), used: row.integer(2), model: row.text(3), length: row.integer(4),
            size: row.integer(5))
    }
}
