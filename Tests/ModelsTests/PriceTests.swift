import Testing
import Vocabulary

@testable import Models

/// The figures are what CLI 2.1.332 counted against a loopback upstream, in USD for 100,000 tokens of each sort.
@Suite("What tokens cost is what the CLI counts")
struct PriceTests {
    private static func usage(_ change: (inout Usage) -> Void) -> Usage {
        var usage = Usage()
        change(&usage)
        return usage
    }

    /// Dollars for a million: of the prompt, of the answer, from the cache, into it for five minutes and for an hour.
    private static let measured: [(String, [Double])] = [
        ("claude-fable-5-2", [8, 40, 0.2, 10, 16]), ("claude-fable-5-1", [10, 50, 0.25, 12.5, 20]),
        ("claude-fable-5", [10, 50, 1, 12.5, 20]), ("claude-mythos-5-2", [8, 40, 0.2, 10, 16]),
        ("claude-mythos-5-1", [10, 50, 0.25, 12.5, 20]), ("claude-mythos-5", [10, 50, 1, 12.5, 20]),
        ("claude-opus-5-5", [4, 20, 0.2, 5, 8]), ("claude-opus-5", [5, 25, 0.5, 6.25, 10]),
        ("claude-opus-4-8", [5, 25, 0.5, 6.25, 10]), ("claude-opus-4-7", [5, 25, 0.5, 6.25, 10]),
        ("claude-opus-4-6", [5, 25, 0.5, 6.25, 10]), ("claude-opus-4-5-20251101", [5, 25, 0.5, 6.25, 10]),
        ("claude-opus-4-1-20250805", [15, 75, 1.5, 18.75, 30]), ("claude-opus-4-20250514", [15, 75, 1.5, 18.75, 30]),
        ("claude-sonnet-5-5", [2, 10, 0.1, 2.5, 4]), ("claude-sonnet-5", [2, 10, 0.2, 2.5, 4]),
        ("claude-sonnet-4-6", [3, 15, 0.3, 3.75, 6]), ("claude-sonnet-4-5-20250929", [3, 15, 0.3, 3.75, 6]),
        ("claude-sonnet-4-20250514", [3, 15, 0.3, 3.75, 6]), ("claude-3-7-sonnet-20250219", [3, 15, 0.3, 3.75, 6]),
        ("claude-3-5-sonnet-20241022", [3, 15, 0.3, 3.75, 6]), ("claude-haiku-5-5", [0.1, 0.5, 0.01, 0.125, 0.2]),
        ("claude-haiku-4-5-20251001", [1, 5, 0.1, 1.25, 2]), ("claude-3-5-haiku-20241022", [0.8, 4, 0.08, 1, 1.6]),
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", [3, 15, 0.3, 3.75, 6]),
    ]

    @Test("each model has the CLI's price for each sort of token", arguments: measured)
    func table(name: String, dollars: [Double]) {
        let price = ModelTraits.price(of: name)
        let each = 100_000
        let costs = [
            price.cost(of: Self.usage { $0.inputTokens = each }), price.cost(of: Self.usage { $0.outputTokens = each }),
            price.cost(of: Self.usage { $0.cacheReadTokens = each }),
            price.cost(of: Self.usage { $0.cacheCreationTokens = each }),
            price.cost(of: Self.usage { ($0.cacheCreationTokens, $0.cacheCreation1hTokens) = (each, each) }),
        ]
        #expect(price.isKnown && costs == dollars.map { Int(($0 * 1e8).rounded()) })
    }

    @Test("what an alias stands for sets its price")
    func aliases() {
        let resolved = ["sonnet": "claude-sonnet-5-5", "opus": "claude-opus-5-5"]
        #expect(ModelTraits.price(of: "opus", resolved: resolved) == ModelTraits.price(of: "claude-opus-5-5"))
        #expect(ModelTraits.price(of: "sonnet[1m]", resolved: resolved) == ModelTraits.price(of: "claude-sonnet-5-5"))
    }

    @Test(
        "where the CLI knows no price the dearest counts, part by part",
        arguments: ["claude-opus-6", "gpt-4o", "claude-3-opus-20240229", "claude-3-haiku-20240307", "opus", "claude-sonnet-9", ""])
    func unknown(name: String) {
        let price = ModelTraits.price(of: name)
        #expect(!price.isKnown)
        for (known, _) in Self.measured {
            let other = ModelTraits.price(of: known)
            #expect(price.input >= other.input && price.output >= other.output && price.cacheRead >= other.cacheRead)
            #expect(price.cacheWrite5m >= other.cacheWrite5m && price.cacheWrite1h >= other.cacheWrite1h)
        }
    }

    @Test("a long prompt makes every token of a request with Haiku 5.5 five times as dear")
    func longPrompt() {
        let price = ModelTraits.price(of: "claude-haiku-5-5")
        #expect(price.cost(of: Self.usage { $0.inputTokens = 100_000 }) == 10_000_000)
        #expect(price.cost(of: Self.usage { $0.inputTokens = 100_001 }) == 50_000_500)
        let mixed = Self.usage { ($0.inputTokens, $0.cacheReadTokens, $0.cacheCreationTokens) = (100_000, 60_000, 60_000) }
        #expect(price.cost(of: mixed) == 90_500_000)
        #expect(price.cost(of: Self.usage { $0.outputTokens = 250_000 }) == 125_000_000)
        #expect(price.most(input: 10, output: 1, prompt: 100_001) > 5 * price.most(input: 10, output: 1, prompt: 10) - 10)
    }

    @Test("no cost is greater than can be counted, and a bound is never below a cost")
    func bounds() {
        let price = ModelTraits.price(of: "claude-fable-5-1")
        let huge = Self.usage { ($0.inputTokens, $0.outputTokens, $0.cacheReadTokens) = (.max, .max, .max) }
        #expect(price.cost(of: huge) == .max && price.most(input: .max, output: .max, prompt: .max) == .max)
        let used = Self.usage { usage in
            (usage.inputTokens, usage.outputTokens, usage.cacheReadTokens) = (10, 20, 30)
            (usage.cacheCreationTokens, usage.cacheCreation1hTokens) = (40, 40)
        }
        #expect(price.cost(of: used) <= price.most(input: used.promptTokens, output: 20, prompt: used.promptTokens))
    }

    @Test("the CLI's own limit for an answer is no more than the model's")
    func unsaidLimits() {
        for (name, limit) in [
            ("claude-opus-5-5", 128_000), ("claude-opus-5", 64_000), ("claude-opus-4-6", 64_000),
            ("claude-sonnet-4-6", 32_000), ("claude-haiku-5-5", 128_000), ("claude-haiku-4-5", 32_000),
            ("claude-3-5-haiku-20241022", 8192), ("claude-3-opus-20240229", 4096), ("claude-fable-5", 64_000),
        ] {
            #expect(ModelTraits.of(name).unsaidOutputTokens == limit, "\(name)")
            #expect(ModelTraits.of(name).unsaidOutputTokens <= ModelTraits.of(name).maxOutputTokens, "\(name)")
        }
        #expect(ModelTraits.of("gpt-4o").unsaidOutputTokens >= 32_000)
    }
}
