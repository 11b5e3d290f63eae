/// What the fields of an HTTP/1 head say about its body, its host and its connection (RFC 9112 §3.2, §6,
/// §9.3).
///
/// Any doubt about the body's length is an error: guessing lets a second request hide in the first one's
/// body.
struct HTTP1Framing: Sendable {
    var isHTTP11 = true
    private(set) var expectsContinue = false
    private var host: Range<Int>?
    private var contentLength: Int?
    private var isChunked = false
    private var asksToClose = false
    private var asksToKeep = false

    /// Looks at one field; all but the five that decide something are passed over.
    mutating func note(_ bytes: Span<UInt8>, name: Range<Int>, value: Range<Int>) throws(HTTPFault) {
        switch name.count {
        case 4 where spells(bytes, name, "host"): try noteHost(bytes, value)
        case 6 where spells(bytes, name, "expect"): try noteExpect(bytes, value)
        case 10 where spells(bytes, name, "connection"): noteConnection(bytes, value)
        case 14 where spells(bytes, name, "content-length"): try noteLength(bytes, value)
        case 17 where spells(bytes, name, "transfer-encoding"): try noteEncoding(bytes, value)
        default: break
        }
    }

    /// Judges the head as a whole, once its last field is read, and gives the target its authority.
    mutating func settle(_ bytes: Span<UInt8>, _ target: inout RequestTarget) throws(HTTPFault) {
        if isChunked {
            // RFC 9112 §6.1: together with a length it is the signature of smuggling; in HTTP/1.0 it is
            // faulty framing.
            guard contentLength == nil else {
                throw .malformed("Content-Length and Transfer-Encoding exclude each other")
            }
            if !isHTTP11 { throw .malformed("HTTP/1.0 has no Transfer-Encoding") }
        }
        // RFC 9110 §10.1.1: an HTTP/1.0 client cannot understand an interim response.
        if !isHTTP11 { expectsContinue = false }
        // RFC 9112 §3.2: exactly one Host in HTTP/1.1.
        guard let host else {
            if isHTTP11 { throw .malformed("the Host field is missing") }
            return
        }
        if let authority = target.authority {
            // RFC 9112 §3.2.2: the target's authority wins; but a client must send the same in Host, and one
            // that does not could be routed to one place and judged for another.
            guard sameLetters(bytes, authority, host) else {
                throw .malformed("the Host field differs from the request target")
            }
        } else {
            target.authority = host
        }
    }

    /// How the body is delimited (RFC 9112 §6.3).
    var body: BodyFraming {
        if isChunked { return .chunked }
        guard let contentLength, contentLength > 0 else { return .none }
        return .length(contentLength)
    }

    /// Whether the connection may carry another request (RFC 9112 §9.3).
    var keepAlive: Bool {
        !asksToClose && (isHTTP11 || asksToKeep)
    }

    private mutating func noteHost(_ bytes: Span<UInt8>, _ value: Range<Int>) throws(HTTPFault) {
        if host != nil { throw .malformed("the Host field was sent twice") }
        guard isAuthority(bytes, in: value) else { throw .malformed("the Host field is malformed") }
        host = value
    }

    private mutating func noteExpect(_ bytes: Span<UInt8>, _ value: Range<Int>) throws(HTTPFault) {
        guard spells(bytes, value, "100-continue") else { throw .unmetExpectation }
        expectsContinue = true
    }

    private mutating func noteConnection(_ bytes: Span<UInt8>, _ value: Range<Int>) {
        var start = value.lowerBound
        while start < value.upperBound {
            var end = start
            while end < value.upperBound, bytes[end] != UInt8(ascii: ",") { end += 1 }
            let option = trimmed(bytes, start..<end)
            if spells(bytes, option, "close") { asksToClose = true }
            if spells(bytes, option, "keep-alive") { asksToKeep = true }
            start = end + 1
        }
    }

    private mutating func noteLength(_ bytes: Span<UInt8>, _ value: Range<Int>) throws(HTTPFault) {
        // RFC 9112 §6.3 allows to take equal repetitions for one; whoever repeats is more likely to be
        // probing.
        if contentLength != nil { throw .malformed("the Content-Length field was sent twice") }
        guard let length = decimal(bytes, in: value) else {
            throw .malformed("the Content-Length field is not one decimal number")
        }
        contentLength = length
    }

    private mutating func noteEncoding(_ bytes: Span<UInt8>, _ value: Range<Int>) throws(HTTPFault) {
        if isChunked { throw .malformed("the Transfer-Encoding field was sent twice") }
        guard spells(bytes, value, "chunked") else {
            // RFC 9112 §6.1 and §6.3: 501 for a coding not understood, 400 when chunked is not the last one.
            let coding = lastElement(bytes, value)
            if coding.lowerBound > value.lowerBound, spells(bytes, coding, "chunked") {
                throw HTTPFault(
                    status: 501, reason: "no transfer coding but chunked is implemented", scope: .connection)
            }
            throw .malformed("the Transfer-Encoding field is not chunked")
        }
        isChunked = true
    }
}

/// What follows the last comma, without the white space around it.
private func lastElement(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
    var start = range.upperBound
    while start > range.lowerBound, bytes[start - 1] != UInt8(ascii: ",") { start -= 1 }
    return trimmed(bytes, start..<range.upperBound)
}

/// Whether two ranges hold the same bytes, letter case aside.
func sameLetters(_ bytes: Span<UInt8>, _ one: Range<Int>, _ other: Range<Int>) -> Bool {
    guard one.count == other.count else { return false }
    for offset in 0..<one.count
    where lowercased(bytes[one.lowerBound + offset]) != lowercased(bytes[other.lowerBound + offset]) {
        return false
    }
    return true
}
