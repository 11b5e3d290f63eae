public import Vocabulary

/// How a request that does not speak the vendor's own language becomes one that its model takes.
///
/// OpenAI's clients cannot know what the vendor's models refuse, nor can a header field or a setting of the gateway. What
/// the model does not take is left out, put into other words that say the same, or named as ignored.
extension Conversation {
    /// Fits everything but a forced call that the model refuses, ``needsDemand(_:)``.
    ///
    /// `hasServers` says that the model can call tools that are not the client's.
    public mutating func fit(_ traits: ModelTraits, hasServers: Bool = false) {
        fitLimit(traits)
        fitThinking(traits, hasServers: hasServers)
        fitEffort(traits)
        fitSampling(traits)
        settleReplayedThinking(traits)
    }

    /// True when a forced call has to be demanded in other words than by `tool_choice`.
    public func needsDemand(_ traits: ModelTraits) -> Bool {
        toolChoice.forcesCall && traits.forcedCalls == .refused
    }

    /// Lets the model think where the operator wants that and the request holds nothing that excludes it.
    ///
    /// Sampling parameters that the model refuses in any case exclude nothing.
    public mutating func thinkByDefault(_ traits: ModelTraits) {
        guard thinking == nil, !isExcluded(.adaptive, by: traits) else { return }
        let takesSampling = traits.sampling == .free || traits.sampling == .oneOfTwo
        guard !takesSampling || sampling.allowsThinking else { return }
        thinking = .adaptive
        fields.thinking = nil
    }

    // MARK: - Thinking

    /// Puts the wish to think, or not to, into the model's own words.
    public mutating func fitThinking(_ traits: ModelTraits, hasServers: Bool = false) {
        let hasTools = hasServers || !tools.isEmpty
        switch thinking {
        case nil, .disabled: stopThinking(traits, hasTools)
        case .betweenTools where traits.words.contains(.betweenTools): break
        case .betweenTools:
            ignoreThinking()
            stopThinking(traits, hasTools)
        case .adaptive, .enabled:
            if let word = wish(traits), !isExcluded(word, by: traits) {
                if case .enabled(let asked) = thinking, word != thinking { noteBudget(asked, became: word) }
                thinking = word
            } else {
                ignoreThinking()
                stopThinking(traits, hasTools)
            }
        }
    }

    /// The word by which the model is made to think; nil where there is none, or no room for it.
    private func wish(_ traits: ModelTraits) -> Thinking? {
        if case .enabled(let budget) = thinking, traits.words.contains(.enabled) {
            // A budget up to the limit would leave nothing for the answer.
            let fitting = budget < limit ? budget : limit / 2
            return fitting < Self.leastBudget || resumesWithoutThinking ? nil : .enabled(budgetTokens: fitting)
        }
        if traits.words.contains(.adaptive) { return .adaptive }
        guard traits.words.contains(.enabled), !resumesWithoutThinking else { return nil }
        return budget.map { .enabled(budgetTokens: $0) }
    }

    /// True when the vendor refuses this way of thinking together with a forced call.
    ///
    /// The call wins: it is what a client cannot do without.
    private func isExcluded(_ word: Thinking, by traits: ModelTraits) -> Bool {
        guard toolChoice.forcesCall else { return false }
        if case .enabled = word { return true }
        return traits.forcedCalls == .withoutThinking
    }

    /// A model without budgets gets the effort that comes next to one.
    private mutating func noteBudget(_ asked: Int, became word: Thinking) {
        ignore((fields.thinking ?? "thinking") + (fields.thinking == "thinking" ? ".budget_tokens" : ""))
        // What the body says wins over a header field, and both over a setting.
        guard word == .adaptive, fields.effort == nil || fields.effort == "x-effort" else { return }
        effort = Self.budgets.last { $0.tokens <= asked }?.effort ?? .low
    }

    /// Has the model not think, in its own word, or as little as it can where there is none.
    private mutating func stopThinking(_ traits: ModelTraits, _ hasTools: Bool) {
        let wasAsked = thinking == .disabled
        switch traits.thinkingOff {
        // Of other vendors' models nothing is known: they are told what was asked.
        case .unsaid: thinking = wasAsked && traits.version.family == nil ? .disabled : nil
        case .said(let word): thinking = word
        case .impossible:
            if wasAsked { ignoreThinking() }
            thinking = nil
            if effort == nil || (wasAsked && fields.effort == nil) { effort = .low }
        }
        thinkingShown = .hidden
        guard hasTools, traits.thinksUnasked else { return }
        // What these models say between two calls comes as thinking; who has not asked for that gets it as text.
        if thinking == .betweenTools {
            thinkingShown = .asText
        } else if traits.thinkingOff == .impossible, traits.tellsUpdates {
            (thinking, thinkingDisplay, thinkingShown) = (.adaptive, .updates, .asText)
        }
    }

    private mutating func ignoreThinking() {
        if let name = fields.thinking { ignore(name) }
    }

    /// True when tool results answer a call whose thinking did not come back, which models that think with a
    /// budget refuse; OpenAI's dialects have no place for it.
    private var resumesWithoutThinking: Bool {
        guard let call = turns.lastIndex(where: { $0.role == .assistant }),
            turns[call...].dropFirst().contains(where: { $0.blocks.contains(where: \.isToolResult) })
        else { return false }
        return turns[call].blocks.first?.isThinking != true
    }

    /// The most tokens of the answer; what the CLI lets older models say where the client names none.
    private var limit: Int { sampling.maxTokens ?? 32_000 }

    /// The least that a vendor takes as a budget.
    private static let leastBudget = 1024

    /// What budgets say in words of effort, least first.
    private static let budgets: [(effort: Effort, tokens: Int)] = [
        (.low, 4096), (.medium, 10_000), (.high, 16_000), (.max, 31_999),
    ]

    /// The tokens for thinking at this effort, below the answer's own limit; nil when that leaves none.
    private var budget: Int? {
        let effort = effort ?? .high
        let wanted = Self.budgets.first { $0.effort >= effort }?.tokens ?? 31_999
        let budget = min(wanted, limit / 2)
        return budget < Self.leastBudget ? nil : budget
    }

    // MARK: - Effort

    /// Lowers an effort to one that the model knows.
    public mutating func fitEffort(_ traits: ModelTraits) {
        guard let asked = effort else { return }
        var known = traits.nearest(to: asked)
        if traits.limitsEffortWithoutThinking, thinking == .disabled || thinking == .betweenTools {
            known = known.map { min($0, .high) }
        }
        effort = known
        // A budget that was made of it says the same in the words of an older model.
        let isSaid = if case .enabled = thinking { known == nil && fields.thinking == fields.effort } else { false }
        if known != asked, !isSaid, let name = fields.effort { ignore(name) }
    }

    // MARK: - Sampling and limits

    /// Leaves out the sampling parameters that the model refuses.
    private mutating func fitSampling(_ traits: ModelTraits) {
        switch traits.sampling {
        case .free: settleSamplingBesideThinking()
        case .oneOfTwo:
            settleSamplingBesideThinking()
            if sampling.temperature != nil, sampling.topP != nil { dropTopP() }
            keepTopPAlone(traits)
        case .fixed, .fixedWithTopP:
            dropTemperature()
            if traits.sampling == .fixed || sampling.topP?.number != 0.99 { dropTopP() }
            dropTopK()
        }
    }

    /// Says that there is to be no thinking where the CLI would else send a temperature beside `top_p`.
    public mutating func keepTopPAlone(_ traits: ModelTraits) {
        guard traits.sampling == .oneOfTwo, sampling.topP != nil, sampling.temperature == nil, thinking == nil else { return }
        thinking = .disabled
    }

    /// Gives up the sampling parameters that the vendor refuses together with thinking.
    public mutating func settleSamplingBesideThinking() {
        switch thinking {
        case .adaptive, .enabled: break
        case nil, .disabled, .betweenTools: return
        }
        if !sampling.temperatureAllowsThinking { dropTemperature() }
        if !sampling.topPAllowsThinking { dropTopP() }
        dropTopK()
    }

    private mutating func dropTemperature() {
        // 1 is what holds anyway.
        if let value = sampling.temperature, value.number != 1 { ignore("temperature") }
        sampling.temperature = nil
    }

    private mutating func dropTopP() {
        if let value = sampling.topP, value.number != 1 { ignore("top_p") }
        sampling.topP = nil
    }

    private mutating func dropTopK() {
        if sampling.topK != nil { ignore("top_k") }
        sampling.topK = nil
    }

    /// Lowers a limit beyond the model's own, which could not be reached anyway.
    private mutating func fitLimit(_ traits: ModelTraits) {
        guard let limit = sampling.maxTokens, limit > traits.maxOutputTokens else { return }
        sampling.maxTokens = traits.maxOutputTokens
        ignore(fields.limit)
    }
}

extension Sampling {
    /// The vendor thinks at a temperature of 1, with nearly all of the probability mass, and without `top_k`.
    fileprivate var allowsThinking: Bool { temperatureAllowsThinking && topPAllowsThinking && topK == nil }

    fileprivate var temperatureAllowsThinking: Bool { temperature.map { $0.number == 1 } ?? true }

    fileprivate var topPAllowsThinking: Bool { topP.map { $0.number >= 0.95 } ?? true }
}

extension JSONFragment {
    /// The value of a JSON number, in any spelling.
    var number: Double { Double(String(decoding: bytes, as: UTF8.self)) ?? 0 }
}
