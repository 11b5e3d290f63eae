public import Vocabulary

extension Conversation {
    /// Says how to think in the way that the model understands, for a model the CLI knows by `model`.
    ///
    /// Models before 4.6 know no adaptive thinking but a budget, which must stay below the answer's limit;
    /// the oldest do not think. Where thinking cannot be had, its name goes to `ignored`.
    public mutating func fitThinking(to model: String) {
        guard thinking == .adaptive else { return }
        switch ThinkingKind(of: model) {
        case .adaptive: return
        case .budget:
            let limit = sampling.maxTokens ?? Int.max
            guard limit > ThinkingKind.smallestBudget else { return dropThinking() }
            thinking = .enabled(budgetTokens: min(ThinkingKind.budget(of: effort), limit - 1))
        case .none: dropThinking()
        }
    }

    private mutating func dropThinking() {
        thinking = nil
        if !ignored.contains("thinking") { ignored.append("thinking") }
    }
}

/// How a model is told to think.
private enum ThinkingKind {
    case adaptive, budget, none

    /// The vendor's least budget.
    static let smallestBudget = 1024

    /// Unknown models are new ones.
    init(of model: String) {
        let older = ["claude-3-7", "-4-5", "-4-1", "-4-0", "-4-20"]
        let oldest = ["claude-3-", "claude-2", "claude-instant"]
        if older.contains(where: model.contains) {
            self = .budget
        } else {
            self = oldest.contains(where: model.contains) ? .none : .adaptive
        }
    }

    /// Tokens for an effort; below the 32,000 to which the CLI limits the answers of these models.
    static func budget(of effort: String?) -> Int {
        switch effort {
        case "low": 4096
        case "medium": 12000
        default: 24000
        }
    }
}
