import ClaudeCLI
import Models
import Vocabulary

/// What an answer has come to so far.
struct TurnOutcome {
    var hasBegun = false
    var fault: Fault?
    var usage: Usage?
    /// The model that answers; empty as long as none does.
    private(set) var model = ""
    /// True once a command was called.
    private(set) var hasRunPrograms = false
    /// True where calls of the CLI's own tools were answered since that was last looked at: the model is asked again.
    var hasNewResults = false
    /// Calls of the CLI's own tools that were denied, or that the walls refused something to.
    var deniedCalls = 0

    mutating func note(_ event: ReplyEvent) {
        switch event {
        case .started(let start):
            hasBegun = true
            model = start.model
            usage = start.usage
        case .finished(let end): usage = end.usage
        case .failed(let fault): if self.fault == nil { self.fault = fault }
        case .blockStarted(.agentCall(_, let name)): note(callOf: name)
        case .callResult(let result): note(result)
        case .subagent(let step):
            switch step.kind {
            case .begun: break
            case .called(_, let name, _, _): note(callOf: name)
            case .answered(let result): note(result)
            }
        default: break
        }
    }

    private mutating func note(_ result: CallResult) {
        hasNewResults = true
        if result.denial != nil { deniedCalls += 1 }
    }

    private mutating func note(callOf tool: JSONText) {
        if AgentTool(rawValue: tool.string)?.runsPrograms == true { hasRunPrograms = true }
    }
}

extension TurnUsage {
    /// What that costs, in nano-USD: by the CLI's own word, or by the price where it has said nothing or knows none.
    func cost(at price: Price) -> Int {
        let listed = price.cost(of: tokens)
        guard let toldCost else { return listed }
        return price.isKnown ? toldCost.plus(price.cost(of: uncosted)) : max(toldCost, listed)
    }
}

extension RequestRecord {
    /// Takes what a turn has used that asked the CLI for `model`.
    mutating func note(_ used: TurnUsage, of model: String, resolved names: [String: String]) {
        inputTokens = used.tokens.promptTokens
        cacheReadTokens = used.tokens.cacheReadTokens
        cacheWriteTokens = used.tokens.cacheCreationTokens
        outputTokens = used.tokens.outputTokens
        cost = used.cost(at: ModelTraits.price(of: model, resolved: names))
        family = ModelTraits.family(of: names[model] ?? model)
    }
}
