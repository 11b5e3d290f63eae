/// Writes and removes conversations.
struct ConversationWriter {
    private let database: Database
    private var bytes: StoredBytes { StoredBytes(database: database, store: "conversations") }

    init(_ database: Database) { self.database = database }

    /// What a conversation counts beside its contents.
    static func overhead(ofTurns length: Int) -> Int { 512 + 64 * length }

    // MARK: - Steps

    /// Writes turns, unless another number of them is stored than their writer believes.
    func update(
        _ update: ConversationUpdate, within bounds: ConversationBounds, at second: Int
    ) throws(LedgerFault) -> ConversationOutcome {
        let (owner, id) = (update.owner, update.id)
        guard try claim(update, at: second) else {
            return .differs(length: try length(of: id, owner) ?? 0)
        }
        let dropped = try database.rows(
            """
            DELETE FROM conversation_turns WHERE owner = ?1 AND id = ?2 AND position >= ?3 RETURNING length(content)
            """, owner, id, update.keeping
        ) { $0.integer(0) + 64 }
        let added = update.contents.reduce(0) { $0 + $1.count + 64 } - dropped.reduce(0, +)
        try grow(id, of: owner, by: added)
        try makeRoom(for: id, of: owner, bounds)
        var position = update.keeping
        for content in update.contents {
            try database.run(
                "INSERT INTO conversation_turns (owner, id, position, content) VALUES (?1, ?2, ?3, ?4)",
                owner, id, position, content)
            position += 1
        }
        return .stored(length: position)
    }

    /// Removes a conversation, if there is one.
    func remove(_ id: String, of owner: String) throws(LedgerFault) {
        let size = try database.first(
            "DELETE FROM conversations WHERE owner = ?1 AND id = ?2 RETURNING size", owner, id
        ) { $0.integer(0) }
        if let size { try forget(id, of: owner, size) }
    }

    /// Removes what is left of a conversation that has been removed.
    private func forget(_ id: String, of owner: String, _ size: Int) throws(LedgerFault) {
        try database.run("DELETE FROM conversation_turns WHERE owner = ?1 AND id = ?2", owner, id)
        try bytes.add(-size, of: owner)
        try bytes.add(-size)
    }

    /// Removes a few that nobody has used for long or that are too many; true when there is more to do.
    func tidy(notBefore: Int, within maxBytes: Int) throws(LedgerFault) -> Bool {
        // The moment is asked for twice, so that one that is used meanwhile stays.
        let expired = try database.rows(
            """
            DELETE FROM conversations WHERE used < ?1 AND (owner, id) IN
                (SELECT owner, id FROM conversations WHERE used < ?1 ORDER BY used LIMIT ?2)
            RETURNING owner, id, size
            """, notBefore, Self.tidyRows
        ) { (name: Self.name($0), size: $0.integer(2)) }
        for each in expired { try forget(each.name.id, of: each.name.owner, each.size) }
        var removed = expired.count
        while removed < Self.tidyRows, try bytes.of() > maxBytes, let oldest = try oldest(except: "", of: "") {
            try remove(oldest.id, of: oldest.owner)
            removed += 1
        }
        return removed > 0
    }

    private static let tidyRows = 16

    // MARK: - Rows

    /// Takes the conversation for this update, in one statement each: of two at once, one finds another length.
    private func claim(_ update: ConversationUpdate, at second: Int) throws(LedgerFault) -> Bool {
        let length = update.keeping + update.contents.count
        let changed = try database.run(
            """
            UPDATE conversations SET length = ?4, used = ?5, model = ?6 WHERE owner = ?1 AND id = ?2 AND length = ?3
            """, update.owner, update.id, update.length, length, second, update.model)
        guard changed == 0, update.length == 0 else { return changed == 1 }
        let size = Self.overhead(ofTurns: 0)
        let made = try database.run(
            """
            INSERT INTO conversations (owner, id, created, used, model, length, size) VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6)
            ON CONFLICT (owner, id) DO NOTHING
            """, update.owner, update.id, second, update.model, length, size)
        guard made == 1 else { return false }
        try bytes.add(size, of: update.owner)
        try bytes.add(size)
        return true
    }

    private func length(of id: String, _ owner: String) throws(LedgerFault) -> Int? {
        try database.first("SELECT length FROM conversations WHERE owner = ?1 AND id = ?2", owner, id) { $0.integer(0) }
    }

    private func grow(_ id: String, of owner: String, by count: Int) throws(LedgerFault) {
        guard count != 0 else { return }
        try database.run("UPDATE conversations SET size = size + ?3 WHERE owner = ?1 AND id = ?2", owner, id, count)
        try bytes.add(count, of: owner)
        try bytes.add(count)
    }

    /// Lets conversations go until both bounds are kept, the owner's own first; never the one at hand.
    private func makeRoom(for id: String, of owner: String, _ bounds: ConversationBounds) throws(LedgerFault) {
        while try bytes.of(owner) > bounds.bytesOfOwner {
            let oldest = try database.first(
                "SELECT owner, id FROM conversations WHERE owner = ?1 AND id <> ?2 ORDER BY used, id LIMIT 1", owner, id,
                body: Self.name)
            guard let oldest else { throw .full }
            try remove(oldest.id, of: owner)
        }
        while try bytes.of() > bounds.bytesInAll {
            guard let oldest = try oldest(except: id, of: owner) else { throw .full }
            try remove(oldest.id, of: oldest.owner)
        }
    }

    /// The conversation that nobody has used for longest.
    private func oldest(except id: String, of owner: String) throws(LedgerFault) -> (owner: String, id: String)? {
        try database.first(
            """
            SELECT owner, id FROM conversations WHERE NOT (owner = ?1 AND id = ?2) ORDER BY used, owner, id LIMIT 1
            """, owner, id, body: Self.name)
    }

    private static func name(_ row: Statement) -> (owner: String, id: String) { (row.text(0), row.text(1)) }
}
