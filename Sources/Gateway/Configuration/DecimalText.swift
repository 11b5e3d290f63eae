/// Numbers written by people: digits only, since `Int(text)` would also take `+5`.
enum DecimalText {
    /// The number that the digits spell; nil for anything else, and above 15 digits.
    static func parse(_ digits: some Collection<UInt8>) -> Int? {
        guard !digits.isEmpty, digits.count <= 15 else { return nil }
        var value = 0
        for digit in digits {
            guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
            value = value * 10 + Int(digit - UInt8(ascii: "0"))
        }
        return value
    }

    /// The bytes that a size spells: digits, then nothing, `KiB` or `MiB`.
    static func parseSize(_ text: String) -> Int? {
        for (suffix, shift) in [("KiB", 10), ("MiB", 20)] where text.hasSuffix(suffix) {
            let digits = text.utf8.dropLast(suffix.utf8.count)
            guard digits.count <= 9 else { return nil }
            return parse(digits).map { $0 << shift }
        }
        return parse(text.utf8)
    }

    /// The shortest spelling of a size.
    static func size(_ bytes: Int) -> String {
        if bytes > 0, bytes % (1 << 20) == 0 { return "\(bytes >> 20)MiB" }
        if bytes > 0, bytes % (1 << 10) == 0 { return "\(bytes >> 10)KiB" }
        return String(bytes)
    }
}
