public import Vocabulary

/// How thinking goes together with the rest of a request that does not speak the vendor's own language.
///
/// In Messages everything is sent as it was asked, and the vendor says what excludes what. OpenAI's clients
/// cannot know that, so that one of two things has to give way.
extension Conversation {
    /// Lets the model think where the request said nothing of it and holds nothing that excludes it.
    public mutating func thinkByDefault(in dialect: Dialect) {
        guard thinking == nil, !toolChoice.forcesCall, sampling.allowsThinking else { return }
        thinking = .adaptive
        if dialect != .anthropic { thinkingDisplay = .summarized }
    }

    /// Lets the model think for an OpenAI client, and show what it thinks: newer models would leave it out.
    mutating func think() {
        thinking = .adaptive
        thinkingDisplay = .summarized
    }

    /// Gives up what the vendor refuses together: thinking before a forced call, which the client cannot do
    /// without, and sampling parameters before thinking. `name` is the parameter that asked for thinking.
    mutating func settleThinking(askedBy name: StaticString) {
        guard thinking == .adaptive else { return }
        guard !toolChoice.forcesCall else {
            thinking = .disabled
            return ignore(name)
        }
        if !sampling.temperatureAllowsThinking {
            sampling.temperature = nil
            ignore("temperature")
        }
        if !sampling.topPAllowsThinking {
            sampling.topP = nil
            ignore("top_p")
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
