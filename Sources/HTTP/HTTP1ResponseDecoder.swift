/// Reads the heads of HTTP/1.1 and HTTP/1.0 responses, as strictly as `HTTP1Decoder` reads those of requests (RFC 9112).
///
/// It keeps offsets only: the caller holds the bytes until a head is complete. Lines are judged as they end, so that a head
/// that comes byte by byte gives the same answer as one that comes whole.
public struct HTTP1ResponseDecoder: Sendable {
    /// What a head says of the response, as far as somebody must know who passes its bytes on.
    public struct Head: Equatable, Sendable {
        /// 100 to 599; below 200 another head follows.
        public let status: Int
        /// How the length of the body is told; `untilEnd` means to the end of the connection.
        public let body: BodyFraming
        /// Whether the connection may carry another request after this one.
        public let keepAlive: Bool
    }

    private let limits: HTTPLimits
    private let method: Method
    /// The first byte not yet looked at, and where its line begins.
    private var position = 0
    private var lineStart = 0
    private var status = 0
    private var isHTTP11 = true
    private var fieldCount = 0
    private var contentLength: Int?
    private var isChunked = false
    private var asksToClose = false
    private var asksToKeep = false

    /// Makes a decoder for the response to one request of that method.
    public init(answering method: Method, limits: HTTPLimits = HTTPLimits()) {
        self.method = method
        self.limits = limits
    }

    /// Reads one head.
    ///
    /// - Parameter bytes: everything received since the last head; after nil the same bytes again, and more.
    /// - Returns: the head and how many bytes it took, or nil when more bytes are needed.
    /// - Throws: 502, ending the connection.
    public mutating func decode(_ bytes: Span<UInt8>) throws(HTTPFault) -> (head: Head, consumed: Int)? {
        while position < bytes.count {
            guard position < limits.headBytes else { throw .foreign("the head of the response is too large") }
            position += 1
            guard bytes[position - 1] == UInt8(ascii: "\n") else { continue }
            // RFC 9112 §2.2: a bare LF would be forgiven by some and not by others.
            guard position - lineStart >= 2, bytes[position - 2] == UInt8(ascii: "\r") else {
                throw .foreign("a line of the response does not end with CRLF")
            }
            let line = lineStart..<position - 2
            lineStart = position
            if status == 0 {
                try takeStatus(bytes, line)
            } else if line.isEmpty {
                return (try finish(), endHead())
            } else {
                try takeField(bytes, line)
            }
        }
        return nil
    }

    private mutating func takeStatus(_ bytes: Span<UInt8>, _ line: Range<Int>) throws(HTTPFault) {
        let start = line.lowerBound
        guard line.count >= 12, equals(bytes, start..<start + 7, "HTTP/1."), bytes[start + 8] == UInt8(ascii: " "),
            let code = decimal(bytes, in: start + 9..<start + 12), (100...599).contains(code),
            line.count == 12 || bytes[start + 12] == UInt8(ascii: " ")
        else { throw .foreign("the response does not begin with a status line") }
        switch bytes[start + 7] {
        case UInt8(ascii: "1"): isHTTP11 = true
        case UInt8(ascii: "0"): isHTTP11 = false
        default: throw .foreign("the response is of another version of HTTP")
        }
        for index in line where !isFieldByte(bytes[index]) { throw .foreign("the status line holds a control byte") }
        // RFC 9110 §15.2.2: nobody has asked for another protocol.
        guard code != 101 else { throw .foreign("the response changes the protocol") }
        status = code
    }

    private mutating func takeField(_ bytes: Span<UInt8>, _ line: Range<Int>) throws(HTTPFault) {
        fieldCount += 1
        guard fieldCount <= limits.fieldCount, line.count <= limits.fieldBytes else {
            throw .foreign("the head of the response is too large")
        }
        let nameEnd = endOfTokenBytes(bytes, from: line.lowerBound, to: line.upperBound)
        guard nameEnd > line.lowerBound, nameEnd < line.upperBound, bytes[nameEnd] == UInt8(ascii: ":") else {
            throw .foreign("a line of the response does not begin with a field name and a colon")
        }
        guard endOfValueBytes(bytes, from: nameEnd + 1, to: line.upperBound) == line.upperBound else {
            throw .foreign("a field of the response holds a control byte")
        }
        let name = line.lowerBound..<nameEnd
        let value = trimmed(bytes, nameEnd + 1..<line.upperBound)
        switch name.count {
        case 10 where spells(bytes, name, "connection"):
            if lists(bytes, value, "close") { asksToClose = true }
            if lists(bytes, value, "keep-alive") { asksToKeep = true }
        case 14 where spells(bytes, name, "content-length"):
            guard contentLength == nil, let length = decimal(bytes, in: value) else {
                throw .foreign("the response has no single length")
            }
            contentLength = length
        case 17 where spells(bytes, name, "transfer-encoding"):
            guard !isChunked, spells(bytes, value, "chunked") else {
                throw .foreign("the response has another transfer coding than chunked")
            }
            isChunked = true
        default: break
        }
    }

    /// RFC 9112 §6.3, without its repairs: what could be read in two ways is refused.
    private func finish() throws(HTTPFault) -> Head {
        guard !isChunked || (contentLength == nil && isHTTP11) else { throw .foreign("the length of the response is told twice") }
        let isBodiless = status < 200 || status == 204 || status == 304 || method == .head
        let body: BodyFraming =
            if isBodiless { .none } else if isChunked { .chunked } else if let contentLength {
                contentLength == 0 ? .none : .length(contentLength)
            } else { .untilEnd }
        let keepAlive = body != .untilEnd && !asksToClose && (isHTTP11 || asksToKeep)
        return Head(status: status, body: body, keepAlive: keepAlive)
    }

    /// Makes ready for the next head and tells how long this one was.
    private mutating func endHead() -> Int {
        defer { self = HTTP1ResponseDecoder(answering: method, limits: limits) }
        return position
    }
}

/// Finds where a body ends, for whoever passes its bytes on as they came, framing included.
public struct BodyEnd: Sendable {
    private var remaining: Int
    private var chunks: ChunkedDecoder?
    private let isEndless: Bool

    /// True once the last byte has been seen; never for a body that goes on to the end of the connection.
    public private(set) var isReached: Bool

    /// The end of a body of that framing, of which chunks are bounded by `limits`.
    public init(of body: BodyFraming, limits: HTTPLimits = HTTPLimits()) {
        remaining = 0
        chunks = nil
        isEndless = body == .untilEnd
        isReached = false
        switch body {
        case .none: isReached = true
        case .length(let count): remaining = count
        case .chunked: chunks = ChunkedDecoder(limits: limits)
        case .untilEnd: break
        }
    }

    /// Goes on over the next bytes; tells how many of them are the body's.
    public mutating func advance(over bytes: Span<UInt8>) throws(HTTPFault) -> Int {
        if isReached { return 0 }
        if isEndless { return bytes.count }
        guard chunks != nil else {
            let count = min(remaining, bytes.count)
            remaining -= count
            isReached = remaining == 0
            return count
        }
        var position = 0
        while true {
            switch try chunks?.next(in: bytes, at: &position) {
            case .data: continue
            case .finished: isReached = true
            case .needsMore, nil: break
            }
            return position
        }
    }
}

/// Whether a list of tokens between commas holds `lower`, letter case aside.
private func lists(_ bytes: Span<UInt8>, _ range: Range<Int>, _ lower: StaticString) -> Bool {
    var start = range.lowerBound
    while start < range.upperBound {
        var end = start
        while end < range.upperBound, bytes[end] != UInt8(ascii: ",") { end += 1 }
        if spells(bytes, trimmed(bytes, start..<end), lower) { return true }
        start = end + 1
    }
    return false
}

extension HTTPFault {
    /// A 502 that ends the connection: the other server is not understood.
    static func foreign(_ reason: String) -> HTTPFault { HTTPFault(status: 502, reason: reason, scope: .connection) }
}
