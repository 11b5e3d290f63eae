import ClaudeCLI
import Dialects
import Vocabulary

/// What a request does not say itself: its header fields, then the operator's settings, fill it in.
struct TurnDefaults {
    let preferences: TurnPreferences
    let models: ModelSettings
    let dialect: Dialect
    /// False for a CLI that would not pass the wish on: nobody asked for what the operator presets.
    let canThink: Bool

    /// Completes a conversation for the model that the CLI calls `model`.
    func complete(_ conversation: inout Conversation, model: String) {
        var effortName = conversation.effort == nil ? nil : Self.effortName(dialect)
        // Who speaks the vendor's own words about thinking gets the vendor's own answer.
        let isOwnWish = dialect == .anthropic && conversation.thinking != nil
        if let effort = preferences.effort, conversation.effort == nil {
            apply(effort, to: &conversation)
            effortName = "x-effort"
        }
        if conversation.effort == nil { conversation.effort = models.defaultEffort }
        if conversation.thinking == nil, models.enablesThinking, canThink { thinkByDefault(&conversation) }
        conversation.fit(ModelAbilities(of: model), effortName: effortName)
        if !isOwnWish { Self.leaveOutSampling(of: &conversation) }
        if preferences.client == .openclaw { OpenClaw.adapt(&conversation) }
    }

    /// In the sense of OpenAI's `reasoning_effort`: it asks for thinking too, unless the body speaks of that.
    private func apply(_ effort: String, to conversation: inout Conversation) {
        guard effort != "none" else {
            if conversation.thinking == nil { conversation.thinking = .disabled }
            return
        }
        conversation.effort = effort == "minimal" ? "low" : effort
        if conversation.thinking == nil { think(&conversation, asked: "x-effort") }
    }

    /// What the operator presets gives way to all that the request itself says.
    private func thinkByDefault(_ conversation: inout Conversation) {
        if conversation.toolChoice.forcesCall { return think(&conversation, asked: "thinking") }
        conversation.thinkByDefault(in: dialect)
    }

    /// The vendor refuses thinking together with a forced call; the call is what a client cannot do without.
    private func think(_ conversation: inout Conversation, asked name: String) {
        conversation.thinking = conversation.toolChoice.forcesCall ? .disabled : .adaptive
        if conversation.toolChoice.forcesCall { return Self.note(name, in: &conversation) }
        // Without being asked newer models would not show OpenAI's clients what they think.
        if dialect != .anthropic { conversation.thinkingDisplay = .summarized }
    }

    /// The vendor refuses thinking together with a temperature but 1, any `top_k`, or a `top_p` below 0.95.
    private static func leaveOutSampling(of conversation: inout Conversation) {
        guard let thinking = conversation.thinking, thinking != .disabled else { return }
        if let value = number(conversation.sampling.temperature), value != 1 {
            conversation.sampling.temperature = nil
            note("temperature", in: &conversation)
        }
        if let value = number(conversation.sampling.topP), value < 0.95 {
            conversation.sampling.topP = nil
            note("top_p", in: &conversation)
        }
        if conversation.sampling.topK != nil {
            conversation.sampling.topK = nil
            note("top_k", in: &conversation)
        }
    }

    private static func number(_ value: JSONFragment?) -> Double? {
        value.flatMap { Double(String(decoding: $0.bytes, as: UTF8.self)) }
    }

    private static func note(_ name: String, in conversation: inout Conversation) {
        if !conversation.ignored.contains(name) { conversation.ignored.append(name) }
    }

    private static func effortName(_ dialect: Dialect) -> String {
        switch dialect {
        case .anthropic: "output_config.effort"
        case .chatCompletions: "reasoning_effort"
        case .responses: "reasoning.effort"
        }
    }
}
