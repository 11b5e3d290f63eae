/// A string kept in the escaped form in which it came, so that passing it on changes nothing and copies nothing.
///
/// The bytes are UTF-8 and valid between JSON quotes. A slice of a request body shares that body's storage.
public struct JSONText: Sendable, ExpressibleByStringLiteral {
    /// The escaped content, without quotes.
    public let escaped: ArraySlice<UInt8>
    /// True when `escaped` holds backslash escapes.
    public let hasEscapes: Bool

    /// Takes content that is already escaped, without quotes.
    public init(escaped: ArraySlice<UInt8>, hasEscapes: Bool) {
        self.escaped = escaped
        self.hasEscapes = hasEscapes
    }

    /// Escapes a string.
    public init(_ string: String) {
        var bytes: [UInt8] = []
        JSONEscapes.append(escaping: string.utf8, to: &bytes)
        self.init(escaped: bytes[...], hasEscapes: bytes.count != string.utf8.count)
    }

    /// Escapes a literal.
    public init(stringLiteral value: String) { self.init(value) }

    /// The string it spells.
    public var string: String {
        hasEscapes ? JSONEscapes.resolve(escaped.span) : String(decoding: escaped, as: UTF8.self)
    }

    /// Hands the string it spells to `body`, as UTF-8.
    public func withResolvedBytes(_ body: (Span<UInt8>) -> Void) {
        guard hasEscapes else { return body(escaped.span) }
        let bytes = Array(string.utf8)
        body(bytes.span)
    }

    /// True for the empty string.
    public var isEmpty: Bool { escaped.isEmpty }

    /// The texts one after another with `separator` between them.
    public static func joined(_ texts: [JSONText], separator: JSONText) -> JSONText {
        guard texts.count > 1 else { return texts.first ?? "" }
        var bytes: [UInt8] = []
        for (index, text) in texts.enumerated() {
            if index > 0 { bytes.append(contentsOf: separator.escaped) }
            bytes.append(contentsOf: text.escaped)
        }
        return JSONText(
            escaped: bytes[...],
            hasEscapes: separator.hasEscapes || texts.contains { $0.hasEscapes })
    }
}

extension JSONText: Equatable {
    /// Equal when they spell the same string, however it is escaped.
    public static func == (left: JSONText, right: JSONText) -> Bool {
        left.escaped == right.escaped
            || ((left.hasEscapes || right.hasEscapes) && left.string == right.string)
    }
}

/// Any JSON value kept as the text it came in: key order, number spelling and escapes are untouched.
public struct JSONFragment: Sendable, Equatable {
    /// The value's text; valid JSON.
    public let bytes: ArraySlice<UInt8>

    /// Takes text that is one valid JSON value.
    public init(validated bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    /// A whole number.
    public init(integer: Int) { self.init(validated: Array(String(integer).utf8)[...]) }

    /// A fragment from a literal that is one valid JSON value.
    public init(_ literal: StaticString) {
        var copy: [UInt8] = []
        copy.append(literal)
        bytes = copy[...]
    }
}
