import CSQLite
import Glibc

/// A prepared statement; finalized when nobody holds it any more.
@safe final class Statement {
    private let handle: OpaquePointer
    /// True from the first value until `reset`: two uses at once would each read the other's rows.
    private(set) var isInUse = false

    init(_ handle: OpaquePointer) { unsafe self.handle = handle }

    deinit { unsafe sqlite3_finalize(handle) }

    /// Forgets the rows and the values; needed after every use.
    func reset() {
        unsafe sqlite3_reset(handle)
        unsafe sqlite3_clear_bindings(handle)
        isInUse = false
    }

    /// Gives the parameters their values, in order. What throws needs no reset.
    func begin(with values: [any Storable]) throws(LedgerFault) {
        guard !isInUse else { throw .failed("a statement is used twice at once") }
        isInUse = true
        var index: Int32 = 0
        do throws(LedgerFault) {
            for value in values {
                index += 1
                try value.bind(to: self, at: index)
            }
        } catch {
            reset()
            throw error
        }
    }

    // MARK: - Values

    /// Gives the parameter of that place, counted from 1, a number.
    func bind(_ index: Int32, number: Int) throws(LedgerFault) {
        try check(unsafe sqlite3_bind_int64(handle, index, Int64(number)))
    }

    /// Gives a parameter no value.
    func bindNull(_ index: Int32) throws(LedgerFault) { try check(unsafe sqlite3_bind_null(handle, index)) }

    /// Gives a parameter a copy of a text.
    func bind(_ index: Int32, text: String) throws(LedgerFault) {
        var text = text
        let result = text.withUTF8 { bytes in
            unsafe bytes.withMemoryRebound(to: CChar.self) {
                unsafe portcullis_sqlite_bind_text(handle, index, $0.baseAddress, Int32(clamping: $0.count))
            }
        }
        try check(result)
    }

    /// Gives a parameter a copy of bytes.
    func bind(_ index: Int32, bytes: [UInt8]) throws(LedgerFault) {
        // Without an address SQLite would take no bytes for null.
        guard !bytes.isEmpty else { return try bind(index, zeros: 0) }
        guard bytes.count <= Self.maxBytes else { throw .full }
        let result = unsafe bytes.withUnsafeBytes {
            unsafe portcullis_sqlite_bind_blob(handle, index, $0.baseAddress, Int32($0.count))
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

    // MARK: - Rows

    /// Goes to the next row; false when there is none.
    func step() throws(LedgerFault) -> Bool {
        let result = unsafe sqlite3_step(handle)
        switch result {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default: throw LedgerFault(result)
        }
    }

    /// Runs to the end; rows are passed over.
    func finish() throws(LedgerFault) { while try step() {} }

    /// A column of the row as a number; null is 0.
    func integer(_ column: Int32) -> Int { Int(unsafe sqlite3_column_int64(handle, column)) }

    /// True when a column of the row is null.
    func isNull(_ column: Int32) -> Bool { unsafe sqlite3_column_type(handle, column) == SQLITE_NULL }

    /// A column of the row as a text.
    func text(_ column: Int32) -> String {
        let start = unsafe sqlite3_column_text(handle, column)
        let count = unsafe sqlite3_column_bytes(handle, column)
        return unsafe String(decoding: UnsafeBufferPointer(start: start, count: Int(count)), as: UTF8.self)
    }

    /// True when a column of the row is that text.
    func holds(_ text: String, _ column: Int32) -> Bool {
        guard let start = unsafe sqlite3_column_text(handle, column) else { return text.isEmpty }
        let count = Int(unsafe sqlite3_column_bytes(handle, column))
        var text = text
        return text.withUTF8 { bytes in
            guard bytes.count == count else { return false }
            return unsafe bytes.baseAddress.map { unsafe memcmp(start, $0, count) == 0 } ?? true
        }
    }

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
        guard result == SQLITE_OK else { throw LedgerFault(result) }
    }
}

/// What a parameter of a statement can be given.
protocol Storable {
    /// Gives it to the parameter of that place, counted from 1.
    func bind(to statement: Statement, at index: Int32) throws(LedgerFault)
}

extension Int: Storable {
    func bind(to statement: Statement, at index: Int32) throws(LedgerFault) { try statement.bind(index, number: self) }
}

extension Bool: Storable {
    func bind(to statement: Statement, at index: Int32) throws(LedgerFault) {
        try statement.bind(index, number: self ? 1 : 0)
    }
}

extension String: Storable {
    func bind(to statement: Statement, at index: Int32) throws(LedgerFault) { try statement.bind(index, text: self) }
}

extension [UInt8]: Storable {
    func bind(to statement: Statement, at index: Int32) throws(LedgerFault) { try statement.bind(index, bytes: self) }
}

extension Optional: Storable where Wrapped: Storable {
    func bind(to statement: Statement, at index: Int32) throws(LedgerFault) {
        if let self { try self.bind(to: statement, at: index) } else { try statement.bindNull(index) }
    }
}

/// So many zero bytes, which `Database.write` then replaces.
struct Zeros: Storable {
    let count: Int

    func bind(to statement: Statement, at index: Int32) throws(LedgerFault) { try statement.bind(index, zeros: count) }
}
