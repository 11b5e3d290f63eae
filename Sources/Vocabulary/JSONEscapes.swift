/// The two directions of JSON string escaping (RFC 8259 §7), and integers in JSON text.
enum JSONEscapes {
    /// The string that escaped content spells; a lone surrogate becomes U+FFFD.
    static func resolve(_ bytes: Span<UInt8>) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            guard byte == UInt8(ascii: "\\"), index + 1 < bytes.count else {
                out.append(byte)
                index += 1
                continue
            }
            switch bytes[index + 1] {
            case UInt8(ascii: "n"): out.append(0x0A)
            case UInt8(ascii: "t"): out.append(0x09)
            case UInt8(ascii: "r"): out.append(0x0D)
            case UInt8(ascii: "b"): out.append(0x08)
            case UInt8(ascii: "f"): out.append(0x0C)
            case UInt8(ascii: "u"):
                index += append(unicodeAt: index, of: bytes, to: &out)
                continue
            default: out.append(bytes[index + 1])
            }
            index += 2
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Appends the escaped form of `text` to `out`, without quotes.
    static func append(escaping text: some Sequence<UInt8>, to out: inout [UInt8]) {
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""): out.append("\\\"")
            case UInt8(ascii: "\\"): out.append("\\\\")
            case 0x0A: out.append("\\n")
            case 0x0D: out.append("\\r")
            case 0x09: out.append("\\t")
            case 0..<0x20:
                out.append("\\u00")
                out.append(hexDigit(byte >> 4))
                out.append(hexDigit(byte & 15))
            default: out.append(byte)
            }
        }
    }

    /// A whole number in JSON text; nil with a fraction, an exponent, or beyond 64 bits.
    static func integer(_ bytes: Span<UInt8>) -> Int? {
        let isNegative = !bytes.isEmpty && bytes[0] == UInt8(ascii: "-")
        let first = isNegative ? 1 : 0
        guard bytes.count > first else { return nil }
        var value = 0
        for index in first..<bytes.count {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) =
                isNegative
                ? tens.subtractingReportingOverflow(Int(digit)) : tens.addingReportingOverflow(Int(digit))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    /// Resolves `\uXXXX` and, where it is half of a pair, its partner; returns the bytes passed.
    private static func append(unicodeAt index: Int, of bytes: Span<UInt8>, to out: inout [UInt8]) -> Int {
        let unit = codeUnit(at: index, of: bytes)
        if let unit, UTF16.isLeadSurrogate(unit), let trail = codeUnit(at: index + 6, of: bytes),
            UTF16.isTrailSurrogate(trail)
        {
            let value = 0x10000 + (UInt32(unit & 0x3FF) << 10 | UInt32(trail & 0x3FF))
            append(scalar: Unicode.Scalar(value), to: &out)
            return 12
        }
        append(scalar: unit.flatMap { Unicode.Scalar($0) }, to: &out)
        return 6
    }

    private static func append(scalar: Unicode.Scalar?, to out: inout [UInt8]) {
        out.append(contentsOf: String(Character(scalar ?? "\u{FFFD}")).utf8)
    }

    private static func codeUnit(at index: Int, of bytes: Span<UInt8>) -> UInt16? {
        guard index + 6 <= bytes.count, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u")
        else { return nil }
        var unit: UInt16 = 0
        for offset in 2..<6 {
            guard let digit = hexValue(bytes[index + offset]) else { return nil }
            unit = unit << 4 | digit
        }
        return unit
    }
}
