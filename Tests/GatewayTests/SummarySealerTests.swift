import Testing

@testable import Gateway

/// Summaries are sealed for the caller alone.
@Suite("Sealed summaries") struct SummarySealerTests {
    private let own = SummarySealer(secret: Array("key-one-0123456789".utf8))
    private let other = SummarySealer(secret: Array("key-two-0123456789".utf8))

    @Test("what was sealed opens under the same key alone", arguments: ["", "a", "ab", "abc", "The mauve 🙂\n", String(repeating: "long ", count: 40_000)])
    func roundTrip(text: String) throws {
        let own = try #require(own)
        let sealed = try #require(own.seal(text))
        #expect(own.open(sealed) == text)
        #expect(try #require(SummarySealer(secret: Array("key-one-0123456789".utf8))).open(sealed) == text)
        #expect(try #require(other).open(sealed) == nil)
        #expect(text.count < 4 || !sealed.contains(text))
    }

    @Test("the same text never looks the same") func fresh() throws {
        let own = try #require(own)
        #expect(own.seal("text") != own.seal("text"))
    }

    @Test("a sealed text that was changed, cut or made up does not open") func tampered() throws {
        let own = try #require(own)
        let sealed = try #require(own.seal("the text"))
        let digits = Array(sealed)
        for index in digits.indices where digits[index] != "=" {
            var changed = digits
            changed[index] = changed[index] == "A" ? "B" : "A"
            #expect(own.open(String(changed)) == nil, "byte \(index)")
        }
        for count in 0..<digits.count { #expect(own.open(String(digits[..<count])) == nil) }
        for text in ["summary:", "summary:====", "summary:AAAA", "summary:" + String(repeating: "A", count: 64), "thinking:x"] {
            #expect(own.open(text) == nil)
        }
    }
}
