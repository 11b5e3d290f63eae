public import Vocabulary

/// What a model's tokens cost, in billionths of a US dollar each.
///
/// The figures are those by which the CLI itself counts cost, measured with version 2.1.332 token by token.
public struct Price: Sendable, Equatable {
    /// A token of the prompt that the cache has no part in.
    public var input: Int
    /// A token of the answer, thinking included.
    public var output: Int
    /// A token of the prompt that the cache brings.
    public var cacheRead: Int
    /// A token of the prompt that the cache keeps for five minutes.
    public var cacheWrite5m: Int
    /// A token of the prompt that the cache keeps for one hour.
    public var cacheWrite1h: Int
    /// The longest prompt, in tokens, of a request at these prices; nil where its length changes nothing.
    public var longestPrompt: Int?
    /// How many times as much every token of a request with a longer prompt costs.
    public var factorBeyond = 1
    /// False where the CLI knows no price, so that the greatest of all is taken and the CLI's own cost means nothing.
    public var isKnown = true

    /// A price by the dollars for a million tokens: one to keep in the cache costs 1.25 as much as one of the prompt for
    /// five minutes, and twice as much for one hour; `read` is the part of it for one from the cache, in thousandths.
    init(input: Double, output: Double, read: Int = 100) {
        let nano = Int((input * 1000).rounded())
        self.input = nano
        self.output = Int((output * 1000).rounded())
        cacheRead = nano * read / 1000
        cacheWrite5m = nano * 5 / 4
        cacheWrite1h = nano * 2
    }

    /// What so many tokens cost, in billionths of a dollar; never more than `Int.max`.
    ///
    /// The tokens of several requests are priced as if they were one, which never comes to less.
    public func cost(of usage: Usage) -> Int {
        let hour = min(usage.cacheCreation1hTokens, usage.cacheCreationTokens)
        // What is not said to be kept for an hour is kept for five minutes.
        let parts = [
            (usage.inputTokens, input), (usage.outputTokens, output), (usage.cacheReadTokens, cacheRead),
            (usage.cacheCreationTokens - hour, cacheWrite5m), (hour, cacheWrite1h),
        ]
        let sum = parts.reduce(0) { $0.plus($1.0.times($1.1)) }
        return sum.times(factor(ofPrompt: usage.promptTokens)).plus(usage.webSearches.times(Self.webSearch))
    }

    /// A search of the web, by any model.
    public static let webSearch = 10_000_000

    /// How many times these prices the tokens of a request with such a prompt cost.
    public func factor(ofPrompt tokens: Int) -> Int {
        longestPrompt.map { tokens > $0 } ?? false ? factorBeyond : 1
    }

    /// The most that tokens can cost in requests whose prompts are no longer than `prompt`, in billionths of a dollar.
    ///
    /// Any token of a prompt may be one that the cache keeps, and an account may have the vendor work in one country,
    /// which the CLI prices a tenth higher.
    public func most(input: Int, output: Int, prompt: Int) -> Int {
        let dearestInput = max(self.input, cacheRead, cacheWrite5m, cacheWrite1h)
        let sum = input.times(dearestInput).plus(output.times(self.output)).times(factor(ofPrompt: prompt))
        return sum.plus(sum / 10)
    }

    /// A price that holds for prompts of so many tokens, beyond which everything costs `factor` times as much.
    func upTo(_ prompt: Int, beyond factor: Int) -> Price {
        var price = self
        (price.longestPrompt, price.factorBeyond) = (prompt, factor)
        return price
    }
}

extension ModelTraits {
    /// What the tokens of a model cost that the CLI is asked for by `name`; `resolved` tells what its aliases stand for.
    ///
    /// Where the CLI knows no price it says nothing of that and counts as for a cheap model: the dearest of all counts.
    public static func price(of name: String, resolved: [String: String] = [:]) -> Price {
        let full = ModelVersion(name: name) == nil ? resolved[name] ?? resolved[String(name.prefix { $0 != "[" })] : name
        guard let version = full.flatMap(ModelVersion.init(name:)),
            let price = known.first(where: { $0.version == version })?.price
        else { return dearest }
        return price
    }

    /// The dearest of all, part by part.
    private static let dearest: Price = {
        var dearest = Price(input: 0, output: 0)
        for price in known.compactMap(\.price) {
            dearest.input = max(dearest.input, price.input)
            dearest.output = max(dearest.output, price.output)
            dearest.cacheRead = max(dearest.cacheRead, price.cacheRead)
            dearest.cacheWrite5m = max(dearest.cacheWrite5m, price.cacheWrite5m)
            dearest.cacheWrite1h = max(dearest.cacheWrite1h, price.cacheWrite1h)
        }
        dearest.isKnown = false
        return dearest
    }()
}
