import Testing

@testable import Gateway

@Suite("Options of a key")
struct KeyOptionsTests {
    private func problem(_ word: String) -> String? {
        do throws(ValueProblem) {
            var options = KeyOptions()
            try options.take(word)
            return nil
        } catch {
            return error.text
        }
    }

    private static let words = [
        "role=admin", "not-before=2026-12-01T00:00:00Z", "expires=2026-12-31T12:00:00Z",
        "models=haiku,claude-sonnet-*", "dialects=messages,chat", "effort=medium", "body=2MiB", "from=10.0.0.0/8,2001:db8::7,unix", "mcp=github,files",
        "turns=4", "requests-per-minute=10", "tokens-per-day=500000", "input-tokens-per-month=1000000",
        "spend-per-day=2.50", "spend-per-month=0.000001", "windows=rolling", "message=ask for more at https://example.org/x",
        "weight=5", "share=30%", "reserve=yes", "client=codex", "default-model=claude-code", "task-model=haiku", "task-weight=1",
    ]

    @Test("what is written is read, and written again as it was")
    func roundTrip() throws {
        let options = try KeyOptions(words: Self.words)
        #expect(options.words == Self.words)
        #expect(try KeyOptions(words: try #require(KeyOptions.split(options.line))) == options)
        #expect(options.caps.contains(KeyCap(metric: .spend, window: .day, amount: 2_500_000_000)))
    }

    @Test("an empty value clears each option")
    func clears() throws {
        var options = try KeyOptions(words: Self.words)
        for option in KeyOption.all { try options.take("\(option.name)=", clears: true) }
        #expect(options == KeyOptions())
    }

    @Test("amounts have the units people write", arguments: [
        ("tokens-per-day=20k", 20_000), ("tokens-per-day=3M", 3_000_000), ("rpm=7", 7), ("spend-per-week=$5", 5_000_000_000),
        ("spend-per-week=0.25", 250_000_000),
    ])
    func amounts(word: String, amount: Int) throws {
        #expect(try KeyOptions(words: [word]).caps.first?.amount == amount)
    }

    @Test("a day ends when it is over, and begins when it begins")
    func days() throws {
        let options = try KeyOptions(words: ["not-before=2026-12-31", "expires=2026-12-31"])
        #expect(options.notBefore == 1_798_675_200 && options.expires == 1_798_761_600)
    }

    @Test("what is no value is told without the value, which may be part of a key", arguments: [
        "role=root", "expires=tomorrow", "expires=2026-02-30", "models=a,,b", "dialects=grpc", "effort=hard", "body=lots",
        "turns=0", "requests-per-minute=-1", "spend-per-day=1.2345678", "spend-per-minute=1", "weight=101", "from=10.0.0.0/33", "from=here", "share=120%",
        "reserve=maybe", "default-model=two words", "task-model=two words", "nothing", "cgw_secret=hush",
    ])
    func problems(word: String) throws {
        let told = try #require(problem(word))
        #expect(!told.contains("hush") && !told.contains("tomorrow") && !told.contains("1.2345678"))
    }

    @Test("a quote that is open takes no words", arguments: ["a=\"b c", "\""])
    func quotes(line: String) { #expect(KeyOptions.split(line) == nil) }
}
