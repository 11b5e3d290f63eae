/// Stores and removes responses. Confined to the writing thread.
final class ResponseWriter {
    private let database: Database
    private let insert: Statement
    private let insertItems: Statement
    private let insertAnswer: Statement
    private let find: Statement
    private let hide: Statement
    private let adopt: Statement
    private let oldest: Statement
    private let expired: Statement
    private let delete: Statement
    private let deleteItems: Statement
    private let deleteAnswer: Statement
    private let release: Statement
    /// The sizes of all that is stored, those of the transaction in progress included.
    private var total: Int

    init(path: String) throws(LedgerFault) {
        database = try Database(path: path)
        try LedgerFile.prepare(database)
        insert = try database.prepare(
            """
            INSERT INTO responses (id, owner, parent, created, size) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING number
            """)
        insertItems = try database.prepare("INSERT INTO items (number, input, output) VALUES (?1, ?2, ?3)")
        insertAnswer = try database.prepare("INSERT INTO answers (number, answer) VALUES (?1, ?2)")
        find = try database.prepare(
            "SELECT number, children, hidden, created FROM responses WHERE id = ?1 AND owner = ?2")
        hide = try database.prepare("UPDATE responses SET hidden = 1, size = size - ?2 WHERE number = ?1")
        adopt = try database.prepare("UPDATE responses SET children = children + 1 WHERE number = ?1")
        oldest = try database.prepare(
            "SELECT number FROM responses WHERE children = 0 AND number <> ?1 ORDER BY created, number LIMIT 1")
        expired = try database.prepare(
            "SELECT number FROM responses WHERE children = 0 AND created < ?1 ORDER BY created, number LIMIT ?2")
        delete = try database.prepare("DELETE FROM responses WHERE number = ?1 RETURNING size, parent")
        deleteItems = try database.prepare("DELETE FROM items WHERE number = ?1")
        deleteAnswer = try database.prepare("DELETE FROM answers WHERE number = ?1 RETURNING length(answer)")
        release = try database.prepare(
            "UPDATE responses SET children = children - 1 WHERE number = ?1 RETURNING hidden AND children = 0")
        total = try database.integer("SELECT coalesce(sum(size), 0) FROM responses")
    }

    // MARK: - Transactions

    /// Runs `body` and commits; when this returns what was written is on the disk.
    func commit(_ body: () -> Void) throws(LedgerFault) {
        let before = total
        do throws(LedgerFault) {
            try database.run("BEGIN IMMEDIATE")
            body()
            try database.run("COMMIT")
        } catch {
            try? database.run("ROLLBACK")
            total = before
            throw error
        }
    }

    /// Runs one step of a transaction, of which nothing is left when it throws.
    func step<Value>(_ body: () throws(LedgerFault) -> Value) throws(LedgerFault) -> Value {
        let before = total
        try database.run("SAVEPOINT step")
        do throws(LedgerFault) {
            let value = try body()
            try database.run("RELEASE step")
            return value
        } catch {
            try? database.run("ROLLBACK TO step; RELEASE step")
            total = before
            throw error
        }
    }

    // MARK: - Steps

    /// Stores a response; conversations that nobody has continued for longest go where room is needed.
    func store(_ response: NewResponse, within maxBytes: Int) throws(LedgerFault) {
        var parent: Int?
        if let id = response.parent {
            guard let found = try row(id, of: response.owner) else { throw .parentGone }
            parent = found.number
        }
        while total + response.size > maxBytes {
            guard try removeOldest(except: parent) else { throw .full }
        }
        try write(response, parent)
        total += response.size
        guard let parent else { return }
        defer { adopt.reset() }
        try adopt.bind(1, parent)
        try adopt.finish()
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
        defer { hide.reset() }
        try hide.bind(1, found.number)
        try hide.bind(2, answerBytes)
        try hide.finish()
        total -= answerBytes
        return true
    }

    /// Removes a few of those that have expired or are too many; true when there is more to do.
    func tidy(notBefore: Int, within maxBytes: Int) throws(LedgerFault) -> Bool {
        var numbers: [Int] = []
        do {
            defer { expired.reset() }
            try expired.bind(1, notBefore)
            try expired.bind(2, Self.tidyRows)
            while try expired.step() { numbers.append(expired.integer(0)) }
        }
        for number in numbers { try remove(number) }
        var removed = numbers.count
        while removed < Self.tidyRows, total > maxBytes, try removeOldest(except: nil) { removed += 1 }
        return removed > 0
    }

    /// Gives some of the room of what was removed back to the file system; outside of a transaction.
    func shrink() throws(LedgerFault) { try database.run("PRAGMA incremental_vacuum(64)") }

    private static let tidyRows = 16

    // MARK: - Rows

    private struct Row {
        let number: Int
        let children: Int
        let isHidden: Bool
        let created: Int
    }

    private func row(_ id: String, of owner: String) throws(LedgerFault) -> Row? {
        defer { find.reset() }
        try find.bind(1, id)
        try find.bind(2, owner)
        guard try find.step() else { return nil }
        return Row(
            number: find.integer(0), children: find.integer(1), isHidden: find.integer(2) != 0,
            created: find.integer(3))
    }

    private func write(_ response: NewResponse, _ parent: Int?) throws(LedgerFault) {
        let number = try writeRow(response, parent)
        do {
            defer { insertItems.reset() }
            try insertItems.bind(1, number)
            try insertItems.bind(2, zeros: response.input.count)
            try insertItems.bind(3, zeros: response.output.count)
            try insertItems.finish()
        }
        do {
            defer { insertAnswer.reset() }
            try insertAnswer.bind(1, number)
            try insertAnswer.bind(2, zeros: response.answer.count)
            try insertAnswer.finish()
        }
        // Written in place: bound as values, SQLite would first put together another copy of all of it.
        try database.write(response.input, to: "items", "input", row: number)
        try database.write(response.output, to: "items", "output", row: number)
        try database.write(response.answer, to: "answers", "answer", row: number)
    }

    private func writeRow(_ response: NewResponse, _ parent: Int?) throws(LedgerFault) -> Int {
        defer { insert.reset() }
        try insert.bind(1, response.id)
        try insert.bind(2, response.owner)
        try insert.bind(3, parent)
        try insert.bind(4, response.created)
        try insert.bind(5, response.size)
        guard try insert.step() else { throw .failed("no row was made") }
        let number = insert.integer(0)
        try insert.finish()
        return number
    }

    /// Removes the response that ends the conversation nobody has continued for longest; false when there is none.
    private func removeOldest(except kept: Int?) throws(LedgerFault) -> Bool {
        var number: Int?
        do {
            defer { oldest.reset() }
            try oldest.bind(1, kept ?? -1)
            if try oldest.step() { number = oldest.integer(0) }
        }
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
            defer { release.reset() }
            try release.bind(1, parent)
            if try release.step(), release.integer(0) == 1 { next = parent }
        }
    }

    private func removeRow(_ number: Int) throws(LedgerFault) -> Int? {
        _ = try removeAnswer(number)
        defer {
            delete.reset()
            deleteItems.reset()
        }
        try deleteItems.bind(1, number)
        try deleteItems.finish()
        try delete.bind(1, number)
        guard try delete.step() else { return nil }
        total -= delete.integer(0)
        let parent = delete.isNull(1) ? nil : delete.integer(1)
        try delete.finish()
        return parent
    }

    /// Removes what was answered and leaves the items; returns how many bytes it had.
    private func removeAnswer(_ number: Int) throws(LedgerFault) -> Int {
        defer { deleteAnswer.reset() }
        try deleteAnswer.bind(1, number)
        guard try deleteAnswer.step() else { return 0 }
        let bytes = deleteAnswer.integer(0)
        try deleteAnswer.finish()
        return bytes
    }
}
