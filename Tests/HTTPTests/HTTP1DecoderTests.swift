import HTTP
import Testing

@Suite("HTTP/1 heads that are taken")
struct HTTP1DecoderTests {
    @Test("a usual request is read with all its parts")
    func usualRequest() {
        let request = """
            POST /v1/messages?beta=true&x=?y HTTP/1.1\r
            Host: Example.com:8443\r
            X-API-Key:\t sk-1 \t\r
            Empty:\r
            content-type: application/json; charset=utf-8\r
            Content-Length: 0012\r
            \r\n
            """
        let expected = Head.with {
            $0.method = "POST"
            $0.path = "/v1/messages"
            $0.query = "beta=true&x=?y"
            $0.authority = "Example.com:8443"
            $0.body = .length(12)
        }
        let fields = [
            "host=Example.com:8443", "x-api-key=sk-1", "empty=",
            "content-type=application/json; charset=utf-8",
            "content-length=0012",
        ]
        let head = Array(request.utf8)
        #expect(decode(head) == .head(expected, fields: fields, consumed: head.count))
    }

    @Test(
        "methods and targets are read as sent",
        arguments: [
            ("GET / HTTP/1.1", Head()),
            ("get / HTTP/1.1", .with { $0.method = "get" }),
            ("M-SEARCH!#$%&'*+.^_`|~09 / HTTP/1.1", .with { $0.method = "M-SEARCH!#$%&'*+.^_`|~09" }),
            ("TRACE /a%00/../%2e HTTP/1.1", .with { ($0.method, $0.path) = ("TRACE", "/a%00/../%2e") }),
            ("GET /? HTTP/1.1", .with { $0.query = "" }),
            ("GET //evil.test/x HTTP/1.1", .with { $0.path = "//evil.test/x" }),
            ("OPTIONS * HTTP/1.1", .with { ($0.method, $0.path) = ("OPTIONS", "*") }),
            ("GET https://localhost/a?b HTTP/1.1", .with { ($0.path, $0.query) = ("/a", "b") }),
            ("GET HTTP://LocalHost HTTP/1.1", .with { $0.authority = "LocalHost" }),
            ("GET http://localhost?b HTTP/1.1", .with { $0.query = "b" }),
        ])
    func requestLines(line: String, expected: Head) {
        let bytes = "\(line)\r\nHost: localhost\r\n\r\n".utf8
        #expect(decode(bytes) == .head(expected, fields: ["host=localhost"], consumed: bytes.count))
    }

    @Test(
        "a host may be a name or an address, with or without a port",
        arguments: ["a", "a-b.c_d", "127.0.0.1:0", "localhost:65535", "[::1]", "[2001:db8::127.0.0.1]:443"])
    func hosts(host: String) {
        let outcome = decode("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n".utf8)
        #expect(head(outcome) == .with { $0.authority = host })
    }

    @Test(
        "connection fields and the version decide whether the connection is kept",
        arguments: [
            ("1.1", "", true), ("1.1", "Connection: close\r\n", false),
            ("1.1", "Connection: CLOSE\r\n", false),
            ("1.1", "Connection: Upgrade, close\r\n", false), ("1.1", "Connection: ,x-api-key,\r\n", true),
            ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
            ("1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n", true),
            ("1.1", "Connection: closed\r\n", true),
            ("1.0", "", false), ("1.0", "Connection: Keep-Alive\r\n", true),
            ("1.0", "Connection: keep-alive, close\r\n", false),
        ])
    func connection(version: String, field: String, kept: Bool) {
        let outcome = decode("GET / HTTP/\(version)\r\nHost: localhost\r\n\(field)\r\n".utf8)
        #expect(head(outcome)?.keepAlive == kept)
    }

    @Test(
        "the body's length comes from one field",
        arguments: [
            ("Content-Length: 0\r\n", BodyFraming.none), ("Content-Length: 2\r\n", .length(2)),
            ("Content-Length: 99999999999999\r\n", .length(99_999_999_999_999)),
            ("Content-Length: 9223372036854775807\r\n", .length(.max)),
            ("Content-Length:2\r\n", .length(2)), ("Transfer-Encoding: chunked\r\n", .chunked),
            ("transfer-encoding:\t CHUNKED \r\n", .chunked), ("Transfer_Encoding: chunked\r\n", .none),
        ])
    func bodies(field: String, framing: BodyFraming) {
        let outcome = decode("POST / HTTP/1.1\r\nHost: localhost\r\n\(field)\r\n".utf8)
        #expect(head(outcome)?.body == framing)
    }

    @Test("only an HTTP/1.1 client can wait for 100 Continue")
    func expectation() {
        let rest = "Host: localhost\r\nExpect: 100-Continue\r\n\r\n"
        #expect(head(decode("GET / HTTP/1.1\r\n\(rest)".utf8))?.expectsContinue == true)
        #expect(head(decode("GET / HTTP/1.0\r\n\(rest)".utf8))?.expectsContinue == false)
    }

    @Test("HTTP/1.0 may come without a host")
    func oldVersion() {
        let expected = Head.with {
            $0.authority = nil
            $0.version = .http10
            $0.keepAlive = false
        }
        #expect(decode("GET / HTTP/1.0\r\n\r\n".utf8) == .head(expected, fields: [], consumed: 18))
    }

    @Test("one empty line before the request line is forgiven")
    func leadingEmptyLine() {
        let bytes = "\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8
        #expect(decode(bytes) == .head(Head(), fields: ["host=localhost"], consumed: bytes.count))
    }

    @Test("a value may hold bytes above ASCII, which are text only when they are UTF-8")
    func highBytes() throws {
        let fields = "Host: localhost\r\nX: \u{FF}\u{FE}\r\nY: \u{C3}\u{A9}\tz\r\n"
        let bytes = latin("GET / HTTP/1.1\r\n\(fields)\r\n")
        var decoder = HTTP1Decoder()
        let (request, _) = try #require(try decoder.decode(bytes.span))
        #expect(request.fields["x"].map(Array.init) == [0xFF, 0xFE])
        #expect(request.fields.string(of: "x") == nil)
        #expect(request.fields.string(of: "y") == "é\tz")
        #expect(decode(bytes) != .needsMore)
    }

    @Test("requests sent in one go are taken one after the other")
    func pipelining() throws {
        var rest = Array("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\r\nPOST /2 HTTP/1.1\r\nHost: bb\r\n\r\nGET".utf8)
        var decoder = HTTP1Decoder()
        var seen: [String] = []
        while let (request, consumed) = try decoder.decode(rest.span) {
            seen.append(text(request.path) + text(request.authority ?? []))
            rest.removeFirst(consumed)
        }
        #expect(seen == ["/1a", "/2bb"])
        #expect(rest == Array("GET".utf8))
    }

    @Test("what is behind the head stays")
    func bodyStays() {
        let bytes = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}".utf8
        guard case .head(_, _, let consumed) = decode(bytes) else {
            Issue.record("no head")
            return
        }
        #expect(consumed == bytes.count - 2)
    }

    @Test("an incomplete head is waited for")
    func incomplete() {
        let bytes = Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
        for count in 0..<bytes.count {
            #expect(decode(bytes.prefix(count)) == .needsMore, "\(count) bytes")
        }
    }
}
