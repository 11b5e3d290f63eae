import HTTP
import Testing

@Suite("The limits of HTTP/1 heads")
struct HTTP1LimitTests {
    private let lineEnd = Array("\r\n".utf8)

    @Test("the defaults are those the manual names")
    func defaults() {
        let limits = HTTPLimits()
        #expect(limits.requestLineBytes == 8192)
        #expect(limits.fieldBytes == 8192)
        #expect(limits.headBytes == 32768)
        #expect(limits.fieldCount == 100)
        #expect(limits.bodyBytes == 33_554_432)
        #expect(limits.chunkExtensionBytes == 256)
        #expect(limits.chunkExtensionTotalBytes == 4096)
        #expect(limits.trailerBytes == 8192)
    }

    @Test("a request line may be as long as its limit and not a byte longer")
    func requestLine() {
        let limit = HTTPLimits().requestLineBytes
        func line(_ count: Int) -> String {
            "GET /" + String(repeating: "a", count: count - 14) + " HTTP/1.1"
        }
        #expect(head(decode("\(line(limit))\r\nHost: a\r\n\r\n".utf8)) != nil)
        #expect(status(decode("\(line(limit + 1))\r\nHost: a\r\n\r\n".utf8)) == 414)
        #expect(head(decode("\r\n\(line(limit))\r\nHost: a\r\n\r\n".utf8)) != nil)
        #expect(status(decode("\r\n\(line(limit + 1))\r\nHost: a\r\n\r\n".utf8)) == 414)
    }

    @Test("a request line is refused before it ends")
    func endlessRequestLine() {
        let limit = HTTPLimits().requestLineBytes
        let endless = "GET /" + String(repeating: "a", count: limit - 5)
        #expect(decode(endless.utf8) == .needsMore)
        #expect(status(decode("\(endless)a".utf8)) == 414)
    }

    @Test("a method of more than 32 bytes is not waited for")
    func longMethod() {
        let method = String(repeating: "G", count: 32)
        #expect(head(decode("\(method) / HTTP/1.1\r\nHost: a\r\n\r\n".utf8))?.method == method)
        #expect(status(decode("\(method)G".utf8)) == 501)
    }

    @Test("a header line may be as long as its limit and not a byte longer")
    func field() {
        let limit = HTTPLimits().fieldBytes
        func outcome(_ line: String) -> Outcome {
            decode("GET / HTTP/1.1\r\nHost: a\r\n\(line)\r\n\r\n".utf8)
        }
        let value = "X: " + String(repeating: "a", count: limit - 3)
        #expect(head(outcome(value)) != nil)
        #expect(status(outcome(value + "a")) == 431)
        let name = String(repeating: "x", count: limit - 1)
        #expect(head(outcome(name + ":")) != nil)
        #expect(status(outcome(name + "x:")) == 431)
        let blanks = "X:" + String(repeating: " ", count: limit - 2)
        #expect(head(outcome(blanks)) != nil)
        #expect(status(outcome(blanks + " ")) == 431)
    }

    @Test("a header line is refused before it ends")
    func endlessField() {
        let start = "GET / HTTP/1.1\r\nX: "
        let limit = HTTPLimits().fieldBytes
        #expect(decode((start + String(repeating: "a", count: limit - 3)).utf8) == .needsMore)
        #expect(status(decode((start + String(repeating: "a", count: limit - 2)).utf8)) == 431)
    }

    @Test("a head may have as many fields as its limit and not one more")
    func fieldCount() {
        let fields = String(repeating: "X: a\r\n", count: HTTPLimits().fieldCount - 1)
        #expect(head(decode("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n".utf8)) != nil)
        #expect(status(decode("GET / HTTP/1.1\r\nHost: a\r\n\(fields)X".utf8)) == 431)
    }

    @Test("a head may be as long as its limit and not a byte longer")
    func headBytes() {
        let limit = HTTPLimits().headBytes
        var start = "GET / HTTP/1.1\r\nHost: a\r\n"
        while start.utf8.count + 8000 < limit { start += "X: \(String(repeating: "a", count: 7990))\r\n" }
        func outcome(_ count: Int) -> Outcome {
            decode("\(start)X: \(String(repeating: "a", count: count - start.utf8.count - 7))\r\n\r\n".utf8)
        }
        guard case .head(_, _, let consumed) = outcome(limit) else {
            Issue.record("a head of the limit's length is refused")
            return
        }
        #expect(consumed == limit)
        for excess in 1...8 { #expect(status(outcome(limit + excess)) == 431, "\(excess) bytes more") }
    }

    @Test("own limits are kept")
    func ownLimits() {
        var limits = HTTPLimits()
        limits.requestLineBytes = 14
        limits.fieldBytes = 7
        limits.headBytes = 27
        limits.fieldCount = 1
        #expect(head(decode("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8, limits: limits)) != nil)
        #expect(status(decode("GET /a HTTP/1.1\r\n".utf8, limits: limits)) == 414)
        #expect(status(decode("GET / HTTP/1.1\r\nHost: ab".utf8, limits: limits)) == 431)
        #expect(status(decode("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8, limits: limits)) == 431)
    }
}
