import CSQLite
import Glibc

/// One connection to a SQLite file. Used by one thread at a time.
@safe final class Database {
    private let handle: OpaquePointer

    /// Opens a file that exists already, with everything switched off that a damaged or planted file could use.
    ///
    /// Statements that are still in use when this goes keep what they need of it.
    init(path: String, isReadOnly: Bool = false) throws(LedgerFault) {
        var opened: OpaquePointer?
        // No mutex: each connection belongs to one thread. A link in place of the file is not followed.
        let flags =
            (isReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | SQLITE_OPEN_NOMUTEX
            | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE
        let result = unsafe sqlite3_open_v2(path, &opened, flags, nil)
        guard result == SQLITE_OK, let fresh = unsafe opened else {
            unsafe sqlite3_close_v2(opened)
            throw .unusable(Self.words(result))
        }
        unsafe handle = fresh
        let hardened = unsafe portcullis_sqlite_harden(handle)
        guard hardened == SQLITE_OK else { throw .unusable(Self.words(hardened)) }
        unsafe sqlite3_busy_timeout(handle, 5000)
        do throws(LedgerFault) {
            try run("PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0")
        } catch {
            throw .unusable(error.description)
        }
    }

    deinit { unsafe sqlite3_close_v2(handle) }

    /// Runs statements that give no rows.
    func run(_ sql: StaticString) throws(LedgerFault) {
        let result = unsafe sqlite3_exec(handle, sql.description, nil, nil, nil)
        guard result == SQLITE_OK else { throw fault(result) }
    }

    /// Prepares a statement that is kept.
    func prepare(_ sql: StaticString) throws(LedgerFault) -> Statement {
        var prepared: OpaquePointer?
        let result = unsafe sqlite3_prepare_v3(
            handle, sql.description, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
        guard result == SQLITE_OK, let fresh = unsafe prepared else { throw fault(result) }
        return unsafe Statement(fresh, of: self)
    }

    /// A pragma's or query's only value.
    func integer(_ sql: StaticString) throws(LedgerFault) -> Int {
        let statement = try prepare(sql)
        defer { statement.reset() }
        guard try statement.step() else { throw .failed("no value") }
        return statement.integer(0)
    }

    /// A query's only text.
    func text(_ sql: StaticString) throws(LedgerFault) -> String {
        let statement = try prepare(sql)
        defer { statement.reset() }
        guard try statement.step() else { throw .failed("no value") }
        return String(decoding: statement.bytes(0), as: UTF8.self)
    }

    /// Fills a value of as many bytes, in place.
    func write(_ bytes: [UInt8], to table: StaticString, _ column: StaticString, row: Int) throws(LedgerFault) {
        guard !bytes.isEmpty else { return }
        var opened: OpaquePointer?
        let result = unsafe sqlite3_blob_open(
            handle, "main", table.description, column.description, Int64(row), 1, &opened)
        defer { unsafe sqlite3_blob_close(opened) }
        guard result == SQLITE_OK else { throw fault(result) }
        let written = unsafe bytes.withUnsafeBytes {
            unsafe sqlite3_blob_write(opened, $0.baseAddress, Int32(clamping: $0.count), 0)
        }
        guard written == SQLITE_OK else { throw fault(written) }
    }

    /// SQLite's words for a result; they name no content.
    fileprivate func fault(_ result: Int32) -> LedgerFault {
        switch result & 0xFF {  // the primary code of an extended one
        case SQLITE_CORRUPT, SQLITE_NOTADB: .damaged(Self.words(result))
        default: .failed(Self.words(result))
        }
    }

    private static func words(_ result: Int32) -> String {
        unsafe "SQLite: \(String(cString: sqlite3_errstr(result))) (\(result))"
    }
}

/// A prepared statement; finalized when nobody holds it any more.
@safe final class Statement {
    private let handle: OpaquePointer
    private let database: Database

    fileprivate init(_ handle: OpaquePointer, of database: Database) {
        unsafe self.handle = handle
        self.database = database
    }

    deinit { unsafe sqlite3_finalize(handle) }

    /// Forgets the rows and the values; needed after every use.
    func reset() {
        unsafe sqlite3_reset(handle)
        unsafe sqlite3_clear_bindings(handle)
    }

    /// Gives the parameter of that place, counted from 1, a number.
    func bind(_ index: Int32, _ value: Int) throws(LedgerFault) {
        try check(unsafe sqlite3_bind_int64(handle, index, Int64(value)))
    }

    /// Gives a parameter a number, or null.
    func bind(_ index: Int32, _ value: Int?) throws(LedgerFault) {
        if let value { try bind(index, value) } else { try check(unsafe sqlite3_bind_null(handle, index)) }
    }

    /// Gives a parameter a copy of a text.
    func bind(_ index: Int32, _ value: String) throws(LedgerFault) {
        var value = value
        let result = value.withUTF8 { text in
            unsafe text.withMemoryRebound(to: CChar.self) {
                unsafe portcullis_sqlite_bind_text(handle, index, $0.baseAddress, Int32(clamping: $0.count))
            }
        }
        try check(result)
    }

    /// Gives a parameter so many zero bytes, which `Database.write` then replaces.
    func bind(_ index: Int32, zeros count: Int) throws(LedgerFault) {
        guard count <= Self.maxBytes else { throw .full }
        try check(unsafe sqlite3_bind_zeroblob64(handle, index, UInt64(count)))
    }

    /// SQLite's own bound is about a thousand million.
    private static let maxBytes = 1_000_000_000

    /// Goes to the next row; false when there is none.
    func step() throws(LedgerFault) -> Bool {
        let result = unsafe sqlite3_step(handle)
        switch result {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default: throw database.fault(result)
        }
    }

    /// Runs to the end; rows are passed over.
    func finish() throws(LedgerFault) { while try step() {} }

    /// A column of the row as a number; null is 0.
    func integer(_ column: Int32) -> Int { Int(unsafe sqlite3_column_int64(handle, column)) }

    /// True when a column of the row is null.
    func isNull(_ column: Int32) -> Bool { unsafe sqlite3_column_type(handle, column) == SQLITE_NULL }

    /// A copy of a column of the row.
    func bytes(_ column: Int32) -> [UInt8] {
        var copy: [UInt8] = []
        append(column, to: &copy)
        return copy
    }

    /// Appends a column of the row.
    func append(_ column: Int32, to out: inout [UInt8]) {
        let start = unsafe sqlite3_column_blob(handle, column)
        let count = unsafe sqlite3_column_bytes(handle, column)
        unsafe out.append(contentsOf: UnsafeRawBufferPointer(start: start, count: Int(count)))
    }

    private func check(_ result: Int32) throws(LedgerFault) {
        guard result == SQLITE_OK else { throw database.fault(result) }
    }
}
