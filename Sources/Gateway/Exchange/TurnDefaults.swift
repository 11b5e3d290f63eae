import ClaudeCLI
import Dialects
import Models
import Vocabulary

/// Makes of what a client asked what its model is asked: header fields and the operator's settings fill it in, and what
/// the model does not take is refused or left out.
struct TurnDefaults {
    let preferences: TurnPreferences
    let models: ModelSettings
    let dialect: Dialect
    /// What the model knows.
    let traits: ModelTraits
    /// False for a CLI that would not pass the wish on: nobody asked for what the operator presets.
    let canThink: Bool
    /// True when registered MCP servers are switched on.
    let hasServers: Bool

    /// Completes a conversation; refuses, in the vendor's words, what the vendor would.
    ///
    /// Who speaks the vendor's own language gets the vendor's own answer: such words go as they stand.
    func complete(_ conversation: inout Conversation) throws(Refusal) {
        let isMessages = dialect == .anthropic
        if isMessages { try traits.check(conversation) }
        let (saysThinking, saysEffort) = (conversation.thinking != nil, conversation.effort != nil)
        applyHeader(to: &conversation)
        let asksForThinking = conversation.thinking != nil && conversation.thinking != .disabled
        if conversation.effort == nil { conversation.effort = models.defaultEffort }
        if models.enablesThinking, canThink { conversation.thinkByDefault(traits) }
        if isMessages {
            // An effort that the body names leaves thinking to the vendor.
            let isOwnWish = saysThinking || (saysEffort && conversation.thinking == nil)
            completeMessages(&conversation, isOwnWish: isOwnWish)
        } else {
            let isExcluded = conversation.thinkingShown == .hidden
            conversation.fit(traits, hasServers: hasServers)
            // Who asks for the CLI's own tools is shown what they do, and that is shown as thinking.
            if conversation.agent != nil, !isExcluded { conversation.thinkingShown = .asThinking }
            if conversation.needsDemand(traits) { conversation.demandCall() }
            showThinking(of: &conversation)
        }
        // What nobody asked for is not worth a refusal.
        if !canThink, !asksForThinking { conversation.thinking = nil }
        if preferences.client == .openclaw { OpenClaw.adapt(&conversation) }
    }

    private func completeMessages(_ conversation: inout Conversation, isOwnWish: Bool) {
        if !isOwnWish {
            conversation.fitThinking(traits, hasServers: hasServers)
            conversation.settleSamplingBesideThinking()
            conversation.thinkingShown = .asThinking
            // What is said between two calls comes in the vendor's own form.
            if conversation.thinkingDisplay == .updates { (conversation.thinking, conversation.thinkingDisplay) = (nil, nil) }
        }
        if conversation.fields.effort != "output_config.effort" { conversation.fitEffort(traits) }
        conversation.keepTopPAlone(traits)
        conversation.settleReplayedThinking(traits)
    }

    /// `x-effort` in the sense of OpenAI's `reasoning_effort`: it asks for thinking too, unless the body speaks of that.
    private func applyHeader(to conversation: inout Conversation) {
        guard let wish = preferences.effort, conversation.effort == nil else { return }
        let speaks = conversation.thinking != nil
        if let effort = wish.effort { (conversation.effort, conversation.fields.effort) = (effort, "x-effort") }
        guard !speaks else { return }
        conversation.thinking = wish == .none ? .disabled : .adaptive
        conversation.fields.thinking = "x-effort"
    }

    /// Without being asked newer models would not show OpenAI's clients what they think.
    private func showThinking(of conversation: inout Conversation) {
        switch conversation.thinking {
        case .adaptive, .enabled:
            if conversation.thinkingDisplay == nil, conversation.thinkingShown == .asThinking {
                conversation.thinkingDisplay = .summarized
            }
        case nil, .disabled, .betweenTools: break
        }
    }
}
