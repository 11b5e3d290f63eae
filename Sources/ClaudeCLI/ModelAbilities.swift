public import Vocabulary

/// What a model knows of thinking and effort, by the name under which the CLI asks for it.
///
/// Vendors refuse what a model does not know, and the CLI leaves some of it out silently. Names that say
/// nothing are taken for current models.
public struct ModelAbilities: Sendable, Equatable {
    /// How a model can be made to think.
    public enum Thinking: Sendable, Equatable {
        case none
        /// Only with a budget.
        case budget
        /// As much as it finds right, or with a budget.
        case adaptive
    }

    /// How it can be made to think.
    public let thinking: Thinking
    /// The efforts it knows; the CLI lowers or drops others silently.
    public let efforts: [String]

    /// The abilities of the model that the CLI calls so.
    public init(of model: String) {
        let name = model.lowercased()
        func isOne(of parts: [String]) -> Bool { parts.contains { name.contains($0) } }
        if isOne(of: ["claude-3-5", "claude-3-haiku", "claude-3-opus", "claude-3-sonnet"]) {
            (thinking, efforts) = (.none, [])
        } else if isOne(of: ["opus-4-5"]) {
            (thinking, efforts) = (.budget, ["low", "medium", "high"])
        } else if isOne(of: ["claude-3-7", "sonnet-4-5", "haiku-4-5", "opus-4-1", "opus-4-0", "sonnet-4-0"])
            || isOne(of: ["opus-4-2", "sonnet-4-2"])
        {
            // The last two are dated names such as `claude-opus-4-20250514`.
            (thinking, efforts) = (.budget, [])
        } else if isOne(of: ["opus-4-6", "sonnet-4-6"]) {
            (thinking, efforts) = (.adaptive, ["low", "medium", "high", "max"])
        } else {
            (thinking, efforts) = (.adaptive, ["low", "medium", "high", "xhigh", "max"])
        }
    }
}

extension Conversation {
    /// Puts what was asked about thinking and effort into what the model knows, and notes what is lost.
    ///
    /// `effortName` is what the client called its effort, nil when it is the operator's default.
    public mutating func fit(_ abilities: ModelAbilities, effortName: String?) {
        if abilities.thinking == .none, thinking != nil, thinking != .disabled {
            thinking = .disabled
            ignore("thinking")
        }
        if abilities.thinking == .budget, thinking == .adaptive {
            if !resumesWithoutThinking, let budget {
                thinking = .enabled(budgetTokens: budget)
            } else {
                thinking = .disabled
                ignore("thinking")
            }
        }
        guard let effort, !abilities.efforts.contains(effort) else { return }
        // A budget says the same in the words of an older model.
        let isSaid = if case .enabled = thinking { abilities.efforts.isEmpty } else { false }
        if !isSaid, let effortName { ignore(effortName) }
        if abilities.efforts.isEmpty { self.effort = nil }
    }

    /// True when tool results answer a call whose thinking did not come back, which models that think with a
    /// budget refuse; OpenAI's dialects have no place for it.
    private var resumesWithoutThinking: Bool {
        guard let last = turns.last(where: { $0.role != .system }), last.role == .user,
            last.blocks.contains(where: { if case .toolResult = $0 { true } else { false } }),
            let call = turns.last(where: { $0.role == .assistant })
        else { return false }
        return switch call.blocks.first {
        case .thinking, .redactedThinking: false
        default: true
        }
    }

    /// The tokens for thinking at this effort, below the answer's own limit; nil when that leaves none: 1024
    /// are the least a vendor takes.
    private var budget: Int? {
        let wanted =
            switch effort {
            case "low": 4096
            case "medium": 10_000
            case "xhigh", "max": 31_999
            default: 16_000
            }
        let limit = sampling.maxTokens ?? 32_000
        let budget = min(wanted, limit / 2)
        return budget < 1024 ? nil : budget
    }
}
