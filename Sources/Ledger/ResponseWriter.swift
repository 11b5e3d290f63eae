/// Stores and removes responses.
struct ResponseWriter {
    private let database: Database
    private var bytes: StoredBytes { StoredBytes(database: database, store: "responses") }

    init(_ database: Database) { self.database = database }

    // MARK: - Steps

    /// Stores a response; conversations that nobody has continued for longest go where room is needed.
    func store(_ response: NewResponse, within maxBytes: Int) throws(LedgerFault) {
        var parent: Int?
        if let id = response.parent {
            guard let found = try row(id, of: response.owner) else { throw .parentGone }
            parent = found.number
        }
        while try bytes.of() + response.size > maxBytes {
            guard try removeOldest(except: parent) else { throw .full }
        }
        try write(response, parent)
        try bytes.add(response.size)
        guard let parent else { return }
        try database.run("UPDATE responses SET children = children + 1 WHERE number = ?1", parent)
    }

    /// Removes a response, or hides it as long as others continue it; false when the reader has no such response.
    func delete(_ id: String, for reader: Reader) throws(LedgerFault) -> Bool {
        guard let found = try row(id, of: reader.owner), !found.isHidden, found.created >= reader.notBefore else {
            return false
        }
        guard found.children > 0 else {
            try remove(found.number)
            return true
        }
        let answerBytes = try removeAnswer(found.number)
        try database.run(
            "UPDATE responses SET hidden = 1, size = size - ?2 WHERE number = ?1", found.number, answerBytes)
        try bytes.add(-answerBytes)
        return true
    }

    /// Removes a few of those that have expired or are too many; true when there is more to do.
    func tidy(notBefore: Int, within maxBytes: Int) throws(LedgerFault) -> Bool {
        let numbers = try database.rows(
            "SELECT number FROM responses WHERE children = 0 AND created < ?1 ORDER BY created, number LIMIT ?2",
            notBefore, Self.tidyRows
        ) { $0.integer(0) }
        for number in numbers { try remove(number) }
        var removed = numbers.count
        while removed < Self.tidyRows, try bytes.of() > maxBytes, try removeOldest(except: nil) { removed += 1 }
        return removed > 0
    }

    private static let tidyRows = 16

    // MARK: - Rows

    private struct Row {
        let number: Int
        let children: Int
        let isHidden: Bool
        let created: Int
    }

    private func row(_ id: String, of owner: String) throws(LedgerFault) -> Row? {
        try database.first(
            "SELECT number, children, hidden, created FROM responses WHERE id = ?1 AND owner = ?2", id, owner
        ) { row in
            Row(
                number: row.integer(0), children: row.integer(1), isHidden: row.integer(2) != 0, created: row.integer(3))
        }
    }

    private func write(_ response: NewResponse, _ parent: Int?) throws(LedgerFault) {
        let number = try database.first(
            """
            INSERT INTO responses (id, owner, parent, created, size) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING number
            """, response.id, response.owner, parent, response.created, response.size
        ) { $0.integer(0) }
        guard let number else { throw .failed("no row was made") }
        try database.run(
            "INSERT INTO items (number, input, output) VALUES (?1, ?2, ?3)",
            number, Zeros(count: response.input.count), Zeros(count: response.output.count))
        try database.run(
            "INSERT INTO answers (number, answer) VALUES (?1, ?2)", number, Zeros(count: response.answer.count))
        // Written in place: bound as values, SQLite would first put together another copy of all of it.
        try database.write(response.input, to: "items", "input", row: number)
        try database.write(response.output, to: "items", "output", row: number)
        try database.write(response.answer, to: "answers", "answer", row: number)
    }

    /// Removes the response that ends the conversation nobody has continued for longest; false when there is none.
    private func removeOldest(except kept: Int?) throws(LedgerFault) -> Bool {
        let number = try database.first(
            "SELECT number FROM responses WHERE children = 0 AND number <> ?1 ORDER BY created, number LIMIT 1",
            kept ?? -1
        ) { $0.integer(0) }
        guard let number else { return false }
        try remove(number)
        return true
    }

    /// Removes a response that no other continues, and those before it that had been kept only for it.
    private func remove(_ number: Int) throws(LedgerFault) {
        var next: Int? = number
        while let each = next {
            next = nil
            guard let parent = try removeRow(each) else { return }
            let isFree = try database.first(
                "UPDATE responses SET children = children - 1 WHERE number = ?1 RETURNING hidden AND children = 0", parent
            ) { $0.integer(0) == 1 }
            if isFree == true { next = parent }
        }
    }

    /// Removes a response; returns the number of the one that it continues.
    private func removeRow(_ number: Int) throws(LedgerFault) -> Int? {
        _ = try removeAnswer(number)
        try database.run("DELETE FROM items WHERE number = ?1", number)
        let gone: (size: Int, parent: Int?)? = try database.first(
            "DELETE FROM responses WHERE number = ?1 RETURNING size, parent", number
        ) { ($0.integer(0), $0.isNull(1) ? nil : $0.integer(1)) }
        guard let gone else { return nil }
        try bytes.add(-gone.size)
        return gone.parent
    }

    /// Removes what was answered and leaves the items; returns how many bytes it had.
    private func removeAnswer(_ number: Int) throws(LedgerFault) -> Int {
        try database.first("DELETE FROM answers WHERE number = ?1 RETURNING length(answer)", number) { $0.integer(0) } ?? 0
    }
}
