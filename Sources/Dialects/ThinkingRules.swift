public import Vocabulary

/// How thinking goes together with the rest of a request that does not speak the vendor's own language.
///
/// In Messages everything is sent as it was asked, and the vendor says what excludes what. OpenAI's clients
/// cannot know that, nor does what stands in a header field or a setting: one of two things has to give way.
extension Conversation {
    /// Lets the model think where the request said nothing of it and holds nothing that excludes it.
    public mutating func thinkByDefault(in dialect: Dialect) {
        guard thinking == nil, !toolChoice.forcesCall, sampling.allowsThinking else { return }
        think(in: dialect)
    }

    /// Lets the model think because the parameter `name` asks for it, unless a call is forced: the vendor refuses
    /// both together, and the call is what a client cannot do without.
    public mutating func think(in dialect: Dialect, askedBy name: String) {
        guard !toolChoice.forcesCall else {
            thinking = .disabled
            return ignore(name)
        }
        think(in: dialect)
    }

    /// Without being asked newer models would not show OpenAI's clients what they think.
    private mutating func think(in dialect: Dialect) {
        thinking = .adaptive
        if dialect != .anthropic { thinkingDisplay = .summarized }
    }

    /// Gives up the sampling parameters that the vendor refuses together with thinking.
    public mutating func settleSampling() {
        guard let thinking, thinking != .disabled else { return }
        if !sampling.temperatureAllowsThinking {
            sampling.temperature = nil
            ignore("temperature")
        }
        if !sampling.topPAllowsThinking {
            sampling.topP = nil
            ignore("top_p")
        }
        if sampling.topK != nil {
            sampling.topK = nil
            ignore("top_k")
        }
    }
}

extension Sampling {
    /// The vendor thinks at a temperature of 1, with nearly all of the probability mass, and without `top_k`.
    fileprivate var allowsThinking: Bool {
        temperatureAllowsThinking && topPAllowsThinking && topK == nil
    }

    fileprivate var temperatureAllowsThinking: Bool { temperature.map { $0.number == 1 } ?? true }

    fileprivate var topPAllowsThinking: Bool { topP.map { $0.number >= 0.95 } ?? true }
}

extension JSONFragment {
    /// The value of a JSON number, in any spelling.
    fileprivate var number: Double { Double(String(decoding: bytes, as: UTF8.self)) ?? 0 }
}
