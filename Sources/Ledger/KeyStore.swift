extension Ledger {
    /// Keys that were added while the service runs.
    public var keys: KeyStore { KeyStore(self) }
}

/// Keys and the digests of their secrets. Every change stands in the audit trail as well, in the same transaction.
public struct KeyStore: Sendable {
    private let ledger: Ledger

    init(_ ledger: Ledger) { self.ledger = ledger }

    /// All keys, in the order of their ids.
    public func all(then: @escaping @Sendable (Result<[StoredKey], LedgerFault>) -> Void) {
        ledger.read(.report, { (database) throws(LedgerFault) in try Self.all(in: database) }, then: then)
    }

    /// The key of that name. `then` hears nil when there is none.
    public func named(_ name: String, then: @escaping @Sendable (Result<StoredKey?, LedgerFault>) -> Void) {
        ledger.read(
            .lookup,
            { (database) throws(LedgerFault) in
                guard
                    let id = try database.first(
                        "SELECT id FROM keys WHERE name = ?1", name, body: { $0.text(0) })
                else { return nil }
                return try Self.find(id, in: database)
            }, then: then)
    }

    /// The first keys behind a name, at most `count`, in the order of their names.
    public func page(
        after name: String, _ count: Int, then: @escaping @Sendable (Result<[StoredKey], LedgerFault>) -> Void
    ) {
        ledger.read(
            .report,
            { (database) throws(LedgerFault) in
                var keys = try database.rows(
                    """
                    SELECT id, name, options, enabled, created, changed FROM keys WHERE name > ?1 ORDER BY name LIMIT ?2
                    """, name, count, body: Self.key)
                for index in keys.indices { keys[index].secrets = try Self.secrets(of: keys[index].id, in: database) }
                return keys
            }, then: then)
    }

    /// Adds a key. `.nameTaken` where its name or id is another's.
    public func add(
        _ key: NewKey, by act: Act, then: @escaping @Sendable (Result<KeyChange, LedgerFault>) -> Void
    ) {
        write(then) { (database) throws(LedgerFault) in
            guard try !Self.knows(key.digest, in: database) else { return .secretTaken }
            let made = try database.run(
                """
                INSERT INTO keys (id, name, options, enabled, created, changed) VALUES (?1, ?2, ?3, 1, ?4, ?4)
                ON CONFLICT DO NOTHING
                """, key.id, key.name, key.options, act.at)
            guard made == 1 else { return .nameTaken }
            try Self.addSecret(key.digest, to: key.id, at: act.at, in: database)
            return try Self.noted("key add", key.id, key.options, act, in: database)
        }
    }

    /// Replaces what an operator grants or limits.
    public func set(
        options: String, of id: String, by act: Act, then: @escaping @Sendable (Result<KeyChange, LedgerFault>) -> Void
    ) {
        write(then) { (database) throws(LedgerFault) in
            let found = try database.run("UPDATE keys SET options = ?2, changed = ?3 WHERE id = ?1", id, options, act.at)
            guard found == 1 else { return .unknown }
            return try Self.noted("key set", id, options, act, in: database)
        }
    }

    /// Lets a key in, or not.
    public func set(
        isEnabled: Bool, of id: String, by act: Act, then: @escaping @Sendable (Result<KeyChange, LedgerFault>) -> Void
    ) {
        write(then) { (database) throws(LedgerFault) in
            let found = try database.run(
                "UPDATE keys SET enabled = ?2, changed = ?3 WHERE id = ?1", id, isEnabled, act.at)
            guard found == 1 else { return .unknown }
            return try Self.noted(isEnabled ? "key enable" : "key disable", id, "", act, in: database)
        }
    }

    /// Gives a key another secret; those it has are valid until then at the longest, and those that have run out go.
    public func rotate(
        _ id: String, to digest: [UInt8], oldValidUntil last: Int, by act: Act,
        then: @escaping @Sendable (Result<KeyChange, LedgerFault>) -> Void
    ) {
        write(then) { (database) throws(LedgerFault) in
            guard try !Self.knows(digest, in: database) else { return .secretTaken }
            guard try database.run("UPDATE keys SET changed = ?2 WHERE id = ?1", id, act.at) == 1 else { return .unknown }
            try database.run(
                "UPDATE secrets SET not_after = ?2 WHERE key = ?1 AND (not_after IS NULL OR not_after > ?2)", id, last)
            try database.run("DELETE FROM secrets WHERE key = ?1 AND not_after < ?2", id, act.at)
            try Self.addSecret(digest, to: id, at: act.at, in: database)
            return try Self.noted("key rotate", id, "old secrets until \(last)", act, in: database)
        }
    }

    /// Removes a key with its secrets; what it used stays in the usage.
    public func remove(
        _ id: String, by act: Act, then: @escaping @Sendable (Result<KeyChange, LedgerFault>) -> Void
    ) {
        write(then) { (database) throws(LedgerFault) in
            let was = try Self.noted("key remove", id, "", act, in: database)
            guard case .done = was else { return was }
            try database.run("DELETE FROM secrets WHERE key = ?1", id)
            try database.run("DELETE FROM keys WHERE id = ?1", id)
            return was
        }
    }

    // MARK: - Steps

    private func write(
        _ then: @escaping @Sendable (Result<KeyChange, LedgerFault>) -> Void,
        _ body: @escaping @Sendable (Database) throws(LedgerFault) -> KeyChange
    ) {
        ledger.write(limit: Ledger.fewWaiting, body, then: then)
    }

    /// The key as it is now; what was done to it stands in the trail, with its name.
    private static func noted(
        _ action: String, _ id: String, _ detail: String, _ act: Act, in database: Database
    ) throws(LedgerFault) -> KeyChange {
        guard let key = try find(id, in: database) else { return .unknown }
        let words = detail.isEmpty ? key.name : "\(key.name): \(detail)"
        try AuditStore.append(AuditEntry(act, action: action, subject: id, detail: words), in: database)
        return .done(key)
    }

    private static func knows(_ digest: [UInt8], in database: Database) throws(LedgerFault) -> Bool {
        try database.first("SELECT 1 FROM secrets WHERE digest = ?1", digest) { _ in true } ?? false
    }

    private static func addSecret(
        _ digest: [UInt8], to id: String, at second: Int, in database: Database
    ) throws(LedgerFault) {
        try database.run("INSERT INTO secrets (digest, key, created) VALUES (?1, ?2, ?3)", digest, id, second)
    }

    private static func find(_ id: String, in database: Database) throws(LedgerFault) -> StoredKey? {
        var key = try database.first(
            "SELECT id, name, options, enabled, created, changed FROM keys WHERE id = ?1", id, body: key)
        if key != nil { key?.secrets = try secrets(of: id, in: database) }
        return key
    }

    private static func secrets(of id: String, in database: Database) throws(LedgerFault) -> [StoredSecret] {
        try database.rows(
            "SELECT digest, not_after, created FROM secrets WHERE key = ?1 ORDER BY created, digest", id
        ) { secret($0, 0) }
    }

    static func all(in database: Database) throws(LedgerFault) -> [StoredKey] {
        // Most keys have the options of their neighbours, and then share one text.
        var newest = ""
        var keys = try database.rows("SELECT id, name, options, enabled, created, changed FROM keys ORDER BY id") { row in
            if !row.holds(newest, 2) { newest = row.text(2) }
            return key(row, options: newest)
        }
        // Both in the order of the ids: every secret belongs to the key at hand or to a later one.
        let secrets = try database.statement(
            "SELECT digest, not_after, created, key FROM secrets ORDER BY key, created, digest")
        try secrets.begin(with: [])
        defer { secrets.reset() }
        var index = 0
        while try secrets.step() {
            while index < keys.count, !secrets.holds(keys[index].id, 3) { index += 1 }
            guard index < keys.count else { break }
            keys[index].secrets.append(secret(secrets, 0))
        }
        return keys
    }

    private static func key(_ row: Statement) -> StoredKey { key(row, options: row.text(2)) }

    private static func key(_ row: Statement, options: String) -> StoredKey {
        StoredKey(
            id: row.text(0), name: row.text(1), options: options, isEnabled: row.integer(3) != 0,
            created: row.integer(4), changed: row.integer(5), secrets: [])
    }

    private static func secret(_ row: Statement, _ column: Int32) -> StoredSecret {
        StoredSecret(
            digest: row.bytes(column), notAfter: row.isNull(column + 1) ? nil : row.integer(column + 1),
            created: row.integer(column + 2))
    }
}
