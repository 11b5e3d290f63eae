import Vocabulary

/// Writes rows for the CLI's input as a list of pieces: what is large is referred to, not copied.
///
/// A request with a 30 MB image is thus held once, in the body in which it came.
struct RowWriter: JSONWriting {
    /// Values of at least this many bytes become pieces of their own.
    private static let largeBytes = 16 * 1024

    private var json = JSONWriter()
    private var finished: [ArraySlice<UInt8>] = []

    /// Everything written, in order.
    consuming func pieces() -> [ArraySlice<UInt8>] {
        splice()
        return finished
    }

    mutating func beginObject() { json.beginObject() }
    mutating func endObject() { json.endObject() }
    mutating func beginArray() { json.beginArray() }
    mutating func endArray() { json.endArray() }
    mutating func key(_ name: StaticString) { json.key(name) }
    mutating func key(text name: JSONText) { json.key(name) }
    mutating func string(literal value: StaticString) { json.string(literal: value) }
    mutating func string(_ value: String) { json.string(value) }
    mutating func bool(_ value: Bool) { json.bool(value) }
    mutating func integer(_ value: Int) { json.integer(value) }

    /// Members or values as they stand.
    mutating func raw(_ text: StaticString) { json.raw(text) }

    /// A string that is already escaped.
    mutating func string(_ value: JSONText) {
        guard value.escaped.count >= Self.largeBytes else { return json.string(value) }
        json.raw("\"")
        splice()
        finished.append(value.escaped)
        json.bytes.append(UInt8(ascii: "\""))
    }

    /// A value as it stands. A line end in it, which JSON allows between values, would end the row early.
    mutating func fragment(_ value: JSONFragment) {
        let value = value.onOneLine
        guard value.bytes.count >= Self.largeBytes else { return json.fragment(value) }
        json.raw("")
        splice()
        finished.append(value.bytes)
    }

    /// Writes the row of one control request; `members` writes what its `request` holds behind the `subtype`.
    mutating func controlRequest(
        _ subtype: StaticString, id: StaticString, members: (inout RowWriter) -> Void = { _ in }
    ) {
        beginObject()
        raw("\"type\":\"control_request\"")
        member("request_id", literal: id)
        key("request")
        beginObject()
        member("subtype", literal: subtype)
        members(&self)
        endObject()
        endObject()
        endRow()
    }

    /// A row that is whole, with its end.
    mutating func row(_ whole: [UInt8]) {
        json.bytes += whole
        json = JSONWriter(json.bytes)
    }

    /// Ends a row.
    mutating func endRow() {
        json.bytes.append(0x0A)
        // A row begins without a comma, so the writer starts afresh.
        json = JSONWriter(json.bytes)
    }

    private mutating func splice() {
        guard !json.bytes.isEmpty else { return }
        finished.append(json.bytes[...])
        json.bytes = []
    }
}

extension JSONFragment {
    /// The same value without line ends: inside strings JSON has none, between values they mean nothing.
    var onOneLine: JSONFragment {
        guard hasLineEnd else { return self }
        return JSONFragment(validated: ArraySlice(bytes.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }))
    }

    /// Eight bytes at a time: an image in a request is megabytes.
    private var hasLineEnd: Bool {
        let bytes = bytes.span
        let ones: UInt64 = 0x0101_0101_0101_0101
        var index = 0
        while index &+ 8 <= bytes.count {
            let word = unsafe bytes.bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
            let feed = word ^ (ones &* 0x0A)
            let carriage = word ^ (ones &* 0x0D)
            if ((feed &- ones) & ~feed | (carriage &- ones) & ~carriage) & (ones &* 0x80) != 0 { return true }
            index &+= 8
        }
        while index < bytes.count {
            if bytes[index] == 0x0A || bytes[index] == 0x0D { return true }
            index &+= 1
        }
        return false
    }
}
