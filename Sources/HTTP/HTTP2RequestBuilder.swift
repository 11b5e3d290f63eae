/// Puts the fields of an HTTP/2 request together, with the checks of RFC 9113 §8.2 and §8.3.
///
/// HPACK can carry bytes that HTTP/1.1 would have used as framing, so names and values are checked as
/// strictly here. Every fault reaches the stream only: the frames around it were sound.
public struct HTTP2RequestBuilder: Sendable {
    private let limits: HTTPLimits
    private var fields = Fields()
    private var listBytes = 0
    private var sawRegular = false
    private var method: Method?
    private var hasScheme = false
    private var path: Range<Int>?
    private var authority: Range<Int>?
    private var contentLength: Int?
    private var expectsContinue = false

    /// Makes a builder for one stream.
    public init(limits: HTTPLimits = HTTPLimits()) {
        self.limits = limits
        fields.reserve(bytes: 512, fields: 16)
    }

    /// Takes the next field, pseudo or regular, in the order of the header block.
    ///
    /// - Throws: 400, 417, 431 or 501, with the stream as scope; the builder is then at an end.
    public mutating func add(name: Span<UInt8>, value: Span<UInt8>) throws(HTTPFault) {
        do throws(HTTPFault) {
            // RFC 9113 §6.5.2: the size of a field list counts 32 bytes of overhead for each field.
            listBytes += name.count + value.count + 32
            if listBytes > limits.headBytes { throw .headTooLarge("the request head is too large") }
            if name.count + value.count > limits.fieldBytes { throw .fieldTooLarge }
            try checkValue(value)
            if name.count > 0, name[0] == UInt8(ascii: ":") {
                try addPseudo(name, value)
            } else {
                sawRegular = true
                try addRegular(name, value)
            }
        } catch {
            throw error.reaching(.stream)
        }
    }

    /// Ends the header block.
    ///
    /// - Parameter endsStream: whether the block carried END_STREAM, so that no body follows.
    /// - Throws: 400, with the stream as scope.
    public consuming func finish(endsStream: Bool) throws(HTTPFault) -> Request {
        do throws(HTTPFault) {
            guard let method, hasScheme, let path else { throw .malformed("a pseudo-field is missing") }
            var target = try RequestTarget(fields.storage.span, in: path, method: method, absolute: false)
            target.authority = try settledAuthority()
            // RFC 9113 §8.1.1: a declared length that the frames do not add up to is malformed.
            if endsStream, let contentLength, contentLength > 0 {
                throw .malformed("the Content-Length field announces a body that was not sent")
            }
            let isEmpty = endsStream || contentLength == 0
            let body = isEmpty ? .none : contentLength.map(BodyFraming.length) ?? .untilEnd
            return Request(
                method: method, target: target, version: .http2, fields: fields, body: body, keepAlive: true,
                expectsContinue: expectsContinue && body != .none)
        } catch {
            throw error.reaching(.stream)
        }
    }

    // MARK: Pseudo-fields

    private mutating func addPseudo(_ name: Span<UInt8>, _ value: Span<UInt8>) throws(HTTPFault) {
        // RFC 9113 §8.3: all pseudo-fields come first; one behind would be missed by a reader that stopped
        // looking.
        if sawRegular { throw .malformed("a pseudo-field follows a regular field") }
        let all = 0..<name.count
        if equals(name, all, ":method") {
            try addMethod(value)
        } else if equals(name, all, ":scheme") {
            guard !hasScheme else { throw HTTP2RequestBuilder.repeated }
            let scheme = 0..<value.count
            guard spells(value, scheme, "https") || spells(value, scheme, "http") else {
                throw .malformed("the scheme is neither https nor http")
            }
            hasScheme = true
        } else if equals(name, all, ":path") {
            guard path == nil else { throw HTTP2RequestBuilder.repeated }
            for index in value.indices where !isTargetByte(value[index]) {
                throw .malformed("the path holds a forbidden byte")
            }
            path = fields.append(bytes: value)
        } else if equals(name, all, ":authority") {
            guard authority == nil else { throw HTTP2RequestBuilder.repeated }
            guard isAuthority(value, in: 0..<value.count) else {
                throw .malformed("the authority is malformed")
            }
            authority = fields.append(bytes: value)
        } else {
            // Also :protocol (RFC 8441), which this side never announced.
            throw .malformed("an unknown pseudo-field was sent")
        }
    }

    private mutating func addMethod(_ value: Span<UInt8>) throws(HTTPFault) {
        guard method == nil else { throw HTTP2RequestBuilder.repeated }
        guard let token = Method(token: value) else { throw .malformed("the method is not a token") }
        if token == .connect { throw .noTunnels }
        method = token
    }

    // MARK: Regular fields

    private mutating func addRegular(_ name: Span<UInt8>, _ value: Span<UInt8>) throws(HTTPFault) {
        if name.isEmpty { throw .malformed("a field has no name") }
        for index in name.indices where !isTokenByte(name[index]) || lowercased(name[index]) != name[index] {
            throw .malformed("a field name is not a lower-case token")
        }
        if fields.count == limits.fieldCount { throw .tooManyFields }
        try judge(name, value)
        fields.append(validName: name, validValue: value)
    }

    private mutating func judge(_ name: Span<UInt8>, _ value: Span<UInt8>) throws(HTTPFault) {
        let all = 0..<name.count
        let whole = 0..<value.count
        switch name.count {
        case 2 where equals(name, all, "te"):
            // RFC 9113 §8.2.2
            guard spells(value, whole, "trailers") else { throw .malformed("the TE field is not trailers") }
        case 4 where equals(name, all, "host"):
            if fields.count(of: .host) > 0 { throw .malformed("the Host field was sent twice") }
            guard isAuthority(value, in: whole) else { throw .malformed("the Host field is malformed") }
        case 6 where equals(name, all, "expect"):
            guard spells(value, whole, "100-continue") else { throw .unmetExpectation }
            expectsContinue = true
        case 7 where equals(name, all, "upgrade"), 10 where equals(name, all, "connection"),
            10 where equals(name, all, "keep-alive"), 16 where equals(name, all, "proxy-connection"),
            17 where equals(name, all, "transfer-encoding"):
            // RFC 9113 §8.2.2: passed on to HTTP/1.1 they would reframe the message.
            throw .malformed("a field that belongs to HTTP/1.1 connections was sent")
        case 14 where equals(name, all, "content-length"):
            if contentLength != nil { throw .malformed("the Content-Length field was sent twice") }
            guard let length = decimal(value, in: whole) else {
                throw .malformed("the Content-Length field is not one decimal number")
            }
            contentLength = length
        default: break
        }
    }

    private func checkValue(_ value: Span<UInt8>) throws(HTTPFault) {
        for index in value.indices where !isFieldByte(value[index]) {
            throw .malformed("a field holds a control byte")
        }
        // RFC 9113 §8.2.1
        if value.count > 0, isBlank(value[0]) || isBlank(value[value.count - 1]) {
            throw .malformed("a field value begins or ends with white space")
        }
    }

    /// RFC 9113 §8.3.1: `:authority` and `Host` must name the same; one of them must be there.
    private func settledAuthority() throws(HTTPFault) -> Range<Int> {
        let host = fields.range(of: .host)
        guard let authority else {
            guard let host else { throw .malformed("the authority is missing") }
            return host
        }
        if let host, !sameLetters(fields.storage.span, authority, host) {
            throw .malformed("the Host field differs from the authority")
        }
        return authority
    }

    private static var repeated: HTTPFault { .malformed("a pseudo-field was sent twice") }
}
