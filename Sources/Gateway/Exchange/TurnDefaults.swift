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
        if !isOwnWish { conversation.settleSampling() }
        if preferences.client == .openclaw { OpenClaw.adapt(&conversation) }
    }

    /// In the sense of OpenAI's `reasoning_effort`: it asks for thinking too, unless the body speaks of that.
    private func apply(_ effort: String, to conversation: inout Conversation) {
        guard effort != "none" else {
            if conversation.thinking == nil { conversation.thinking = .disabled }
            return
        }
        conversation.effort = effort == "minimal" ? "low" : effort
        if conversation.thinking == nil { conversation.think(in: dialect, askedBy: "x-effort") }
    }

    /// What the operator presets gives way to all that the request itself says.
    private func thinkByDefault(_ conversation: inout Conversation) {
        if conversation.toolChoice.forcesCall { return conversation.think(in: dialect, askedBy: "thinking") }
        conversation.thinkByDefault(in: dialect)
    }

    private static func effortName(_ dialect: Dialect) -> String {
        switch dialect {
        case .anthropic: "output_config.effort"
        case .chatCompletions: "reasoning_effort"
        case .responses: "reasoning.effort"
        }
    }
}
