/// The header fields of a request, in the order they came.
///
/// All bytes lie in one array and the fields are offsets into it, so a head costs two allocations however
/// many fields it has. Names are in lower case. Values are the client's bytes without the white space around
/// them; they hold no control bytes but may hold bytes above 0x7F that are not UTF-8.
public struct Fields: Sendable {
    /// Where one field lies in `storage`.
    struct Entry: Sendable {
        let nameStart: UInt32
        let nameEnd: UInt32
        let valueStart: UInt32
        let valueEnd: UInt32

        init(name: Range<Int>, value: Range<Int>) {
            nameStart = UInt32(name.lowerBound)
            nameEnd = UInt32(name.upperBound)
            valueStart = UInt32(value.lowerBound)
            valueEnd = UInt32(value.upperBound)
        }

        var name: Range<Int> { Int(nameStart)..<Int(nameEnd) }
        var value: Range<Int> { Int(valueStart)..<Int(valueEnd) }
    }

    /// The bytes of the head; beside the fields also what a `Request` points into.
    private(set) var storage: [UInt8]
    private var entries: [Entry]

    /// No fields.
    public init() {
        storage = []
        entries = []
    }

    /// Takes a head as it came: entries point into `storage`, where names become lower case.
    init(head: consuming [UInt8], entries: [Entry]) {
        var bytes = head.mutableSpan
        for entry in entries {
            lowercase(&bytes, in: entry.name)
        }
        storage = head
        self.entries = entries
    }

    /// How many field lines there are.
    public var count: Int { entries.count }

    /// The bytes of all names and values together.
    public var byteCount: Int {
        entries.reduce(0) { $0 + $1.name.count + $1.value.count }
    }

    /// Adds a field at the end; false, and nothing added, when the value holds a control byte.
    @discardableResult
    public mutating func append(name: FieldName, value: Span<UInt8>) -> Bool {
        for index in value.indices where !isFieldByte(value[index]) { return false }
        append(validName: name.description.utf8Span.span, validValue: value)
        return true
    }

    /// Adds a field at the end; false, and nothing added, when the value holds a control byte.
    @discardableResult
    public mutating func append(name: FieldName, value: String) -> Bool {
        append(name: name, value: value.utf8Span.span)
    }

    /// The value of the first field of that name, or nil.
    public subscript(name: FieldName) -> ArraySlice<UInt8>? {
        guard let index = index(of: name, from: 0) else { return nil }
        return storage[entries[index].value]
    }

    /// The values of all fields of that name, in order.
    public func values(of name: FieldName) -> [ArraySlice<UInt8>] {
        var values: [ArraySlice<UInt8>] = []
        var next = 0
        while let index = index(of: name, from: next) {
            values.append(storage[entries[index].value])
            next = index + 1
        }
        return values
    }

    /// How many fields have that name.
    public func count(of name: FieldName) -> Int {
        var count = 0
        var next = 0
        while let index = index(of: name, from: next) {
            count += 1
            next = index + 1
        }
        return count
    }

    /// The value of the first field of that name as text; nil when there is none or it is not UTF-8.
    public func string(of name: FieldName) -> String? {
        guard let value = self[name] else { return nil }
        return String(validating: value, as: UTF8.self)
    }

    /// Adds a field whose bytes were checked by the caller.
    mutating func append(validName name: Span<UInt8>, validValue value: Span<UInt8>) {
        let nameRange = append(bytes: name)
        let valueRange = append(bytes: value)
        entries.append(Entry(name: nameRange, value: valueRange))
    }

    /// Adds bytes that belong to no field and tells where they lie.
    mutating func append(bytes: Span<UInt8>) -> Range<Int> {
        let start = storage.count
        storage.append(span: bytes)
        return start..<storage.count
    }

    /// Makes room for a usual head at once.
    mutating func reserve(bytes: Int, fields: Int) {
        storage.reserveCapacity(bytes)
        entries.reserveCapacity(fields)
    }

    /// Where the first value of that name lies in `storage`.
    func range(of name: FieldName) -> Range<Int>? {
        index(of: name, from: 0).map { entries[$0].value }
    }

    private func index(of name: FieldName, from start: Int) -> Int? {
        let wanted = name.description.utf8Span.span
        let bytes = storage.span
        search: for index in start..<entries.count {
            let candidate = entries[index].name
            if candidate.count != wanted.count { continue }
            for offset in wanted.indices where bytes[candidate.lowerBound + offset] != wanted[offset] {
                continue search
            }
            return index
        }
        return nil
    }
}

extension Fields: Sequence {
    /// Walks over the fields in the order they came.
    public struct Iterator: IteratorProtocol {
        private let fields: Fields
        private var index = 0

        init(_ fields: Fields) {
            self.fields = fields
        }

        /// The next field's name, in lower case, and value.
        public mutating func next() -> (name: ArraySlice<UInt8>, value: ArraySlice<UInt8>)? {
            guard index < fields.entries.count else { return nil }
            defer { index += 1 }
            let entry = fields.entries[index]
            return (fields.storage[entry.name], fields.storage[entry.value])
        }
    }

    /// An iterator over names and values.
    public func makeIterator() -> Iterator {
        Iterator(self)
    }
}

extension [UInt8] {
    /// Appends a span's bytes in one copy.
    @inline(__always)
    mutating func append(span: Span<UInt8>) {
        // The pointer lives only inside the closure, as long as the span it comes from.
        unsafe span.withUnsafeBufferPointer { buffer in unsafe append(contentsOf: buffer) }
    }

    /// Appends the bytes of a literal in one copy.
    @inline(__always)
    mutating func append(literal: StaticString) {
        // A literal lives as long as the program.
        let count = literal.utf8CodeUnitCount
        unsafe append(contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: count))
    }

    /// Appends a number's decimal digits, without a sign.
    @inline(__always)
    mutating func append(decimal number: Int) {
        var power: UInt = 1
        while number.magnitude / power >= 10 { power *= 10 }
        while power > 0 {
            append(0x30 + UInt8(truncatingIfNeeded: number.magnitude / power % 10))
            power /= 10
        }
    }
}
