/// Numbers in the digits 0–9, A–Z, a–z.
public enum Base62 {
    /// In the order of their values.
    public static let digits = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

    /// True for one of the digits.
    public static func isDigit(_ byte: UInt8) -> Bool { digits.contains(byte) }

    /// Takes the least significant digit off a number.
    @inlinable
    public static func digit(_ number: inout UInt64) -> UInt8 {
        let (quotient, remainder) = number.quotientAndRemainder(dividingBy: 62)
        number = quotient
        let digit = UInt8(truncatingIfNeeded: remainder)
        // Computed, as each answer has 22 of them and the table is a global that every look-up has to ask for.
        return digit < 10 ? 0x30 + digit : digit < 36 ? 0x37 + digit : 0x3D + digit
    }

    /// A big-endian number in exactly `count` digits; more significant ones are lost.
    public static func encode(_ bytes: [UInt8], digits count: Int) -> String {
        var number = bytes
        var text = [UInt8](repeating: digits[0], count: count)
        for position in stride(from: count - 1, through: 0, by: -1) {
            var remainder = 0
            for index in number.indices {
                let value = remainder << 8 | Int(number[index])
                number[index] = UInt8(truncatingIfNeeded: value / 62)
                remainder = value % 62
            }
            text[position] = digits[remainder]
        }
        return String(decoding: text, as: UTF8.self)
    }
}
