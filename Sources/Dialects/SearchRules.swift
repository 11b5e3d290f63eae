import Vocabulary

/// What a search of the web changes in a conversation.
extension Conversation {
    /// Turns a choice that is about the search alone into words: nobody knows whether the vendor lets itself be forced to
    /// use its own tool.
    mutating func settleSearch() {
        guard webSearch != nil else { return }
        switch toolChoice {
        case .named(let name) where name.string == WebSearch.name: demandSearch()
        case .any where tools.isEmpty: demandSearch()
        case .allowed(let names, let isRequired) where names.isEmpty:
            tools = []
            toolChoice = .auto
            if isRequired { demandSearch() }
        case .auto, .none, .any, .named, .allowed: break
        }
    }

    private mutating func demandSearch() {
        toolChoice = .auto
        webSearch?.isDemanded = true
        ignore("tool_choice")
    }

    /// Lets the user speak behind an answer in which the vendor has paused: its clients send that back as it is, and the
    /// CLI sends nothing that ends with the assistant's words. A call without its result would be refused there.
    mutating func goOnAfterPause() {
        guard webSearch != nil, let last = turns.last, last.role == .assistant else { return }
        var calls = 0
        var results = 0
        for case .other(let block) in last.blocks {
            if ServerToolBlock.isCall(block) { calls += 1 } else if ServerToolBlock.isResult(block) { results += 1 }
        }
        guard calls > 0, calls == results else { return }
        turns.append(Turn(.system, [.text("Go on with the answer.")]))
    }
}
