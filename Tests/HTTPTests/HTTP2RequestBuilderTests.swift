import HTTP
import Testing

@Suite("HTTP/2 request heads")
struct HTTP2RequestBuilderTests {
    private let usual = [
        (":method", "POST"), (":scheme", "https"), (":path", "/a?b"), (":authority", "localhost"),
    ]

    private func build(
        _ fields: [(String, String)], endsStream: Bool = false, limits: HTTPLimits = HTTPLimits()
    ) throws(HTTPFault) -> Request {
        var builder = HTTP2RequestBuilder(limits: limits)
        for (name, value) in fields { try builder.add(name: latin(name).span, value: latin(value).span) }
        return try builder.finish(endsStream: endsStream)
    }

    private func fault(_ fields: [(String, String)], endsStream: Bool = false) -> HTTPFault? {
        do {
            _ = try build(fields, endsStream: endsStream)
            return nil
        } catch {
            return error
        }
    }

    private func replacing(_ name: String, _ value: String?) -> [(String, String)] {
        usual.compactMap { $0.0 == name ? value.map { (name, $0) } : $0 }
    }

    @Test("a usual request is read with all its parts")
    func usualRequest() throws {
        let request = try build(usual + [("x-api-key", "k"), ("te", "trailers"), ("empty", "")])
        let expected = Head.with {
            ($0.method, $0.path, $0.query) = ("POST", "/a", "b")
            $0.version = .http2
            $0.body = .untilEnd
        }
        #expect(Head(request) == expected)
        let fields = request.fields.map { text($0.name) + "=" + text($0.value) }
        #expect(fields == ["x-api-key=k", "te=trailers", "empty="])
        #expect(request.fields.byteCount == 25)
    }

    @Test("the body's length comes from the frames or one field")
    func bodies() throws {
        #expect(try build(usual, endsStream: true).body == .none)
        #expect(try build(usual + [("content-length", "7")]).body == .length(7))
        #expect(try build(usual + [("content-length", "0")]).body == .none)
        #expect(try build(usual + [("content-length", "0")], endsStream: true).body == .none)
        #expect(fault(usual + [("content-length", "7")], endsStream: true)?.status == 400)
    }

    @Test("only a request with a body can wait for 100 Continue")
    func expectation() throws {
        #expect(try build(usual + [("expect", "100-continue")]).expectsContinue)
        #expect(try !build(usual + [("expect", "100-continue")], endsStream: true).expectsContinue)
        #expect(fault(usual + [("expect", "x")])?.status == 417)
    }

    @Test("a host stands in for the authority, and may repeat it")
    func hosts() throws {
        let request = try build(replacing(":authority", nil) + [("host", "b:1")])
        #expect(request.authority.map(text) == "b:1")
        #expect(try build(usual + [("host", "LOCALHOST")]).authority.map(text) == "localhost")
        #expect(fault(usual + [("host", "evil.test")])?.status == 400)
        #expect(fault(usual + [("host", "localhost"), ("host", "localhost")])?.status == 400)
        #expect(fault(usual + [("host", "a@localhost")])?.status == 400)
        #expect(fault(replacing(":authority", nil))?.status == 400)
    }

    @Test("OPTIONS may ask about the server as a whole")
    func asterisk() throws {
        let options = [(":method", "OPTIONS"), (":scheme", "https"), (":path", "*"), (":authority", "a")]
        #expect(text(try build(options).path) == "*")
        #expect(fault(replacing(":path", "*"))?.status == 400)
    }

    @Test(
        "a pseudo-field out of form is refused",
        arguments: [
            (":path", nil), (":method", nil), (":scheme", nil), (":path", ""), (":path", "health"),
            (":path", "/he alth"),
            (":path", "/h HTTP/1.1\r\nX: y"), (":path", "/#a"), (":path", "/\u{E9}"), (":path", "/\u{7F}"),
            (":path", "https://localhost/"), (":method", "GET /x HTTP/1.1\r\nX: y"), (":method", ""),
            (":method", "G ET"),
            (":scheme", "file:///etc/passwd?"), (":scheme", ""), (":authority", "a@localhost"),
            (":authority", ""),
            (":authority", "a b"),
        ] as [(String, String?)])
    func pseudoFields(name: String, value: String?) {
        expectRefusal(fault(replacing(name, value)), 400)
    }

    @Test("repeated, unknown and late pseudo-fields are refused")
    func pseudoOrder() {
        for field in usual { expectRefusal(fault(usual + [field]), 400) }
        expectRefusal(fault([(":foo", "x")] + usual), 400)
        expectRefusal(fault([(":status", "200")] + usual), 400)
        expectRefusal(fault([(":", "x")] + usual), 400)
        expectRefusal(fault(usual[..<3] + [("x", "y")] + usual[3...]), 400)
    }

    @Test("tunnels are not implemented")
    func tunnels() {
        expectRefusal(fault([(":method", "CONNECT"), (":authority", "evil.test:443")]), 501)
        expectRefusal(fault([(":method", "CONNECT"), (":protocol", "websocket")] + usual[1...]), 501)
    }

    @Test(
        "a regular field out of form is refused",
        arguments: [
            ("X-Up", "a"), ("connection", "keep-alive"), ("keep-alive", "a"), ("proxy-connection", "a"),
            ("upgrade", "a"),
            ("transfer-encoding", "chunked"), ("te", "gzip"), ("te", ""), ("x", "a\r\nSmuggled: 1"),
            ("x", "a\u{0}b"),
            ("x\ny", "a"), ("x:y", "a"), ("x y", "a"), ("", "a"), ("x", " a"), ("x", "a\t"), ("x\u{E9}", "a"),
            ("content-length", "2, 2"), ("content-length", "+2"), ("content-length", ""),
        ])
    func regularFields(name: String, value: String) {
        expectRefusal(fault(usual + [(name, value)]), 400)
    }

    @Test("a length sent twice is refused, even when both are equal")
    func lengths() {
        expectRefusal(fault(usual + [("content-length", "2"), ("content-length", "2")]), 400)
    }

    @Test("a head may have as many fields as its limit and not one more")
    func fieldCount() throws {
        let most = Array(repeating: ("cookie", "a=b"), count: HTTPLimits().fieldCount)
        #expect(try build(usual + most).fields.count == HTTPLimits().fieldCount)
        expectRefusal(fault(usual + most + [("cookie", "a=b")]), 431)
    }

    @Test("a head may be as long as its limit and not a byte longer")
    func headBytes() throws {
        var limits = HTTPLimits()
        limits.headBytes = usual.reduce(0) { $0 + $1.0.utf8.count + $1.1.utf8.count + 32 } + 36
        #expect(try build(usual + [("abc", "d")], limits: limits).fields.count == 1)
        #expect(throws: HTTPFault.self) { try build(usual + [("abc", "de")], limits: limits) }
        limits = HTTPLimits()
        let value = String(repeating: "a", count: limits.fieldBytes - 1)
        #expect(try build(usual + [("x", value)]).fields["x"]?.count == limits.fieldBytes - 1)
        expectRefusal(fault(usual + [("xy", value)]), 431)
    }

    private func expectRefusal(
        _ fault: HTTPFault?, _ status: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(fault?.status == status, sourceLocation: sourceLocation)
        #expect(fault?.scope == .stream, sourceLocation: sourceLocation)
    }
}
