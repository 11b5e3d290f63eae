import HTTP
import Testing

@Suite("HTTP/1 heads that are refused")
struct HTTP1RefusalTests {
    @Test(
        "a request line out of form ends the connection",
        arguments: [
            ("GET /health\r\n", 400), ("GET /health HTTP/0.9\r\n", 505), ("GET /health HTTP/1.2\r\n", 505),
            ("GET /health HTTP/2.0\r\n", 505), ("GET /health http/1.1\r\n", 400),
            ("GET /health HTTP/1.1 \r\n", 400),
            ("GET /health HTTP/11\r\n", 400), ("GET /health HTTP/1.10\r\n", 400),
            ("GET /health HTTP/1.x\r\n", 400),
            ("GET /health HTTP/+1.1\r\n", 400), ("GET  /health HTTP/1.1\r\n", 400),
            ("GET /health  HTTP/1.1\r\n", 400), ("GET\t/health\tHTTP/1.1\r\n", 400),
            ("GET  HTTP/1.1\r\n", 400),
            (" GET /health HTTP/1.1\r\n", 400), ("G(ET /health HTTP/1.1\r\n", 400),
            ("\r\n\r\nGET / HTTP/1.1", 400),
            ("\nGET /health HTTP/1.1\r\n", 400), ("\rGET /health HTTP/1.1\r\n", 400),
            ("GET /health HTTP/1.1\nHost: x\n\n", 400), ("GET /health HTTP/1.1\rHost: x\r", 400),
            ("GET /health HTTP/1.1\r\r\n", 400), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
            ("\u{16}\u{3}\u{1}", 400),
        ])
    func requestLines(line: String, expected: Int) {
        expectRefusal(decode(latin(line)), expected)
    }

    @Test(
        "a target that is neither a path nor an absolute URI is refused",
        arguments: [
            ("GET", "localhost:443", 400), ("GET", "*", 400), ("OPTIONS", "**", 400), ("GET", "health", 400),
            ("GET", "/health#x", 400), ("GET", "/#", 400), ("GET", "/hea\u{0}lth", 400),
            ("GET", "/h\u{C3}\u{A9}", 400),
            ("GET", "/\u{7F}", 400), ("GET", "/a\u{1}", 400), ("GET", "ftp://localhost/", 400),
            ("GET", "http:/a", 400),
            ("GET", "http://", 400), ("GET", "http:///a", 400), ("GET", "http://a@localhost/", 400),
            ("GET", "http://localhost:x/", 400), ("GET", "http://evil.test/", 400),
            ("GET", "http://localhost:1/", 400),
            ("CONNECT", "evil.test:443", 501), ("CONNECT", "/", 501),
        ])
    func targets(method: String, target: String, expected: Int) {
        expectRefusal(decode(latin("\(method) \(target) HTTP/1.1\r\nHost: localhost\r\n\r\n")), expected)
    }

    @Test(
        "a host that is missing, repeated or malformed is refused",
        arguments: [
            "", "Host: localhost\r\nHost: localhost\r\n", "Host: \r\n", "Host:\r\n", "Host: a@localhost\r\n",
            "Host: local host\r\n", "Host: a,b\r\n", "Host: a/b\r\n", "Host: a:\r\n", "Host: a:65536\r\n",
            "Host: a:+1\r\n", "Host: a:1:2\r\n", "Host: :80\r\n", "Host: [::1\r\n", "Host: []\r\n",
            "Host: [a]\r\n",
            "Host: [::1]x\r\n", "Host: [fe80::1%25eth0]\r\n", "Host: a%2e\r\n", "Host: a\\b\r\n",
            "Host: \u{E9}\r\n",
        ])
    func hosts(fields: String) {
        expectRefusal(decode(latin("GET / HTTP/1.1\r\n\(fields)\r\n")), 400)
    }

    @Test("an HTTP/1.0 head with two hosts or a malformed one is refused all the same")
    func oldHosts() {
        expectRefusal(decode("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n".utf8), 400)
        expectRefusal(decode("GET / HTTP/1.0\r\nHost: a b\r\n\r\n".utf8), 400)
    }

    @Test(
        "a header line out of form is refused",
        arguments: [
            "X: a\r\n b\r\n", "X: a\r\n\tb\r\n", " X: a\r\n", "\tX: a\r\n", "X Y: a\r\n", "X : a\r\n",
            "X\t: a\r\n",
            "XYZ\r\n", ": a\r\n", "X: a\u{0}b\r\n", "X: a\rb\r\n", "X: a\r\r\n", "X: a\nY: b\r\n",
            "X: a\u{1}b\r\n",
            "X: \u{7F}\r\n", "X: a\u{B}b\r\n", "X\u{1}: a\r\n", "X\u{E9}: a\r\n", "X(: a\r\n", "X\r\n: a\r\n",
            "\n",
            "X: 12345678\u{0}\r\n", "X: 1234567\u{7F}\r\n", "X-1234567\u{80}: a\r\n", "X-123456\u{AD}: a\r\n",
        ])
    func fieldLines(line: String) {
        expectRefusal(decode(latin("GET / HTTP/1.1\r\nHost: localhost\r\n\(line)\r\n")), 400)
    }

    @Test(
        "a content length that is not one plain number is refused",
        arguments: [
            "2\r\nContent-Length: 2", "2\r\nContent-Length: 44", "2, 2", "+2", "-2", "-0", "0x2", "2 0", "",
            "2a",
            "2.0", "2_0", "18446744073709551618", "9223372036854775808", "99999999999999999999", "\"2\"",
            "\u{B2}",
        ])
    func contentLengths(value: String) {
        expectRefusal(decode(latin("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(value)\r\n\r\n")), 400)
        expectRefusal(decode(latin("POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 2\r\n\r\n")), 400)
    }

    @Test(
        "a transfer coding that is not exactly chunked is refused",
        arguments: [
            ("xchunked", 400), ("chunked, identity", 400), ("identity", 400), ("\"chunked\"", 400),
            ("chunked;q=1", 400), ("chunked\u{0}", 400), ("\u{B}chunked", 400), ("", 400), ("chunke", 400),
            ("\u{E2}\u{80}\u{8B}chunked", 400), ("chunked\r\nTransfer-Encoding: chunked", 400), ("gzip", 400),
            ("chunked\r\nTransfer-Encoding: identity", 400), ("\r\n chunked", 400), ("chunked,", 400),
            ("gzip, chunked", 501), (",chunked", 501),
        ])
    func transferEncodings(value: String, expected: Int) {
        for length in ["", "Content-Length: 12\r\n"] {
            let fields = "Host: a\r\nTransfer-Encoding: \(value)\r\n\(length)"
            expectRefusal(decode(latin("POST / HTTP/1.1\r\n\(fields)\r\n")), expected)
        }
    }

    @Test("a transfer coding beside a length, or in HTTP/1.0, is refused")
    func conflicts() {
        let encoding = "Transfer-Encoding: chunked\r\n"
        expectRefusal(decode("POST / HTTP/1.1\r\nHost: a\r\n\(encoding)Content-Length: 4\r\n\r\n".utf8), 400)
        expectRefusal(decode("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\(encoding)\r\n".utf8), 400)
        expectRefusal(decode("POST / HTTP/1.0\r\nHost: a\r\n\(encoding)\r\n".utf8), 400)
    }

    @Test("an expectation other than 100-continue cannot be met")
    func expectations() {
        for value in ["the-spanish-inquisition", "", "100-continue, x"] {
            expectRefusal(decode("GET / HTTP/1.1\r\nHost: a\r\nExpect: \(value)\r\n\r\n".utf8), 417)
        }
    }

    @Test("a refusal never waits for the end of the head")
    func earliness() {
        #expect(status(decode("GET /health HTTP/3".utf8)) == nil)
        #expect(status(decode("G\u{0}".utf8)) == 400)
        #expect(status(decode("GET  ".utf8)) == 400)
        #expect(status(decode("GET x ".utf8)) == 400)
        #expect(status(decode("GET / HTTP/3.0\r".utf8)) == 505)
        #expect(status(decode("GET / HTTP/1.1\n".utf8)) == 400)
        #expect(status(decode("GET / HTTP/1.1\r\nHost: a\n".utf8)) == 400)
        #expect(status(decode("GET / HTTP/1.1\r\nContent-Length: +1\r".utf8)) == 400)
    }

    private func expectRefusal(
        _ outcome: Outcome, _ expected: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        guard case .fault(let fault) = outcome else {
            Issue.record("not refused: \(outcome)", sourceLocation: sourceLocation)
            return
        }
        #expect(fault.status == expected, sourceLocation: sourceLocation)
        #expect(fault.scope == .connection, sourceLocation: sourceLocation)
        #expect(!fault.reason.isEmpty, sourceLocation: sourceLocation)
    }
}
