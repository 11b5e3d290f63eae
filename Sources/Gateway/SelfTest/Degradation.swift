import ClaudeCLI
import Dialects
import Vocabulary

extension SelfTestReport {
    /// The value of `x-portcullis-degraded`; nil when nothing is missing.
    var degradedField: String? {
        let names = degraded
        return names.isEmpty ? nil : names.joined(separator: ", ")
    }
}

extension CLIFeatures {
    /// The parameters of a conversation that this CLI does not pass on, as its dialect names them.
    func lost(of conversation: Conversation, in dialect: Dialect) -> [String] {
        guard !has(.parameters) else { return [] }
        let sampling = conversation.sampling
        var names: [String] = []
        if sampling.maxTokens != nil {
            switch dialect {
            case .agentRun: break
            case .anthropic: names.append("max_tokens")
            case .chatCompletions: names.append("max_completion_tokens")
            case .responses: names.append("max_output_tokens")
            }
        }
        if sampling.temperature != nil { names.append("temperature") }
        if sampling.topP != nil { names.append("top_p") }
        if sampling.topK != nil { names.append("top_k") }
        if !sampling.stopSequences.isEmpty { names.append(dialect == .anthropic ? "stop_sequences" : "stop") }
        if sampling.serviceTier != nil { names.append("service_tier") }
        return names
    }
}
