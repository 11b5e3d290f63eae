import CSQLite
import Glibc

/// One connection to a SQLite file. Used by one thread at a time.
@safe final class Database {
    private let handle: OpaquePointer
    /// Statements by the address of their text: each is prepared once, where it is first used.
    private var prepared: [UInt: Statement] = [:]
    /// Statements that were put together of constant parts, by their text.
    private var composed: [String: Statement] = [:]

    /// Opens a file that exists already, with everything switched off that a damaged or planted file could use.
    init(path: String, isReadOnly: Bool = false) throws(LedgerFault) {
        var opened: OpaquePointer?
        // No mutex: each connection belongs to one thread. A link in place of the file is not followed.
        let flags =
            (isReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | SQLITE_OPEN_NOMUTEX
            | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE
        let result = unsafe sqlite3_open_v2(path, &opened, flags, nil)
        guard result == SQLITE_OK, let fresh = unsafe opened else {
            unsafe sqlite3_close_v2(opened)
            throw .unusable(LedgerFault.words(result))
        }
        unsafe handle = fresh
        let hardened = unsafe portcullis_sqlite_harden(handle)
        guard hardened == SQLITE_OK else { throw .unusable(LedgerFault.words(hardened)) }
        unsafe sqlite3_busy_timeout(handle, 5000)
        do throws(LedgerFault) {
            try execute("PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0")
        } catch {
            throw .unusable(error.description)
        }
    }

    deinit {
        // Statements first: a connection that has some left is not closed before them.
        prepared = [:]
        composed = [:]
        unsafe sqlite3_close_v2(handle)
    }

    // MARK: - Statements

    /// Runs statements that are not used again and give no rows.
    func execute(_ sql: StaticString) throws(LedgerFault) {
        let result = unsafe sqlite3_exec(handle, sql.description, nil, nil, nil)
        guard result == SQLITE_OK else { throw LedgerFault(result) }
    }

    /// The statement with that text, ready to be given values; must be reset after every use.
    func statement(_ sql: StaticString) throws(LedgerFault) -> Statement {
        let address = unsafe UInt(bitPattern: sql.utf8Start)
        if let known = prepared[address] { return known }
        let fresh = try prepare(sql.description)
        prepared[address] = fresh
        return fresh
    }

    /// A statement that was put together of constant parts: there are as many as the parts can be combined.
    func statement(composed sql: String) throws(LedgerFault) -> Statement {
        if let known = composed[sql] { return known }
        let fresh = try prepare(sql)
        composed[sql] = fresh
        return fresh
    }

    private func prepare(_ sql: String) throws(LedgerFault) -> Statement {
        var fresh: OpaquePointer?
        let result = unsafe sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &fresh, nil)
        guard result == SQLITE_OK, let fresh = unsafe fresh else { throw LedgerFault(result) }
        return unsafe Statement(fresh)
    }

    /// Runs a statement to its end; the result is how many rows it has inserted, changed or deleted.
    @discardableResult
    func run(_ sql: StaticString, _ values: any Storable...) throws(LedgerFault) -> Int {
        let statement = try statement(sql)
        try statement.begin(with: values)
        defer { statement.reset() }
        try statement.finish()
        return Int(unsafe sqlite3_changes64(handle))
    }

    /// What `body` makes of the first row; nil when there is none.
    func first<Value>(
        _ sql: StaticString, _ values: any Storable..., body: (Statement) -> Value
    ) throws(LedgerFault) -> Value? {
        let statement = try statement(sql)
        try statement.begin(with: values)
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        let value = body(statement)
        // What changes rows has done so only when it has run to its end.
        try statement.finish()
        return value
    }

    /// What `body` makes of each row.
    func rows<Value>(
        _ sql: StaticString, _ values: any Storable..., body: (Statement) -> Value
    ) throws(LedgerFault) -> [Value] {
        try Self.rows(try statement(sql), values, body)
    }

    /// What `body` makes of each row of a statement that was put together of constant parts.
    func rows<Value>(
        composed sql: String, _ values: [any Storable], body: (Statement) -> Value
    ) throws(LedgerFault) -> [Value] {
        try Self.rows(try statement(composed: sql), values, body)
    }

    private static func rows<Value>(
        _ statement: Statement, _ values: [any Storable], _ body: (Statement) -> Value
    ) throws(LedgerFault) -> [Value] {
        try statement.begin(with: values)
        defer { statement.reset() }
        var found: [Value] = []
        while try statement.step() { found.append(body(statement)) }
        return found
    }

    /// A pragma's or query's only value.
    func integer(_ sql: StaticString) throws(LedgerFault) -> Int {
        guard let value = try first(sql, body: { $0.integer(0) }) else { throw .failed("no value") }
        return value
    }

    /// A query's only text.
    func text(_ sql: StaticString) throws(LedgerFault) -> String {
        guard let value = try first(sql, body: { $0.text(0) }) else { throw .failed("no value") }
        return value
    }

    /// Says which form the file has.
    func setForm(_ number: Int) throws(LedgerFault) {
        let result = unsafe sqlite3_exec(handle, "PRAGMA user_version = \(number)", nil, nil, nil)
        guard result == SQLITE_OK else { throw LedgerFault(result) }
    }

    /// Fills a value of as many bytes, in place.
    func write(_ bytes: [UInt8], to table: StaticString, _ column: StaticString, row: Int) throws(LedgerFault) {
        guard !bytes.isEmpty else { return }
        var opened: OpaquePointer?
        let result = unsafe sqlite3_blob_open(
            handle, "main", table.description, column.description, Int64(row), 1, &opened)
        defer { unsafe sqlite3_blob_close(opened) }
        guard result == SQLITE_OK else { throw LedgerFault(result) }
        let written = unsafe bytes.withUnsafeBytes {
            unsafe sqlite3_blob_write(opened, $0.baseAddress, Int32(clamping: $0.count), 0)
        }
        guard written == SQLITE_OK else { throw LedgerFault(written) }
    }

    // MARK: - Transactions

    /// Runs `body` and commits; when this returns what was written is on the disk.
    func commit(_ body: () throws(LedgerFault) -> Void) throws(LedgerFault) {
        do throws(LedgerFault) {
            try run("BEGIN IMMEDIATE")
            try body()
            try run("COMMIT")
        } catch {
            undo("ROLLBACK")
            throw error
        }
    }

    /// Runs one step of a transaction, of which nothing is left when it throws.
    func step<Value>(_ body: (Database) throws(LedgerFault) -> Value) throws(LedgerFault) -> Value {
        // A full disk can undo a transaction whole: what came after would be one of its own, and stay.
        guard isInTransaction else { throw .failed("the transaction was undone") }
        try run("SAVEPOINT step")
        do throws(LedgerFault) {
            let value = try body(self)
            try run("RELEASE step")
            return value
        } catch {
            undo("ROLLBACK TO step")
            undo("RELEASE step")
            throw error
        }
    }

    /// Lets `body` see the file as it is at one moment.
    func look<Value>(_ body: (Database) throws(LedgerFault) -> Value) throws(LedgerFault) -> Value {
        try run("BEGIN")
        defer { undo("ROLLBACK") }
        return try body(self)
    }

    /// Takes something back after a fault, which is told in its stead: where this fails as well, so does the commit.
    private func undo(_ sql: StaticString) {
        guard isInTransaction else { return }
        _ = try? run(sql)
    }

    private var isInTransaction: Bool { unsafe sqlite3_get_autocommit(handle) == 0 }
}

extension LedgerFault {
    /// SQLite's words for a result; they name no content.
    init(_ result: Int32) {
        switch result & 0xFF {  // the primary code of an extended one
        case SQLITE_CORRUPT, SQLITE_NOTADB: self = .damaged(Self.words(result))
        default: self = .failed(Self.words(result))
        }
    }

    static func words(_ result: Int32) -> String {
        unsafe "SQLite: \(String(cString: sqlite3_errstr(result))) (\(result))"
    }
}
