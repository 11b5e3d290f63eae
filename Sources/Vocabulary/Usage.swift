/// Tokens as the vendor counted them.
public struct Usage: Sendable, Equatable {
    /// Prompt tokens neither read from nor written to the cache.
    public var inputTokens = 0
    /// Prompt tokens written to the cache.
    public var cacheCreationTokens = 0
    /// Of those, kept five minutes.
    public var cacheCreation5mTokens = 0
    /// Of those, kept one hour.
    public var cacheCreation1hTokens = 0
    /// Prompt tokens read from the cache.
    public var cacheReadTokens = 0
    /// Tokens of the answer.
    public var outputTokens = 0
    /// Of those, spent on thinking, where the vendor says so.
    public var thinkingTokens = 0
    /// Searches of the web, which are paid for one by one.
    public var webSearches = 0
    /// `standard`, `priority` or `batch`, where the vendor says so.
    public var serviceTier: String?

    /// Nothing counted yet.
    public init() {}

    /// All tokens of the prompt, cached or not.
    public var promptTokens: Int { inputTokens.plus(cacheCreationTokens).plus(cacheReadTokens) }

    /// Adds the tokens of another message; the tier is the newest.
    public mutating func add(_ other: Usage) {
        inputTokens = inputTokens.plus(other.inputTokens)
        cacheCreationTokens = cacheCreationTokens.plus(other.cacheCreationTokens)
        cacheCreation5mTokens = cacheCreation5mTokens.plus(other.cacheCreation5mTokens)
        cacheCreation1hTokens = cacheCreation1hTokens.plus(other.cacheCreation1hTokens)
        cacheReadTokens = cacheReadTokens.plus(other.cacheReadTokens)
        outputTokens = outputTokens.plus(other.outputTokens)
        thinkingTokens = thinkingTokens.plus(other.thinkingTokens)
        webSearches = webSearches.plus(other.webSearches)
        serviceTier = other.serviceTier ?? serviceTier
    }
}

extension Int {
    /// The sum, or the greatest number where there is none: the counts are others' word and must stop nobody.
    public func plus(_ other: Int) -> Int {
        let (sum, overflows) = addingReportingOverflow(other)
        guard overflows else { return sum }
        return other < 0 ? .min : .max
    }

    /// The product of two numbers that are not negative, or the greatest number where there is none.
    public func times(_ other: Int) -> Int {
        let (product, overflows) = multipliedReportingOverflow(by: other)
        return overflows ? .max : product
    }
}
