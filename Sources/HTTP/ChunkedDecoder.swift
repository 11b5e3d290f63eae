/// Finds the data in a body sent in chunks, strictly (RFC 9112 §7.1).
///
/// A few words of state and no buffer. Sizes are bare hexadecimal digits and lines end with CRLF exactly.
/// Extensions and trailers are checked for form, limited and discarded, so a `Content-Length` among the
/// trailers changes nothing.
public struct ChunkedDecoder: Sendable {
    /// What was found.
    public enum Event: Equatable, Sendable {
        /// All bytes are used up; the body goes on.
        case needsMore
        /// Part of the body: these offsets of the bytes passed in; never empty.
        case data(Range<Int>)
        /// The body and its trailers are complete; the bytes after it belong to the next request.
        case finished
    }

    private enum State {
        case size, `extension`, sizeLineFeed
        case data, dataReturn, dataLineFeed
        case trailerStart, trailerName, trailerValue, trailerLineFeed, endLineFeed
        case finished
    }

    private var state = State.size
    private var digits: UInt8 = 0
    /// What is left of the chunk; while its size is read, the size so far.
    private var remaining = 0
    private var bodyRoom: Int
    private var trailerRoom: Int
    private var extensionRoom: Int
    private var extensionTotalRoom: Int
    private let extensionBytes: Int

    /// The bytes of data announced so far.
    public private(set) var dataBytes = 0

    /// Makes a decoder for one body.
    public init(limits: HTTPLimits = HTTPLimits()) {
        bodyRoom = limits.bodyBytes
        trailerRoom = limits.trailerBytes
        extensionBytes = limits.chunkExtensionBytes
        extensionRoom = limits.chunkExtensionBytes
        extensionTotalRoom = limits.chunkExtensionTotalBytes
    }

    /// Reads on to the next piece of data, the end of the body or the end of the bytes.
    ///
    /// - Parameters:
    ///   - bytes: bytes of the body; they are looked at once and need not be kept.
    ///   - position: where to begin in `bytes`; moved behind what was used.
    /// - Throws: 400, 413 or 431, ending the connection; a chunk beyond the limit once its size is known.
    public mutating func next(in bytes: Span<UInt8>, at position: inout Int) throws(HTTPFault) -> Event {
        while position < bytes.count, state != .finished {
            if state == .data {
                let end = position + min(remaining, bytes.count - position)
                defer { position = end }
                remaining -= end - position
                if remaining == 0 { state = .dataReturn }
                return .data(position..<end)
            }
            try take(bytes[position])
            position += 1
        }
        return state == .finished ? .finished : .needsMore
    }

    private mutating func take(_ byte: UInt8) throws(HTTPFault) {
        switch state {
        case .size: try takeSize(byte)
        case .extension: try takeExtension(byte)
        case .sizeLineFeed: try takeLineFeed(byte, then: remaining > 0 ? .data : .trailerStart)
        case .dataReturn:
            guard byte == UInt8(ascii: "\r") else { throw .malformed("a chunk is longer than its size") }
            state = .dataLineFeed
        case .dataLineFeed: try takeLineFeed(byte, then: .size)
        case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed, .endLineFeed: try takeTrailer(byte)
        case .data, .finished: break
        }
    }

    private mutating func takeSize(_ byte: UInt8) throws(HTTPFault) {
        if let digit = hexValue(byte) {
            // Sixteen digits hold any size; more could only be leading zeros, or an overflow in a laxer
            // reader.
            guard digits < 16, remaining <= Int.max >> 4 else { throw .malformed("a chunk size is too long") }
            digits += 1
            remaining = remaining << 4 | Int(digit)
            return
        }
        guard digits > 0 else { throw .malformed("a chunk does not begin with a hexadecimal size") }
        switch byte {
        case UInt8(ascii: "\r"): try endSize()
        case UInt8(ascii: ";"):
            state = .extension
            try takeExtension(byte)
        default: throw .malformed("a chunk size is not a bare hexadecimal number")
        }
    }

    private mutating func takeExtension(_ byte: UInt8) throws(HTTPFault) {
        if byte == UInt8(ascii: "\r") { return try endSize() }
        guard isFieldByte(byte) else { throw .malformed("a chunk extension holds a control byte") }
        extensionRoom -= 1
        extensionTotalRoom -= 1
        guard extensionRoom >= 0, extensionTotalRoom >= 0 else {
            throw .malformed("the chunk extensions are too long")
        }
    }

    private mutating func endSize() throws(HTTPFault) {
        guard remaining <= bodyRoom else {
            throw HTTPFault(status: 413, reason: "the request body is too large", scope: .connection)
        }
        bodyRoom -= remaining
        dataBytes += remaining
        digits = 0
        extensionRoom = extensionBytes
        state = .sizeLineFeed
    }

    private mutating func takeLineFeed(_ byte: UInt8, then next: State) throws(HTTPFault) {
        guard byte == UInt8(ascii: "\n") else {
            throw .malformed("a line of the chunked body does not end with CRLF")
        }
        state = next
    }

    private mutating func takeTrailer(_ byte: UInt8) throws(HTTPFault) {
        if byte == UInt8(ascii: "\r"), state == .trailerStart {
            state = .endLineFeed
            return
        }
        if state == .endLineFeed { return try takeLineFeed(byte, then: .finished) }
        trailerRoom -= 1
        if trailerRoom < 0 { throw .headTooLarge("the trailers are too large") }
        switch state {
        case .trailerStart, .trailerName:
            if byte == UInt8(ascii: ":"), state == .trailerName {
                state = .trailerValue
            } else if isTokenByte(byte) {
                state = .trailerName
            } else {
                throw .malformed("a trailer line does not begin with a field name and a colon")
            }
        case .trailerValue where byte == UInt8(ascii: "\r"): state = .trailerLineFeed
        case .trailerValue:
            guard isFieldByte(byte) else { throw .malformed("a trailer holds a control byte") }
        default: try takeLineFeed(byte, then: .trailerStart)
        }
    }
}
