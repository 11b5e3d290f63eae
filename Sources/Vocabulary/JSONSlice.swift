/// A stretch of JSON text that somebody else owns: a string's content still in its escaped form, or a raw value.
public struct JSONSlice: Equatable, Sendable {
    /// The first byte.
    public var start: Int
    /// The byte behind the last.
    public var end: Int
    /// True when the text holds backslash escapes; without them it is the string itself.
    public var hasEscapes: Bool

    /// A slice from `start` up to `end`.
    public init(start: Int, end: Int, hasEscapes: Bool) {
        self.start = start
        self.end = end
        self.hasEscapes = hasEscapes
    }

    /// How many bytes it is long.
    public var count: Int { end - start }

    /// True when these bytes are exactly `text`; escaped spellings match nothing.
    public func matches(_ text: StaticString, in bytes: Span<UInt8>) -> Bool {
        guard !hasEscapes, count == text.utf8CodeUnitCount else { return false }
        for index in 0..<count where unsafe text.utf8Start[index] != bytes[start + index] {
            return false
        }
        return true
    }

    /// The string that the slice of `bytes` spells, escapes resolved.
    public func string(in bytes: Span<UInt8>) -> String {
        let part = bytes.extracting(start..<end)
        return hasEscapes ? JSONEscapes.resolve(part) : String(copying: part)
    }

    /// Hands the string that the slice of `bytes` spells to `body`, as UTF-8.
    public func withResolvedBytes(of bytes: Span<UInt8>, _ body: (Span<UInt8>) -> Void) {
        guard hasEscapes else { return body(bytes.extracting(start..<end)) }
        let resolved = Array(string(in: bytes).utf8)
        body(resolved.span)
    }

    /// The slice as an integer; nil when it has a fraction, an exponent or does not fit.
    public func integer(in bytes: Span<UInt8>) -> Int? {
        JSONEscapes.integer(bytes.extracting(start..<end))
    }

    /// The slice's bytes in a text of their own.
    public func text(in bytes: Span<UInt8>) -> JSONText {
        var copy: [UInt8] = []
        copy.append(copying: bytes.extracting(start..<end))
        return JSONText(escaped: copy[...], hasEscapes: hasEscapes)
    }
}

extension String {
    /// The text of bytes that are known to be UTF-8; anything else is replaced, never trapped on.
    public init(copying bytes: Span<UInt8>) {
        self = unsafe bytes.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}

extension [UInt8] {
    /// Appends the bytes of a span with one copy.
    @inline(__always)
    public mutating func append(copying bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }

    /// Appends literal ASCII text with one copy.
    @inline(__always)
    public mutating func append(_ text: StaticString) {
        unsafe append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
