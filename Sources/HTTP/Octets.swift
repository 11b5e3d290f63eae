// Byte classes and comparisons shared by the decoders. Everything works on bytes: HTTP heads are not text.

/// Whether a byte may stand in a token, such as a method or a field name (RFC 9110 §5.6.2).
@inline(__always)
func isTokenByte(_ byte: UInt8) -> Bool {
    // Two 64-bit sets, one bit per ASCII code: faster than a chain of comparisons, and no table to load.
    let low: UInt64 = 0x03FF_6CFA_0000_0000
    let high: UInt64 = 0x57FF_FFFF_C7FF_FFFE
    let set = byte < 64 ? low : high
    return byte < 128 && (set &>> UInt64(byte & 63)) & 1 == 1
}

/// Whether a byte may stand in a field value: tab, space, visible ASCII or obs-text (RFC 9110 §5.5).
@inline(__always)
func isFieldByte(_ byte: UInt8) -> Bool {
    byte >= 0x20 ? byte != 0x7F : byte == 0x09
}

/// Whether a byte may stand in a request target: visible ASCII only (RFC 9112 §3.2, RFC 3986 §2).
@inline(__always)
func isTargetByte(_ byte: UInt8) -> Bool {
    byte &- 0x21 < 0x5E
}

/// Whether a byte is optional white space (RFC 9110 §5.6.3).
@inline(__always)
func isBlank(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09
}

/// The lower-case form of an ASCII letter; every other byte as it is.
///
/// Setting bit 5 alone would be wrong: it turns `^` into `~`, both of which are token bytes.
@inline(__always)
func lowercased(_ byte: UInt8) -> UInt8 {
    byte &- 0x41 < 26 ? byte | 0x20 : byte
}

/// The value of a hexadecimal digit, or nil.
@inline(__always)
func hexValue(_ byte: UInt8) -> UInt8? {
    if byte &- 0x30 < 10 { return byte &- 0x30 }
    let letter = lowercased(byte) &- 0x61
    return letter < 6 ? letter + 10 : nil
}

/// The value of a run of decimal digits, or nil when it is empty, holds anything else or overflows `Int`.
///
/// `Int(text)` is not used because it accepts a sign, which RFC 9110 §8.6 does not.
func decimal(_ bytes: Span<UInt8>, in range: Range<Int>) -> Int? {
    if range.isEmpty { return nil }
    var value = 0
    for index in range {
        let digit = bytes[index] &- 0x30
        guard digit < 10 else { return nil }
        let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
        let (sum, carry) = tens.addingReportingOverflow(Int(digit))
        if overflow || carry { return nil }
        value = sum
    }
    return value
}

/// Whether the bytes in `range` spell `lower`, letter case aside.
@inline(__always)
func spells(_ bytes: Span<UInt8>, _ range: Range<Int>, _ lower: StaticString) -> Bool {
    guard range.count == lower.utf8CodeUnitCount else { return false }
    for offset in 0..<range.count {
        // In bounds: the literal is exactly as long as the range, see above.
        if unsafe lower.utf8Start[offset] != lowercased(bytes[range.lowerBound + offset]) { return false }
    }
    return true
}

/// Whether the bytes in `range` are exactly `exact`.
@inline(__always)
func equals(_ bytes: Span<UInt8>, _ range: Range<Int>, _ exact: StaticString) -> Bool {
    guard range.count == exact.utf8CodeUnitCount else { return false }
    for offset in 0..<range.count {
        // In bounds: the literal is exactly as long as the range, see above.
        if unsafe exact.utf8Start[offset] != bytes[range.lowerBound + offset] { return false }
    }
    return true
}

/// The range without white space at either end.
func trimmed(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
    var start = range.lowerBound
    var end = range.upperBound
    while start < end, isBlank(bytes[start]) { start += 1 }
    while end > start, isBlank(bytes[end - 1]) { end -= 1 }
    return start..<end
}
