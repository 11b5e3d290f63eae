/// A strict pull reader over JSON text (RFC 8259): it checks what it passes, allocates nothing and builds no tree.
///
/// The reader borrows the bytes; slices it returns are offsets into them. It does not check UTF-8:
/// whoever owns the bytes does that once for the whole text.
public struct JSONReader: ~Copyable, ~Escapable {
    /// What kind of value comes next.
    public enum Kind: Sendable { case object, array, string, number, bool, null }

    @usableFromInline let bytes: Span<UInt8>
    @usableFromInline var position = 0
    @usableFromInline var depth = 0
    @usableFromInline var isFirst = true
    @usableFromInline let maxDepth: Int

    /// Reads `bytes` from their beginning; more than `maxDepth` nested values are an error.
    @_lifetime(copy bytes)
    public init(_ bytes: Span<UInt8>, maxDepth: Int = 64) {
        self.bytes = bytes
        self.maxDepth = maxDepth
    }

    /// The offset of the next byte to be read.
    public var offset: Int { position }

    /// What the next value is, without reading it.
    public mutating func peek() throws(JSONError) -> Kind {
        skipSpace()
        guard position < bytes.count else { throw fail() }
        switch bytes[position] {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        default: throw fail()
        }
    }

    /// Reads `{`; follow with `key()` until it returns nil.
    public mutating func enterObject() throws(JSONError) { try enter(UInt8(ascii: "{")) }

    /// Reads `[`; follow with `element()` until it returns false.
    public mutating func enterArray() throws(JSONError) { try enter(UInt8(ascii: "[")) }

    /// The next key, after which its value must be read; nil after the closing brace.
    public mutating func key() throws(JSONError) -> JSONSlice? {
        guard try next(closing: UInt8(ascii: "}")) else { return nil }
        let key = try string()
        skipSpace()
        try expect(UInt8(ascii: ":"))
        return key
    }

    /// True when another element follows, which must then be read; false after the closing bracket.
    public mutating func element() throws(JSONError) -> Bool {
        try next(closing: UInt8(ascii: "]"))
    }

    /// Reads a string and returns its content, still escaped, without the quotes.
    public mutating func string() throws(JSONError) -> JSONSlice {
        skipSpace()
        try expect(UInt8(ascii: "\""))
        let start = position
        var hasEscapes = false
        while true {
            skipPlainBytes()
            guard position < bytes.count else { throw fail() }
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                let slice = JSONSlice(start: start, end: position, hasEscapes: hasEscapes)
                position += 1
                return slice
            }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                try skipEscape()
            } else if byte < 0x20 {
                throw fail()  // RFC 8259 §7: control characters must be escaped
            } else {
                position += 1
            }
        }
    }

    /// Reads a number and returns its text as it stands.
    public mutating func number() throws(JSONError) -> JSONSlice {
        skipSpace()
        let start = position
        if peekByte() == UInt8(ascii: "-") { position += 1 }
        if peekByte() == UInt8(ascii: "0") { position += 1 } else { try digits() }
        if peekByte() == UInt8(ascii: ".") {
            position += 1
            try digits()
        }
        if let byte = peekByte(), byte | 0x20 == UInt8(ascii: "e") {
            position += 1
            if let sign = peekByte(), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
        return JSONSlice(start: start, end: position, hasEscapes: false)
    }

    /// Reads `true` or `false`.
    public mutating func bool() throws(JSONError) -> Bool {
        skipSpace()
        if peekByte() == UInt8(ascii: "t") {
            try literal("true")
            return true
        }
        try literal("false")
        return false
    }

    /// Reads `null`.
    public mutating func null() throws(JSONError) {
        skipSpace()
        try literal("null")
    }

    /// Reads any value and returns its text as it stands, a string with its quotes.
    public mutating func skip() throws(JSONError) -> JSONSlice {
        let kind = try peek()
        let start = position
        switch kind {
        case .string: _ = try string()
        case .number: _ = try number()
        case .bool: _ = try bool()
        case .null: try null()
        case .object, .array: try skipContainer()
        }
        return JSONSlice(start: start, end: position, hasEscapes: false)
    }

    /// Checks that nothing but white space is left.
    public mutating func end() throws(JSONError) {
        skipSpace()
        guard position == bytes.count else { throw fail() }
    }

    /// True when the slice is exactly this text; a key written with escapes matches nothing.
    public func matches(_ slice: JSONSlice, _ text: StaticString) -> Bool {
        slice.matches(text, in: bytes)
    }

    // MARK: - Pieces

    /// Passes a whole object or array without recursion, so that depth costs no stack.
    private mutating func skipContainer() throws(JSONError) {
        let outer = depth
        var kinds: UInt64 = 0  // one bit a level below `outer`: 1 for an object
        var level = 0
        func isObject(_ kinds: UInt64, _ level: Int) -> Bool { kinds >> UInt64(level & 63) & 1 == 1 }
        var kind = try peek()
        while true {
            switch kind {
            case .object, .array:
                guard level < 64 else { throw JSONError(.tooDeep, at: position) }
                if kind == .object { try enterObject() } else { try enterArray() }
                kinds = kinds & ~(1 << UInt64(level)) | (kind == .object ? 1 << UInt64(level) : 0)
                level += 1
            case .string: _ = try string()
            case .number: _ = try number()
            case .bool: _ = try bool()
            case .null: try null()
            }
            while true {
                let more: Bool
                if isObject(kinds, level - 1) { more = try key() != nil } else { more = try element() }
                if more { break }
                level -= 1
                if depth == outer { return }
            }
            kind = try peek()
        }
    }

    private mutating func enter(_ bracket: UInt8) throws(JSONError) {
        skipSpace()
        try expect(bracket)
        depth += 1
        guard depth <= maxDepth else { throw JSONError(.tooDeep, at: position) }
        isFirst = true
    }

    private mutating func next(closing bracket: UInt8) throws(JSONError) -> Bool {
        skipSpace()
        guard position < bytes.count else { throw fail() }
        if bytes[position] == bracket {
            position += 1
            depth -= 1
            isFirst = false
            return false
        }
        if !isFirst { try expect(UInt8(ascii: ",")) }
        isFirst = false
        return true
    }

    @inline(__always)
    private mutating func skipSpace() {
        while position < bytes.count {
            let byte = bytes[position]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            position += 1
        }
    }

    /// Up to the next quote, backslash or control character: sixteen bytes at a time, then eight.
    @inline(__always)
    private mutating func skipPlainBytes() {
        let quotes = SIMD16<UInt8>(repeating: 0x22)
        let slashes = SIMD16<UInt8>(repeating: 0x5C)
        let controls = SIMD16<UInt8>(repeating: 0x20)
        while position &+ 16 <= bytes.count {
            let lanes = unsafe bytes.bytes.unsafeLoadUnaligned(fromByteOffset: position, as: SIMD16<UInt8>.self)
            if any((lanes .== quotes) .| (lanes .== slashes) .| (lanes .< controls)) { break }
            position &+= 16
        }
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        while position &+ 8 <= bytes.count {
            let word = unsafe bytes.bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self)
            let quote = word ^ (ones &* 0x22)
            let slash = word ^ (ones &* 0x5C)
            let hit =
                ((quote &- ones) & ~quote | (slash &- ones) & ~slash | (word &- ones &* 0x20) & ~word) & highs
            guard hit == 0 else {
                position &+= hit.trailingZeroBitCount >> 3
                return
            }
            position &+= 8
        }
    }

    private mutating func skipEscape() throws(JSONError) {
        guard position + 1 < bytes.count else { throw fail() }
        switch bytes[position + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 2
        case UInt8(ascii: "u"):
            guard position + 6 <= bytes.count else { throw fail() }
            for index in position + 2..<position + 6 where hexValue(bytes[index]) == nil {
                throw fail()
            }
            position += 6
        default: throw fail()
        }
    }

    private mutating func digits() throws(JSONError) {
        let start = position
        while let byte = peekByte(), byte &- UInt8(ascii: "0") < 10 { position += 1 }
        guard position > start else { throw fail() }
    }

    private mutating func literal(_ text: StaticString) throws(JSONError) {
        for index in 0..<text.utf8CodeUnitCount { try expect(unsafe text.utf8Start[index]) }
    }

    @inline(__always)
    private func peekByte() -> UInt8? {
        position < bytes.count ? bytes[position] : nil
    }

    @inline(__always)
    private mutating func expect(_ byte: UInt8) throws(JSONError) {
        guard position < bytes.count, bytes[position] == byte else { throw fail() }
        position += 1
    }

    private func fail() -> JSONError { JSONError(.syntax, at: position) }
}

/// The value of a hexadecimal digit, or nil.
@inline(__always)
func hexValue(_ byte: UInt8) -> UInt16? {
    if byte &- UInt8(ascii: "0") < 10 { return UInt16(byte &- UInt8(ascii: "0")) }
    let letter = (byte | 0x20) &- UInt8(ascii: "a")
    return letter < 6 ? UInt16(letter) + 10 : nil
}
