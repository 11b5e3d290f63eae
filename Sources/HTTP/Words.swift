// Eight bytes at a time. Most of a head is letters; judging them one by one took four times as long.
//
// All of it works on the high bits of the eight bytes of a word. Sums are made of seven-bit parts only, so no
// carry reaches a neighbour, and bytes above 0x7F are taken out by the original word.

private let highBits: UInt64 = 0x8080_8080_8080_8080

/// The same byte eight times.
@inline(__always)
private func all(_ byte: UInt8) -> UInt64 {
    UInt64(byte) &* 0x0101_0101_0101_0101
}

/// Eight bytes of a span, the first one lowest; traps outside the span.
@inline(__always)
private func word(_ bytes: Span<UInt8>, at index: Int) -> UInt64 {
    // Checked against the bounds by the callee; any eight bytes are a valid integer.
    UInt64(littleEndian: unsafe bytes.bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
}

/// High bits where a byte lies in `low...high`, both below 0x80.
@inline(__always)
private func between(_ low: UInt8, _ high: UInt8, in word: UInt64) -> UInt64 {
    let parts = word & ~highBits
    return (parts &+ all(0x80 - low)) & ~(parts &+ all(0x7F - high)) & ~word & highBits
}

/// The first index in `start..<bound` whose byte cannot stand in a field value, or `bound`.
func endOfValueBytes(_ bytes: Span<UInt8>, from start: Int, to bound: Int) -> Int {
    var index = start
    while index + 8 <= bound {
        let word = word(bytes, at: index)
        let controls = between(0, 0x1F, in: word) | between(0x7F, 0x7F, in: word)
        index += controls.trailingZeroBitCount / 8
        if controls == 0 { continue }
        // A tab is a control byte for the word but not for the value.
        if !isFieldByte(bytes[index]) { return index }
        index += 1
    }
    while index < bound, isFieldByte(bytes[index]) { index += 1 }
    return index
}

/// The first index in `start..<bound` whose byte cannot stand in a token, or `bound`.
func endOfTokenBytes(_ bytes: Span<UInt8>, from start: Int, to bound: Int) -> Int {
    var index = start
    while index + 8 <= bound {
        let word = word(bytes, at: index)
        // Letters, digits and hyphens are all that names in use are made of.
        let usual = between(0x61, 0x7A, in: word | all(0x20)) | between(0x30, 0x39, in: word)
            | between(0x2D, 0x2D, in: word)
        let others = ~usual & highBits
        index += others.trailingZeroBitCount / 8
        if others == 0 { continue }
        if !isTokenByte(bytes[index]) { return index }
        index += 1
    }
    while index < bound, isTokenByte(bytes[index]) { index += 1 }
    return index
}

/// Puts the ASCII letters in `range` into lower case.
@inline(__always)
func lowercase(_ bytes: inout MutableSpan<UInt8>, in range: Range<Int>) {
    if range.count < 8 {
        for index in range { bytes[index] = lowercased(bytes[index]) }
        return
    }
    var index = range.lowerBound
    while true {
        let word = word(bytes.span, at: index)
        // The high bit of an upper-case letter, moved down to where letter case is.
        let lower = word | between(0x41, 0x5A, in: word) >> 2
        var raw = unsafe bytes.mutableBytes
        raw.storeBytes(of: lower.littleEndian, toByteOffset: index, as: UInt64.self)
        if index + 8 == range.upperBound { return }
        // The last word may overlap the one before: what is in lower case stays so.
        index = min(index + 8, range.upperBound - 8)
    }
}
