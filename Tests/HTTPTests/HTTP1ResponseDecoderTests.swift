import Testing

@testable import HTTP

@Suite("Heads of responses")
struct HTTP1ResponseDecoderTests {
    private enum Answer: Equatable {
        case head(HTTP1ResponseDecoder.Head, Int)
        case fault(String)
        case needsMore
    }

    private func answer(_ text: String, byteByByte: Bool, _ method: HTTP.Method, _ limits: HTTPLimits) -> Answer {
        let bytes = Array(text.utf8)
        var decoder = HTTP1ResponseDecoder(answering: method, limits: limits)
        for end in byteByByte ? Array(0...bytes.count) : [bytes.count] {
            do throws(HTTPFault) {
                let part = Array(bytes[..<end])
                if let (head, consumed) = try decoder.decode(part.span) { return .head(head, consumed) }
            } catch {
                #expect(error.status == 502 && error.scope == .connection)
                return .fault(error.reason)
            }
        }
        return .needsMore
    }

    /// Whole and byte by byte come to the same.
    private func decode(_ text: String, _ method: HTTP.Method = .post, _ limits: HTTPLimits = HTTPLimits()) -> Answer {
        let whole = answer(text, byteByByte: false, method, limits)
        #expect(whole == answer(text, byteByByte: true, method, limits))
        return whole
    }

    private typealias Head = HTTP1ResponseDecoder.Head

    @Test("the length of a body is told by its fields, its status and the request's method")
    func framing() {
        func body(_ text: String, _ method: HTTP.Method = .post) -> BodyFraming? {
            if case .head(let head, _) = decode(text, method) { head.body } else { nil }
        }
        #expect(body("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nbody") == .length(12))
        #expect(body("HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n") == BodyFraming.none)
        #expect(body("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n") == .chunked)
        #expect(body("HTTP/1.1 200\r\n\r\n") == .untilEnd)
        #expect(body("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", .head) == BodyFraming.none)
        for status in [100, 103, 204, 304] { #expect(body("HTTP/1.1 \(status) X\r\nContent-Length: 1\r\n\r\n") == BodyFraming.none) }
    }

    @Test("the head's end and whether the connection goes on are told")
    func connection() {
        #expect(decode("HTTP/1.1 204 No\r\n\r\nrest") == .head(Head(status: 204, body: .none, keepAlive: true), 19))
        #expect(
            decode("HTTP/1.1 204 No\r\nConnection: x, Close\r\n\r\n") == .head(Head(status: 204, body: .none, keepAlive: false), 41))
        #expect(decode("HTTP/1.0 204 No\r\n\r\n") == .head(Head(status: 204, body: .none, keepAlive: false), 19))
        #expect(
            decode("HTTP/1.0 204 No\r\nConnection: keep-alive\r\n\r\n")
                == .head(Head(status: 204, body: .none, keepAlive: true), 43))
        #expect(decode("HTTP/1.1 200 OK\r\nX: y\r\n") == .needsMore)
    }

    @Test(
        "what is malformed or could be read in two ways is refused",
        arguments: [
            "HTTP/1.1 200 OK\nX: y\r\n\r\n", "HTTP/1.1 200 OK\r\nX: y\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 600 OK\r\n\r\n",
            "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.2 200 OK\r\n\r\n", "HTTP/2 200 OK\r\n\r\n", "http/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 +20 OK\r\n\r\n", "HTTP/1.1 2000\r\n\r\n", "HTTP/1.1 101 X\r\n\r\n", "HTTP/1.1 200 O\u{1}K\r\n\r\n",
            "\r\nHTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n X: y\r\n\r\n", "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
            "HTTP/1.1 200 OK\r\n: y\r\n\r\n", "HTTP/1.1 200 OK\r\nX\r\n\r\n", "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX: a\u{0}b\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        ])
    func refusals(text: String) {
        if case .fault = decode(text) { return }
        Issue.record("taken: \(text)")
    }

    @Test("a head is bounded in bytes, lines and the length of a line")
    func bounds() {
        var limits = HTTPLimits()
        limits.headBytes = 64
        limits.fieldBytes = 16
        limits.fieldCount = 2
        #expect(decode("HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n\r\n", .post, limits) != .needsMore)
        for text in ["A: b\r\nC: d\r\nE: f\r\n\r\n", "A: \(String(repeating: "b", count: 14))\r\n\r\n", String(repeating: "b", count: 80)] {
            #expect(decode("HTTP/1.1 200 OK\r\n" + text, .post, limits) == .fault("the head of the response is too large"))
        }
    }

    @Test("the end of a body is found whole and byte by byte, with its framing", arguments: [true, false])
    func ends(byteByByte: Bool) throws {
        func used(_ framing: BodyFraming, _ text: String) throws -> (count: Int, isReached: Bool) {
            var end = BodyEnd(of: framing)
            var count = 0
            for piece in byteByByte ? text.utf8.map({ [$0] }) : [Array(text.utf8)] { count += try end.advance(over: piece.span) }
            return (count, end.isReached)
        }
        #expect(try used(.length(3), "abcdef") == (3, true))
        #expect(try used(.length(3), "ab") == (2, false))
        #expect(try used(.none, "ab") == (0, true))
        #expect(try used(.untilEnd, "ab") == (2, false))
        #expect(try used(.chunked, "3\r\nabc\r\n0\r\nX: y\r\n\r\nHTTP") == (19, true))
        #expect(try used(.chunked, "3\r\nab") == (5, false))
        #expect(throws: HTTPFault.self) { try used(.chunked, "3\r\nabcd") }
    }
}
