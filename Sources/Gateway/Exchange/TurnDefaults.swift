import ClaudeCLI
import Dialects
import Vocabulary

/// What a request does not say itself: its header fields, then the operator's settings, fill it in.
struct TurnDefaults {
    let preferences: TurnPreferences
    let models: ModelSettings
    let dialect: Dialect

    /// Completes a conversation for the model that the CLI calls `model`.
    func complete(_ conversation: inout Conversation, model: String) {
        var effortName = conversation.effort == nil ? nil : Self.effortName(dialect)
        let isSilent = conversation.effort == nil && conversation.thinking == nil
        if conversation.effort == nil, let effort = preferences.effort, effort != "none" || isSilent {
            apply(effort, to: &conversation)
            effortName = "x-effort"
        }
        if conversation.effort == nil { conversation.effort = models.defaultEffort }
        if conversation.thinking == nil, models.enablesThinking {
            conversation.thinking = .adaptive
            giveUpThinking(where: conversation.toolChoice.forcesCall, "thinking", &conversation)
        }
        conversation.fit(ModelAbilities(of: model), effortName: effortName)
        if preferences.client == .openclaw { OpenClaw.adapt(&conversation) }
    }

    /// In the sense of OpenAI's `reasoning_effort`: it asks for thinking too, unless the body speaks of that.
    private func apply(_ effort: String, to conversation: inout Conversation) {
        guard effort != "none" else {
            conversation.thinking = .disabled
            return
        }
        conversation.effort = effort == "minimal" ? "low" : effort
        guard conversation.thinking == nil else { return }
        conversation.thinking = .adaptive
        giveUpThinking(where: conversation.toolChoice.forcesCall, "x-effort", &conversation)
    }

    /// The vendor takes a forced call and thinking not together; the call is what the client cannot do without.
    private func giveUpThinking(where isForced: Bool, _ name: String, _ conversation: inout Conversation) {
        guard isForced else { return }
        conversation.thinking = .disabled
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
