/// How many bytes a store holds, of one owner or in all, kept in the file.
struct StoredBytes {
    let database: Database
    /// The store's name.
    let store: String

    /// The bytes of one owner; those of all are an owner's without a name.
    func of(_ owner: String = "") throws(LedgerFault) -> Int {
        try database.first("SELECT bytes FROM sizes WHERE store = ?1 AND owner = ?2", store, owner) { $0.integer(0) } ?? 0
    }

    /// Counts bytes more, or fewer.
    func add(_ bytes: Int, of owner: String = "") throws(LedgerFault) {
        guard bytes != 0 else { return }
        try database.run(
            """
            INSERT INTO sizes (store, owner, bytes) VALUES (?1, ?2, ?3)
            ON CONFLICT (store, owner) DO UPDATE SET bytes = sizes.bytes + excluded.bytes
            """, store, owner, bytes)
    }
}
