import Vocabulary

extension ModelTraits {
    /// The vendor's models, of each family the youngest first, by the vendor's pages of November 2026.
    ///
    /// Prices are those of the CLI, which knows none of the oldest models. A new model is one row. Left open by the
    /// vendor, and how it is taken here: whether haiku-5-5 takes `disabled` (its
    /// page says so, the CLI's catalogue does not: it does); whether a temperature of 1 is refused where others are (it
    /// was measured to pass); whether opus-4-5 knows an effort (the pages say so).
    static let known: [ModelTraits] = [
        strictest,
        ModelTraits("claude-fable-5-1", "Claude Fable 5.1", Price(input: 10, output: 50, read: 25)) { $0.isOf5dot5() },
        ModelTraits("claude-fable-5", "Claude Fable 5", Price(input: 10, output: 50)) { $0.tellsUpdates = true },
        ModelTraits("claude-mythos-5-2", "Claude Mythos 5.2", .fable5dot2) { $0.isOf5dot5() },
        ModelTraits("claude-mythos-5-1", "Claude Mythos 5.1", Price(input: 10, output: 50, read: 25)) { traits in
            traits.isOf5dot5()
            traits.checksPrefix = false
        },
        ModelTraits("claude-mythos-5", "Claude Mythos 5", Price(input: 10, output: 50)),

        ModelTraits("claude-opus-5-5", "Claude Opus 5.5", Price(input: 4, output: 20, read: 50)) { $0.isOf5dot5() },
        ModelTraits("claude-opus-5", "Claude Opus 5", .opus) { $0.isOf5() },
        ModelTraits("claude-opus-4-8", "Claude Opus 4.8", .opus) { $0.isOf4dot7() },
        ModelTraits("claude-opus-4-7", "Claude Opus 4.7", .opus) { $0.isOf4dot7() },
        ModelTraits("claude-opus-4-6", "Claude Opus 4.6", .opus) { $0.isOf4dot6() },
        ModelTraits("claude-opus-4-5", "Claude Opus 4.5", .opus) { traits in
            traits.isOf4(maxOutputTokens: 64_000)
            traits.efforts = [.low, .medium, .high]
        },
        ModelTraits("claude-opus-4-1", "Claude Opus 4.1", .opus4) { $0.isOf4(maxOutputTokens: 32_000) },
        ModelTraits("claude-opus-4", "Claude Opus 4", .opus4) { $0.isOf4(maxOutputTokens: 32_000) },
        ModelTraits("claude-3-opus", "Claude Opus 3") { $0.isOf3(maxOutputTokens: 4096) },

        ModelTraits("claude-sonnet-5-5", "Claude Sonnet 5.5", Price(input: 2, output: 10, read: 50)) { traits in
            traits.isOf5dot5()
            traits.words = [.adaptive, .betweenTools]
            traits.limitsEffortWithoutThinking = true
        },
        ModelTraits("claude-sonnet-5", "Claude Sonnet 5", Price(input: 2, output: 10)) { $0.isOf5() },
        ModelTraits("claude-sonnet-4-6", "Claude Sonnet 4.6", .sonnet) { traits in
            traits.isOf4dot6()
            traits.unsaidOutputTokens = 32_000
        },
        ModelTraits("claude-sonnet-4-5", "Claude Sonnet 4.5", .sonnet) { $0.isOf4(maxOutputTokens: 64_000) },
        ModelTraits("claude-sonnet-4", "Claude Sonnet 4", .sonnet) { $0.isOf4(maxOutputTokens: 64_000) },
        ModelTraits("claude-3-7-sonnet", "Claude Sonnet 3.7", .sonnet) { traits in
            traits.isOf4(maxOutputTokens: 64_000)
            traits.sampling = .free
        },
        ModelTraits("claude-3-5-sonnet", "Claude Sonnet 3.5", .sonnet) { $0.isOf3(maxOutputTokens: 8192) },
        ModelTraits("claude-3-sonnet", "Claude Sonnet 3") { $0.isOf3(maxOutputTokens: 4096) },

        ModelTraits("claude-haiku-5-5", "Claude Haiku 5.5", .haiku5dot5) { traits in
            traits.isOf5()
            traits.unsaidOutputTokens = 128_000
            traits.sampling = .fixedWithTopP
            traits.forcedCalls = .withoutThinking
            traits.checksPrefix = true
        },
        ModelTraits("claude-haiku-4-5", "Claude Haiku 4.5", .haiku) { $0.isOf4(maxOutputTokens: 64_000) },
        ModelTraits("claude-3-5-haiku", "Claude Haiku 3.5", .haiku3dot5) { $0.isOf3(maxOutputTokens: 8192) },
        ModelTraits("claude-3-haiku", "Claude Haiku 3") { $0.isOf3(maxOutputTokens: 4096) },
    ]

    /// The rules that leave least, for a family of which nothing is known.
    static let strictest = ModelTraits("claude-fable-5-2", "Claude Fable 5.2", .fable5dot2) { $0.isOf5dot5() }

    private mutating func isOf5dot5() {
        unsaidOutputTokens = 128_000
        forcedCalls = .refused
        checksPrefix = true
        tellsUpdates = true
    }

    private mutating func isOf5() {
        words = [.adaptive, .disabled]
        limitsEffortWithoutThinking = true
    }

    private mutating func isOf4dot7() {
        words = [.adaptive, .disabled]
        thinksUnasked = false
    }

    private mutating func isOf4dot6() {
        sampling = .oneOfTwo
        words = [.adaptive, .enabled, .disabled]
        thinksUnasked = false
        efforts = [.low, .medium, .high, .max]
    }

    private mutating func isOf4(maxOutputTokens: Int) {
        sampling = .oneOfTwo
        words = [.enabled, .disabled]
        thinksUnasked = false
        efforts = []
        self.maxOutputTokens = maxOutputTokens
        unsaidOutputTokens = min(32_000, maxOutputTokens)
        contextTokens = 200_000
    }

    private mutating func isOf3(maxOutputTokens: Int) {
        isOf4(maxOutputTokens: maxOutputTokens)
        sampling = .free
        words = []
    }
}

extension Price {
    fileprivate static let fable5dot2 = Price(input: 8, output: 40, read: 25)
    fileprivate static let opus4 = Price(input: 15, output: 75)
    fileprivate static let opus = Price(input: 5, output: 25)
    fileprivate static let sonnet = Price(input: 3, output: 15)
    fileprivate static let haiku = Price(input: 1, output: 5)
    fileprivate static let haiku3dot5 = Price(input: 0.8, output: 4)
    fileprivate static let haiku5dot5 = Price(input: 0.1, output: 0.5).upTo(100_000, beyond: 5)
}
