import HTTP
import Testing

@Suite("Where streams of events are cut")
struct EventCutsTests {
    private func pieces(_ text: String, fitting limit: Int) -> [String] {
        let bytes = Array(text.utf8)
        var (start, pieces): (Int, [String]) = (0, [])
        while start < bytes.count {
            let count = EventCuts.length(of: bytes.span, from: start, fitting: limit)
            pieces.append(String(decoding: bytes[start..<(start + count)], as: UTF8.self))
            start += count
        }
        return pieces
    }

    @Test("as many whole events as fit go together")
    func whole() {
        #expect(pieces("a\n\nb\n\nc\n\n", fitting: 9) == ["a\n\nb\n\nc\n\n"])
        #expect(pieces("a\n\nb\n\nc\n\n", fitting: 8) == ["a\n\nb\n\n", "c\n\n"])
        #expect(pieces("a\n\nb\n\nc\n\n", fitting: 6) == ["a\n\nb\n\n", "c\n\n"])
        #expect(pieces("a\n\nb\n\nc\n\n", fitting: 3) == ["a\n\n", "b\n\n", "c\n\n"])
        #expect(pieces("event: a\ndata: b\n\nc\n\n", fitting: 20) == ["event: a\ndata: b\n\n", "c\n\n"])
    }

    @Test("an event that is too long goes alone, and what has no end goes whole", arguments: [-5, 0, 1, 2, 4])
    func long(limit: Int) {
        #expect(pieces("abcdef\n\nx\n\n", fitting: limit).first == "abcdef\n\n")
        #expect(pieces("abcdef\n\nx\n\n", fitting: limit).count == 2)
        #expect(pieces("abcdefgh", fitting: limit) == ["abcdefgh"])
        #expect(pieces("abcdefg\n", fitting: limit) == ["abcdefg\n"])
    }
}
