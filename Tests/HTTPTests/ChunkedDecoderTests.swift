import HTTP
import Testing

@Suite("Bodies in chunks")
struct ChunkedDecoderTests {
    private enum Result: Equatable {
        case finished(String, rest: Int)
        case needsMore(String)
        case fault(Int)
    }

    @Test(
        "data is found whatever the form of the sizes",
        arguments: [
            ("2\r\n{}\r\n0\r\n\r\n", "{}"), ("0\r\n\r\n", ""), ("000\r\n\r\n", ""),
            ("0000000000000001\r\na\r\n0\r\n\r\n", "a"),
            ("a\r\n0123456789\r\n00000000000000bB\r\n\(String(repeating: "x", count: 187))\r\n0\r\n\r\n",
                "0123456789" + String(repeating: "x", count: 187)),
            ("1;a\r\n{\r\n1;a=\"b;c\"; d\t\r\n}\r\n0;e\r\n\r\n", "{}"), ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
            ("1\r\na\r\n0\r\nX-Sum: 1\r\nContent-Length: 50\r\n\r\n", "a"), ("0\r\nX:\r\n\r\n", ""),
        ])
    func accepted(body: String, data: String) {
        #expect(read(body) == .finished(data, rest: 0))
        #expect(read(body + "GET") == .finished(data, rest: 3))
    }

    @Test(
        "a body out of form is refused",
        arguments: [
            "+2\r\n", "-2\r\n", "0x2\r\n", "0X2\r\n", "2 \r\n", " 2\r\n", "2\t\r\n", "0_2\r\n", "\r\n",
            ";a\r\n", "g\r\n",
            "2\n{}\n", "2\rX", "2\r\r\n", "2\r\n{}0\r\n", "2\r\n{}\n0", "2\r\n{}\rX", "2\r\n{}}\r\n",
            "2;a\nx", "2;a\u{0}\r\n",
            "2;a\rx", "00000000000000001", "8000000000000000", "FFFFFFFFFFFFFFFFF", "ffffffffffffffff\r\n",
            "0\r\n \r\n",
            "0\r\nX\r\n", "0\r\n: a\r\n", "0\r\nX : a\r\n", "0\r\nX: a\n", "0\r\nX: a\u{0}\r\n",
            "0\r\nX: a\r\r\n", "0\r\n\n",
            "0\r\n\rX", "0\r\nX: a\r\n b\r\n", "0\n",
        ])
    func refused(body: String) {
        #expect(read(body) == .fault(400))
    }

    @Test("the largest size in sixteen digits is a size, though too large")
    func largestSize() {
        #expect(read("7fffffffffffffff\r\n") == .fault(413))
    }

    @Test("a body may be as long as its limit and not a byte longer, refused when it is announced")
    func bodyLimit() {
        var limits = HTTPLimits()
        limits.bodyBytes = 5
        #expect(read("2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n", limits) == .finished("abcde", rest: 0))
        #expect(read("2\r\nab\r\n4\r", limits) == .fault(413))
        #expect(read("6\r", limits) == .fault(413))
    }

    @Test("extensions may be as long as their limits and not a byte longer")
    func extensionLimits() {
        let limits = HTTPLimits()
        let longest = ";" + String(repeating: "a", count: limits.chunkExtensionBytes - 1)
        #expect(read("1\(longest)\r\nx\r\n0\r\n\r\n") == .finished("x", rest: 0))
        #expect(read("1\(longest)a") == .fault(400))
        let chunk = "1\(longest)\r\nx\r\n"
        let count = limits.chunkExtensionTotalBytes / limits.chunkExtensionBytes
        let full = String(repeating: chunk, count: count)
        #expect(read(full + "0\r\n\r\n") == .finished(String(repeating: "x", count: count), rest: 0))
        #expect(read(full + "0;") == .fault(400))
    }

    @Test("trailers may be as long as their limit and not a byte longer")
    func trailerLimit() {
        let limit = HTTPLimits().trailerBytes
        let longest = "X: " + String(repeating: "a", count: limit - 5) + "\r\n"
        #expect(read("0\r\n\(longest)\r\n") == .finished("", rest: 0))
        #expect(read("0\r\na\(longest)\r\n") == .fault(431))
        #expect(read("0\r\n" + String(repeating: "A: b\r\n", count: limit)) == .fault(431))
    }

    @Test("an incomplete body is waited for, its data handed out at once")
    func incomplete() {
        #expect(read("") == .needsMore(""))
        #expect(read("5\r\nabc") == .needsMore("abc"))
        #expect(read("3\r\nabc\r\n0\r\n\r") == .needsMore("abc"))
    }

    @Test("announced data is counted")
    func count() throws {
        var decoder = ChunkedDecoder()
        var position = 0
        let bytes = Array("2\r\nab\r\n10\r\nc".utf8)
        while try decoder.next(in: bytes.span, at: &position) != .needsMore {}
        #expect(decoder.dataBytes == 18)
        #expect(position == bytes.count)
    }

    /// Reads a body that comes whole, and again byte by byte; both must agree.
    private func read(
        _ body: String, _ limits: HTTPLimits = HTTPLimits(), sourceLocation: SourceLocation = #_sourceLocation
    ) -> Result {
        let bytes = latin(body)
        let whole = read(bytes, pieces: bytes.count, limits)
        let bytewise = read(bytes, pieces: 1, limits)
        #expect(whole == bytewise, "whole and byte by byte", sourceLocation: sourceLocation)
        return whole
    }

    private func read(_ bytes: [UInt8], pieces: Int, _ limits: HTTPLimits) -> Result {
        var decoder = ChunkedDecoder(limits: limits)
        var data: [UInt8] = []
        var start = 0
        do {
            while start < bytes.count {
                let piece = Array(bytes[start..<min(start + pieces, bytes.count)])
                var position = 0
                loop: while true {
                    switch try decoder.next(in: piece.span, at: &position) {
                    case .data(let range): data += piece[range]
                    case .needsMore: break loop
                    case .finished: return .finished(text(data), rest: bytes.count - start - position)
                    }
                }
                start += piece.count
            }
            return .needsMore(text(data))
        } catch {
            return .fault(error.status)
        }
    }
}
