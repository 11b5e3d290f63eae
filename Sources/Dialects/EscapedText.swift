import Vocabulary

/// A text that grows by slices of CLI lines and stays escaped, so that it can be written as it came.
struct EscapedText: Sendable {
    private(set) var bytes: [UInt8] = []
    private var hasEscapes = false

    var isEmpty: Bool { bytes.isEmpty }

    /// The text so far.
    var text: JSONText { JSONText(escaped: bytes[...], hasEscapes: hasEscapes) }

    @inline(__always)
    mutating func append(_ slice: JSONSlice, of line: Span<UInt8>) {
        bytes.append(copying: line.extracting(slice.start..<slice.end))
        if slice.hasEscapes { hasEscapes = true }
    }

    mutating func append(_ text: StaticString) { bytes.append(text) }

    mutating func append(contentsOf text: JSONText) {
        bytes += text.escaped
        if text.hasEscapes { hasEscapes = true }
    }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        hasEscapes = false
    }
}
