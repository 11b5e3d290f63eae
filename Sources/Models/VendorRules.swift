public import Vocabulary

/// What the vendor is certain to refuse, refused in its own words before a CLI is started for it.
///
/// For the Messages dialect, whose clients speak to the model themselves. What the vendor's pages leave open, and all that
/// is asked of models that are not known, goes to the vendor as it stands.
extension ModelTraits {
    /// Refuses a request as its client sent it.
    public func check(_ conversation: Conversation) throws(Refusal) {
        guard isKnown else { return }
        try checkThinking(conversation)
        try checkEffort(conversation)
        try checkSampling(conversation)
        try checkToolChoice(conversation)
        if let limit = conversation.sampling.maxTokens, limit > maxOutputTokens {
            throw refusal(
                "max_tokens: \(limit) > \(maxOutputTokens), which is the maximum allowed number of output tokens for \(id)",
                "max_tokens")
        }
    }

    private func checkThinking(_ conversation: Conversation) throws(Refusal) {
        let word: ThinkingWords
        let name: String
        switch conversation.thinking {
        case nil: return
        case .adaptive: (word, name) = (.adaptive, "adaptive")
        case .enabled: (word, name) = (.enabled, "enabled")
        case .disabled: (word, name) = (.disabled, "disabled")
        case .betweenTools: (word, name) = (.betweenTools, "between_tools")
        }
        guard words.contains(word) else { throw refusal(unknown(word, name), "thinking.type") }
        guard case .enabled(let budget) = conversation.thinking, let limit = conversation.sampling.maxTokens else { return }
        // With tools the CLI asks for thinking between calls, whose budget may be greater.
        if budget >= limit, conversation.tools.isEmpty {
            throw refusal("`max_tokens` must be greater than `thinking.budget_tokens`.", "thinking.budget_tokens")
        }
    }

    private func unknown(_ word: ThinkingWords, _ name: String) -> String {
        if word == .adaptive { return "adaptive thinking is not supported on this model" }
        let adaptive = "\"thinking.type.adaptive\" and \"output_config.effort\" to control thinking behavior."
        let start = "\"thinking.type.\(name)\" is not supported for this model."
        if word == .betweenTools { return start }
        if word == .disabled, words.contains(.betweenTools) {
            return start + " Use \"thinking.type.between_tools\" for the lowest thinking setting, or " + adaptive
        }
        return words.contains(.adaptive) ? "\(start) Use \(adaptive)" : start
    }

    private func checkEffort(_ conversation: Conversation) throws(Refusal) {
        guard let effort = conversation.effort else { return }
        let param = "output_config.effort"
        guard !efforts.isEmpty else {
            throw refusal("This model does not support the effort parameter.", param)
        }
        guard efforts.contains(effort) else {
            let known = efforts.map(\.rawValue).sorted().joined(separator: ", ")
            throw refusal(
                "This model does not support effort level '\(effort.rawValue)'. Supported levels: \(known).", param)
        }
        let isOff = conversation.thinking == .disabled || conversation.thinking == .betweenTools
        if isOff, limitsEffortWithoutThinking, effort > .high {
            throw refusal(
                "output_config.effort '\(effort.rawValue)' is not supported when thinking is disabled on this model. "
                    + "Use effort 'high' or below, or enable thinking.", param)
        }
    }

    private func checkSampling(_ conversation: Conversation) throws(Refusal) {
        let sampling = conversation.sampling
        let thinks =
            switch conversation.thinking {
            case .adaptive, .enabled: true
            case nil, .disabled, .betweenTools: false
            }
        switch self.sampling {
        case .fixed, .fixedWithTopP:
            if let value = sampling.temperature, value.number != 1 { throw deprecated("temperature") }
            // The pages and what was measured disagree about the default, 0.99, and about 1.
            if let value = sampling.topP, value.number != 0.99, value.number != 1 { throw deprecated("top_p") }
            if sampling.topK != nil { throw deprecated("top_k") }
        case .oneOfTwo where sampling.temperature != nil && sampling.topP != nil:
            throw refusal(
                "`temperature` and `top_p` cannot both be specified for this model. Please use only one.", "top_p")
        case .oneOfTwo, .free:
            guard thinks else { return }
            if let value = sampling.temperature, value.number != 1 {
                throw refusal(
                    "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.", "temperature")
            }
            if let value = sampling.topP, value.number < 0.95 {
                throw refusal(
                    "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled or in adaptive mode.",
                    "top_p")
            }
            if sampling.topK != nil {
                throw refusal("`top_k` must be unset when thinking is enabled or in adaptive mode.", "top_k")
            }
        }
    }

    private func checkToolChoice(_ conversation: Conversation) throws(Refusal) {
        guard conversation.toolChoice.forcesCall else { return }
        if forcedCalls == .refused {
            throw refusal("tool_choice: type \"tool\" and \"any\" are not supported for this model.", "tool_choice")
        }
        if case .enabled = conversation.thinking {
            throw refusal("Thinking may not be enabled when tool_choice forces tool use.", "tool_choice")
        }
    }

    private func deprecated(_ name: String) -> Refusal {
        refusal("`\(name)` is deprecated for this model.", name)
    }

    private func refusal(_ message: String, _ param: String) -> Refusal {
        Refusal(.invalidRequest, message, param: param)
    }
}
