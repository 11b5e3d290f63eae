import Vocabulary

/// What a key has used, or may come to use, of everything that can be bounded.
struct Amounts: Sendable, Equatable {
    var requests = 0
    /// What the vendor read anew or wrote into its cache.
    var input = 0
    var output = 0
    /// What the vendor had in its cache.
    var cached = 0
    /// In nano-dollars.
    var cost = 0

    func of(_ metric: KeyCap.Metric) -> Int {
        switch metric {
        case .requests: requests
        case .tokens: input.plus(output)
        case .inputTokens: input
        case .outputTokens: output
        case .cachedTokens: cached
        case .spend: cost
        }
    }

    static func += (left: inout Amounts, right: Amounts) {
        left.requests = left.requests.plus(right.requests)
        left.input = left.input.plus(right.input)
        left.output = left.output.plus(right.output)
        left.cached = left.cached.plus(right.cached)
        left.cost = left.cost.plus(right.cost)
    }

    static func -= (left: inout Amounts, right: Amounts) {
        left.requests -= right.requests
        left.input -= right.input
        left.output -= right.output
        left.cached -= right.cached
        left.cost -= right.cost
    }
}
