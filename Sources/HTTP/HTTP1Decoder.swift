/// Reads HTTP/1.1 and HTTP/1.0 request heads, strictly (RFC 9112).
///
/// It looks at every byte once, in one pass that can stop and go on anywhere, so a head that comes byte by
/// byte gives the same answer for the same work as one that comes whole. It keeps offsets only: the caller
/// holds the bytes until a head is complete. What is malformed is refused at the byte that shows it, and
/// never repaired, because two servers that repair differently are what request smuggling is made of.
public struct HTTP1Decoder: Sendable {
    private enum State {
        case start, leadingLineFeed
        case method, target, version, requestLineFeed
        case fieldStart, name, padding, value, fieldLineFeed
        case endLineFeed
    }

    private let limits: HTTPLimits
    private var state = State.start
    /// The first byte not yet looked at.
    private var position = 0
    /// Where the method, target, version, name or value in progress begins.
    private var start = 0
    /// Where the line in progress must have ended at the latest.
    private var lineEnd = 0
    private var name = 0..<0
    private var method = Method.get
    private var target: RequestTarget?
    private var entries: [Fields.Entry] = []
    private var framing = HTTP1Framing()

    /// Makes a decoder for one connection.
    public init(limits: HTTPLimits = HTTPLimits()) {
        self.limits = limits
    }

    /// Reads one head.
    ///
    /// - Parameter bytes: everything received and not yet consumed; after nil the same bytes again, and more.
    /// - Returns: the head and how many bytes it took, or nil when more bytes are needed.
    /// - Throws: what to answer; the connection is then at an end, and so is this decoder.
    public mutating func decode(_ bytes: Span<UInt8>) throws(HTTPFault) -> (head: Request, consumed: Int)? {
        while position < bytes.count {
            switch state {
            case .start: try begin(bytes)
            case .leadingLineFeed: try lineFeed(bytes, then: .method)
            case .method: try scanMethod(bytes)
            case .target: try scanTarget(bytes)
            case .version: try scanVersion(bytes)
            case .requestLineFeed: try lineFeed(bytes, then: .fieldStart)
            case .fieldStart:
                // Falling through saves a jump for each part of a line that is there as a whole.
                guard try beginField(bytes) else { continue }
                fallthrough
            case .name:
                guard try scanName(bytes) else { continue }
                fallthrough
            case .padding:
                guard skipPadding(bytes) else { continue }
                fallthrough
            case .value:
                guard try scanValue(bytes), position < bytes.count else { continue }
                fallthrough
            case .fieldLineFeed: try lineFeed(bytes, then: .fieldStart)
            case .endLineFeed:
                try lineFeed(bytes, then: .start)
                return (try finish(bytes), endHead())
            }
        }
        return nil
    }

    // MARK: The request line

    private mutating func begin(_ bytes: Span<UInt8>) throws(HTTPFault) {
        lineEnd = min(limits.requestLineBytes, limits.headBytes)
        state = .method
        // RFC 9112 §2.2: one empty line before a request line is forgiven; old clients end a body with it.
        guard bytes[position] == carriageReturn else { return }
        state = .leadingLineFeed
        position += 1
        start = position + 1
        lineEnd = min(start + limits.requestLineBytes, limits.headBytes)
    }

    private mutating func scanMethod(_ bytes: Span<UInt8>) throws(HTTPFault) {
        position = endOfTokenBytes(bytes, from: position, to: bound(bytes))
        // RFC 9112 §3: a method longer than any that could be meant is refused before it ends.
        if position - start > HTTP1Decoder.methodBytes {
            throw HTTPFault(status: 501, reason: "the method is not implemented", scope: .connection)
        }
        if position == bytes.count { return }
        guard bytes[position] == space, let token = Method(token: bytes.extracting(start..<position)) else {
            throw .malformed("the request line does not begin with a method and a space")
        }
        if token == .connect { throw .noTunnels }
        method = token
        position += 1
        start = position
        state = .target
    }

    private mutating func scanTarget(_ bytes: Span<UInt8>) throws(HTTPFault) {
        let bound = bound(bytes)
        while position < bound, isTargetByte(bytes[position]) { position += 1 }
        if position == bytes.count { return }
        // The line's limit leaves no room for the version any more.
        if position >= lineEnd { throw HTTP1Decoder.requestLineTooLong }
        guard bytes[position] == space else {
            throw .malformed("the request target holds a forbidden byte or no version follows it")
        }
        target = try RequestTarget(bytes, in: start..<position, method: method, absolute: true)
        position += 1
        start = position
        state = .version
    }

    private mutating func scanVersion(_ bytes: Span<UInt8>) throws(HTTPFault) {
        let shape: StaticString = "HTTP/0.0"
        while position < bytes.count, position - start < shape.utf8CodeUnitCount {
            if position >= lineEnd { throw HTTP1Decoder.requestLineTooLong }
            // In bounds: the loop's condition.
            let expected = unsafe shape.utf8Start[position - start]
            let byte = bytes[position]
            guard byte == expected || expected == UInt8(ascii: "0") && byte &- 0x30 < 10 else {
                throw .malformed("the request line does not end with a version")
            }
            position += 1
        }
        if position == bytes.count { return }
        guard bytes[position] == carriageReturn else {
            throw .malformed("the request line does not end with a version and CRLF")
        }
        switch (bytes[position - 3], bytes[position - 1]) {
        case (UInt8(ascii: "1"), UInt8(ascii: "1")): framing.isHTTP11 = true
        case (UInt8(ascii: "1"), UInt8(ascii: "0")): framing.isHTTP11 = false
        default: throw HTTP1Decoder.otherVersion
        }
        position += 1
        state = .requestLineFeed
    }

    // MARK: Field lines. Each step tells whether it is done, so that the next one may follow.

    private mutating func beginField(_ bytes: Span<UInt8>) throws(HTTPFault) -> Bool {
        if position >= limits.headBytes { throw HTTP1Decoder.headTooLong }
        switch bytes[position] {
        case carriageReturn:
            position += 1
            state = .endLineFeed
            return false
        case space, tab:
            // RFC 9112 §2.2 and §5.2: white space here would continue the line before, or hide a field in it.
            throw .malformed("a header line begins with white space")
        default: break
        }
        if entries.count == limits.fieldCount { throw .tooManyFields }
        if entries.isEmpty { entries.reserveCapacity(HTTP1Decoder.usualFieldCount) }
        start = position
        lineEnd = min(start + limits.fieldBytes, limits.headBytes)
        state = .name
        return true
    }

    private mutating func scanName(_ bytes: Span<UInt8>) throws(HTTPFault) -> Bool {
        position = endOfTokenBytes(bytes, from: position, to: bound(bytes))
        if position == bytes.count { return false }
        if position >= lineEnd { throw HTTP1Decoder.fieldTooLong }
        // RFC 9112 §5.1: nothing between the name and the colon; a proxy in front might read such a name
        // otherwise.
        guard bytes[position] == UInt8(ascii: ":"), position > start else {
            throw .malformed("a header line does not begin with a field name and a colon")
        }
        name = start..<position
        position += 1
        state = .padding
        return true
    }

    private mutating func skipPadding(_ bytes: Span<UInt8>) -> Bool {
        let bound = bound(bytes)
        while position < bound, isBlank(bytes[position]) { position += 1 }
        if position >= bytes.count { return false }
        start = position
        state = .value
        return true
    }

    private mutating func scanValue(_ bytes: Span<UInt8>) throws(HTTPFault) -> Bool {
        position = endOfValueBytes(bytes, from: position, to: bound(bytes))
        if position == bytes.count { return false }
        guard bytes[position] == carriageReturn else {
            if position >= lineEnd { throw HTTP1Decoder.fieldTooLong }
            throw .malformed("a header field holds a control byte")
        }
        var end = position
        while end > start, isBlank(bytes[end - 1]) { end -= 1 }
        entries.append(Fields.Entry(name: name, value: start..<end))
        try framing.note(bytes, name: name, value: start..<end)
        position += 1
        state = .fieldLineFeed
        return true
    }

    // MARK: Shared steps

    /// Where scanning must pause: at the end of the bytes or of the line's limit.
    private func bound(_ bytes: Span<UInt8>) -> Int {
        min(bytes.count, lineEnd)
    }

    private mutating func lineFeed(_ bytes: Span<UInt8>, then next: State) throws(HTTPFault) {
        // RFC 9112 §2.2: a bare CR must not be read as a line end, nor as white space.
        guard bytes[position] == UInt8(ascii: "\n") else { throw .malformed("a line does not end with CRLF") }
        position += 1
        state = next
    }

    private mutating func finish(_ bytes: Span<UInt8>) throws(HTTPFault) -> Request {
        if position > limits.headBytes { throw HTTP1Decoder.headTooLong }
        guard var target else { throw .malformed("the request has no target") }
        try framing.settle(bytes, &target)
        // The pointer lives only inside the closure, as long as the span it comes from.
        let head = unsafe bytes.extracting(0..<position).withUnsafeBufferPointer { buffer in
            unsafe [UInt8](buffer)
        }
        return Request(
            method: method, target: target, version: framing.isHTTP11 ? .http11 : .http10,
            fields: Fields(head: head, entries: entries), body: framing.body, keepAlive: framing.keepAlive,
            expectsContinue: framing.expectsContinue)
    }

    /// Makes ready for the next head and tells how long this one was.
    private mutating func endHead() -> Int {
        defer { self = HTTP1Decoder(limits: limits) }
        return position
    }

    private static let methodBytes = 32
    private static let usualFieldCount = 16
    private static var requestLineTooLong: HTTPFault {
        HTTPFault(status: 414, reason: "the request line is too long", scope: .connection)
    }
    private static var otherVersion: HTTPFault {
        HTTPFault(status: 505, reason: "only HTTP/1.1 and HTTP/1.0 are read here", scope: .connection)
    }
    private static var fieldTooLong: HTTPFault { .fieldTooLarge }
    private static var headTooLong: HTTPFault { .headTooLarge("the request head is too large") }
}

private let carriageReturn = UInt8(ascii: "\r")
private let space = UInt8(ascii: " ")
private let tab = UInt8(ascii: "\t")
