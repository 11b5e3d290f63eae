/// The header fields of a response, in the order they will be sent.
///
/// They are kept as the lines HTTP/1.1 sends, so encoding is one copy; HTTP/2 takes names and values from the
/// same bytes. Nothing put in can end a line: control bytes in a value become `?`, so a response cannot be
/// split.
public struct ResponseFields: Sendable {
    private struct Entry: Sendable {
        let name: Range<UInt32>
        let value: Range<UInt32>
        /// True when no other response has the same value, so that remembering it for compression is a waste.
        let isUnique: Bool
    }

    /// `name: value` and CRLF for each field.
    private(set) var lines: [UInt8] = []
    private var entries: [Entry] = []

    /// No fields, with room for a usual head.
    public init() {
        lines.reserveCapacity(352)
        entries.reserveCapacity(12)
    }

    /// How many fields there are.
    public var count: Int { entries.count }

    /// Tells where each field's name and value lie in `lines`.
    @inline(__always)
    func forEachRange(_ body: (_ name: Range<Int>, _ value: Range<Int>, _ isUnique: Bool) -> Void) {
        for entry in entries {
            body(
                Int(entry.name.lowerBound)..<Int(entry.name.upperBound),
                Int(entry.value.lowerBound)..<Int(entry.value.upperBound), entry.isUnique)
        }
    }

    /// Adds a field at the end; bytes that no value may hold become `?`.
    ///
    /// Names that frame the message (`content-length`, `transfer-encoding`, `connection`, `date`…) are passed
    /// over: only the encoder knows what is true of them.
    public mutating func append(_ name: FieldName, bytes value: Span<UInt8>, isUnique: Bool = false) {
        if ResponseFields.belongsToEncoder(name) { return }
        if entries.isEmpty {
            // Room for a usual response at once; growing step by step took three times as long.
            lines.reserveCapacity(368)
            entries.reserveCapacity(12)
        }
        let nameStart = UInt32(lines.count)
        lines.append(span: name.description.utf8Span.span)
        let nameEnd = UInt32(lines.count)
        lines.append(literal: ": ")
        let valueStart = lines.count
        lines.append(span: value)
        for index in valueStart..<lines.count where !isFieldByte(lines[index]) {
            lines[index] = UInt8(ascii: "?")
        }
        entries.append(
            Entry(name: nameStart..<nameEnd, value: UInt32(valueStart)..<UInt32(lines.count), isUnique: isUnique))
        lines.append(literal: "\r\n")
    }

    /// Adds a field at the end; characters that no value may hold become `?`.
    public mutating func append(_ name: FieldName, _ value: String, isUnique: Bool = false) {
        append(name, bytes: value.utf8Span.span, isUnique: isUnique)
    }

    /// Adds a field with a decimal number.
    public mutating func append(_ name: FieldName, _ value: Int) {
        append(name, String(value))
    }

    /// Adds all fields of another list at the end, in one copy.
    public mutating func append(contentsOf others: ResponseFields) {
        let offset = UInt32(lines.count)
        lines.append(span: others.lines.span)
        for entry in others.entries {
            entries.append(
                Entry(
                    name: entry.name.lowerBound + offset..<entry.name.upperBound + offset,
                    value: entry.value.lowerBound + offset..<entry.value.upperBound + offset,
                    isUnique: entry.isUnique))
        }
    }

    /// Writes letters and digits over a field's value, from `place` on and no further than it goes; what makes a
    /// prepared head a new one.
    public mutating func overwriteValue(at index: Int, from place: Int, with bytes: Span<UInt8>) {
        let value = entries[index].value
        let start = Int(value.lowerBound) + place
        let count = Swift.min(bytes.count, Int(value.upperBound) - start)
        for offset in 0..<count { lines[start + offset] = bytes[offset] }
    }

    /// The value of the first field of that name, or nil.
    public subscript(name: FieldName) -> ArraySlice<UInt8>? {
        for field in self where field.name.elementsEqual(name.description.utf8) { return field.value }
        return nil
    }

    private static func belongsToEncoder(_ name: FieldName) -> Bool {
        switch name.description.utf8.count {
        case 4: name == .date
        case 7: name == .upgrade || name == .trailer
        case 10: name == .connection || name == .keepAlive
        case 14: name == .contentLength
        case 17: name == .transferEncoding
        default: false
        }
    }
}

extension ResponseFields: Sequence {
    /// Walks over the fields in order.
    public struct Iterator: IteratorProtocol {
        private let fields: ResponseFields
        private var index = 0

        init(_ fields: ResponseFields) {
            self.fields = fields
        }

        /// The next field's name, in lower case, and value.
        public mutating func next() -> (name: ArraySlice<UInt8>, value: ArraySlice<UInt8>)? {
            guard index < fields.entries.count else { return nil }
            defer { index += 1 }
            let entry = fields.entries[index]
            let name = Int(entry.name.lowerBound)..<Int(entry.name.upperBound)
            let value = Int(entry.value.lowerBound)..<Int(entry.value.upperBound)
            return (fields.lines[name], fields.lines[value])
        }
    }

    /// An iterator over names and values.
    public func makeIterator() -> Iterator {
        Iterator(self)
    }
}

/// A response: complete when it has its whole body, or the head of one whose body follows in pieces.
public struct Response: Sendable {
    /// The status code, 200 to 599.
    public let status: Int
    /// The fields; length, date and connection are the encoder's.
    public var fields: ResponseFields
    /// The whole body; empty for the head of a stream.
    public var body: [UInt8]

    /// Makes a response; a status that is not a final one becomes 500.
    public init(status: Int, fields: ResponseFields = ResponseFields(), body: [UInt8] = []) {
        self.status = 200...599 ~= status ? status : 500
        self.fields = fields
        self.body = body
    }
}
