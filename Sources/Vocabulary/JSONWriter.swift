/// What writes JSON piece by piece; the writers share the members of objects below.
public protocol JSONWriting {
    /// Writes `{`.
    mutating func beginObject()
    /// Writes `}`.
    mutating func endObject()
    /// Writes a key of plain ASCII; its value must follow.
    mutating func key(_ name: StaticString)
    /// Writes a string, escaped.
    mutating func string(_ value: String)
    /// Writes, as a string, a literal of plain ASCII without quotes or backslashes.
    mutating func string(literal value: StaticString)
    /// Writes text that is already escaped.
    mutating func string(_ value: JSONText)
    /// Writes a whole number.
    mutating func integer(_ value: Int)
    /// Writes `true` or `false`.
    mutating func bool(_ value: Bool)
    /// Writes a value as it stands.
    mutating func fragment(_ value: JSONFragment)
}

extension JSONWriting {
    /// Writes an object with the members that `write` writes.
    public mutating func object(_ write: (inout Self) -> Void) {
        beginObject()
        write(&self)
        endObject()
    }

    /// Writes a key and a string.
    public mutating func member(_ name: StaticString, _ value: String) {
        key(name)
        string(value)
    }

    /// Writes a key and, as a string, a literal of plain ASCII without quotes or backslashes.
    public mutating func member(_ name: StaticString, literal value: StaticString) {
        key(name)
        string(literal: value)
    }

    /// Writes a key and text that is already escaped.
    public mutating func member(_ name: StaticString, _ value: JSONText) {
        key(name)
        string(value)
    }

    /// Writes a key and a whole number.
    public mutating func member(_ name: StaticString, _ value: Int) {
        key(name)
        integer(value)
    }

    /// Writes a key and `true` or `false`.
    public mutating func member(_ name: StaticString, _ value: Bool) {
        key(name)
        bool(value)
    }

    /// Writes a key and a value as it stands.
    public mutating func member(_ name: StaticString, _ value: JSONFragment) {
        key(name)
        fragment(value)
    }
}

/// Writes JSON text piece by piece, placing the commas.
///
/// The caller opens and closes objects and arrays in order; what it writes is then valid JSON.
public struct JSONWriter: JSONWriting, Sendable {
    /// What has been written.
    public var bytes: [UInt8]
    /// True when the next value or key needs no comma before it.
    private var isFirst = true

    /// Goes on behind `bytes`, which may be a buffer kept for its capacity.
    public init(_ bytes: consuming [UInt8] = []) { self.bytes = bytes }

    /// Writes `{`.
    public mutating func beginObject() { begin(UInt8(ascii: "{")) }

    /// Writes `}`.
    public mutating func endObject() { end(UInt8(ascii: "}")) }

    /// Writes `[`.
    public mutating func beginArray() { begin(UInt8(ascii: "[")) }

    /// Writes `]`.
    public mutating func endArray() { end(UInt8(ascii: "]")) }

    /// Writes a key of plain ASCII; its value must follow.
    public mutating func key(_ name: StaticString) {
        comma()
        bytes.append(UInt8(ascii: "\""))
        bytes.append(name)
        bytes.append("\":")
        isFirst = true
    }

    /// Writes a key; its value must follow. A literal goes to the overload above, which copies nothing.
    @_disfavoredOverload
    public mutating func key(_ name: JSONText) {
        string(name)
        bytes.append(UInt8(ascii: ":"))
        isFirst = true
    }

    /// Writes a key and a value as it stands.
    @_disfavoredOverload
    public mutating func member(_ name: JSONText, _ value: JSONFragment) {
        key(name)
        fragment(value)
    }

    /// Writes a string value.
    public mutating func string(_ value: String) {
        comma()
        bytes.append(UInt8(ascii: "\""))
        JSONEscapes.append(escaping: value.utf8, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Writes a literal of plain ASCII without quotes or backslashes as a string value.
    public mutating func string(literal value: StaticString) {
        comma()
        bytes.append(UInt8(ascii: "\""))
        bytes.append(value)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Writes text that is already escaped as a string value.
    public mutating func string(_ value: JSONText) {
        string(escaped: value.escaped.span)
    }

    /// Writes content that is already escaped as a string value.
    public mutating func string(escaped: Span<UInt8>) {
        comma()
        bytes.append(UInt8(ascii: "\""))
        bytes.append(copying: escaped)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Writes a whole number.
    public mutating func integer(_ value: Int) {
        comma()
        bytes.append(decimal: value)
    }

    /// Writes `true` or `false`.
    public mutating func bool(_ value: Bool) {
        comma()
        bytes.append(value ? "true" : "false")
    }

    /// Writes `null`.
    public mutating func null() {
        comma()
        bytes.append("null")
    }

    /// Writes a value as it stands, on one line.
    public mutating func fragment(_ value: JSONFragment) {
        comma()
        bytes.append(line: value)
    }

    /// Writes text that the caller vouches to be one or more members or values.
    public mutating func raw(_ text: StaticString) {
        comma()
        bytes.append(text)
    }

    private mutating func begin(_ bracket: UInt8) {
        comma()
        bytes.append(bracket)
        isFirst = true
    }

    private mutating func end(_ bracket: UInt8) {
        bytes.append(bracket)
        isFirst = false
    }

    @inline(__always)
    private mutating func comma() {
        if !isFirst { bytes.append(UInt8(ascii: ",")) }
        isFirst = false
    }
}

extension [UInt8] {
    /// Appends a value's text on one line.
    ///
    /// Without this, a pretty-printed value would tear a line of the CLI's input or an SSE event apart. In
    /// valid JSON a raw line end can only be white space between tokens (RFC 8259 §2, §7), so a space means
    /// the same.
    public mutating func append(line value: JSONFragment) {
        let start = count
        append(contentsOf: value.bytes)
        for index in start..<count where self[index] == 0x0A || self[index] == 0x0D {
            self[index] = 0x20
        }
    }

    /// Appends a whole number in decimal.
    public mutating func append(decimal value: Int) {
        // Nineteen digits and a sign; dividing by a constant costs a multiplication.
        var digits = InlineArray<20, UInt8>(repeating: UInt8(ascii: "-"))
        var rest = value.magnitude
        var first = 20
        repeat {
            first &-= 1
            digits[first] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
        if value < 0 { first &-= 1 }
        append(copying: digits.span.extracting(first..<20))
    }
}
