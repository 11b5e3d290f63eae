import Vocabulary

/// What must hold for a conversation whatever dialect it came in.
///
/// The CLI would repair each of these silently (a made-up tool result, a dropped one, "(no content)"), so
/// that the model answered something else than it was asked; the vendors refuse them, and so do we.
extension Conversation {
    /// Refuses a conversation that cannot be answered, and drops what says nothing.
    ///
    /// The vendor takes neither empty texts nor empty messages. `field` is the request's list of messages.
    mutating func settle(field: String, countsTokens: Bool = false) throws(Refusal) {
        settleSearch()
        try checkToolNames()
        try checkToolChoice()
        if !countsTokens {
            try checkEnd(field)
            // Only what Responses calls its input is a list of items, in whatever order.
            let isItems = field == "input"
            try AnsweredCalls.settle(&turns, field: field, takesLateResults: isItems)
            turns.removeAll { $0.blocks.isEmpty }
            if isItems { giveUserLastWord() }
            try checkEnd(field)
        }
        for index in turns.indices where turns[index].blocks.contains(where: \.holdsEmptyText) {
            turns[index].blocks = turns[index].blocks.compactMap(\.withoutEmptyText)
        }
        turns.removeAll { $0.blocks.isEmpty }
        system.removeAll { $0.isEmpty }
    }

    private func checkEnd(_ field: String) throws(Refusal) {
        guard let last = turns.last(where: { $0.role != .system }) else {
            throw Refusal(.invalidRequest, "\(field): at least one user message is required", param: field)
        }
        // An instruction at the end reaches the vendor as the user's marked text.
        if turns.last?.role == .system, last.role == .assistant { return }
        guard last.role == .user else {
            throw Refusal(
                .invalidRequest,
                "\(field): the conversation must end with a user message or a tool result; "
                    + "prefilling the assistant's answer is not supported",
                param: field
            )
        }
        guard last.blocks.contains(where: \.saysSomething) else {
            throw Refusal(
                .invalidRequest,
                "\(field): the last user message must have non-empty content",
                param: field
            )
        }
    }

    private func checkToolNames() throws(Refusal) {
        var seen: Set<String> = []
        for (index, tool) in tools.enumerated() {
            let name = tool.name.string
            let path = (tool.path ?? "tools[\(index)]") + ".name"
            guard name.isName(ofAtMost: 128) else {
                throw Refusal(
                    .invalidRequest,
                    "\(path): must match ^[a-zA-Z0-9_-]{1,128}$",
                    param: path
                )
            }
            guard seen.insert(name).inserted else {
                throw Refusal(.invalidRequest, "\(path): tool names must be unique", param: path)
            }
        }
    }

    private func checkToolChoice() throws(Refusal) {
        let names: [JSONText]
        switch toolChoice {
        case .auto, .none: return
        case .any: names = []
        case .named(let name): names = [name]
        case .allowed(let allowed, _): names = allowed
        }
        guard !tools.isEmpty else {
            throw Refusal(
                .invalidRequest,
                "tool_choice: is only allowed when tools are given",
                param: "tool_choice"
            )
        }
        let known = Set(tools.map(\.name.string))
        for name in names.map(\.string) where !known.contains(name) {
            throw Refusal(
                .invalidRequest,
                "tool_choice: there is no tool named \(name)",
                param: "tool_choice"
            )
        }
    }
}

extension Block {
    /// True for a text of no character at all, which the vendor does not take.
    var isEmptyText: Bool {
        if case .text(let text) = self { text.isEmpty } else { false }
    }

    /// True for such a text and for a tool's result with one in it.
    fileprivate var holdsEmptyText: Bool {
        guard case .toolResult(_, let content, _) = self else { return isEmptyText }
        return content.contains(where: \.isEmptyText)
    }

    /// What is left without them.
    fileprivate var withoutEmptyText: Block? {
        guard case .toolResult(let id, let content, let isError) = self else { return isEmptyText ? nil : self }
        return .toolResult(id: id, content: content.filter { !$0.isEmptyText }, isError: isError)
    }

    /// False for text of nothing but white space, to which the CLI would not answer.
    fileprivate var saysSomething: Bool {
        guard case .text(let text) = self else { return true }
        // Nearly every text is told from white space by its first byte, without making a string of it.
        if let first = text.escaped.first, first > 0x20, first < 0x80, first != UInt8(ascii: "\\") {
            return true
        }
        return !text.string.allSatisfy(\.isWhitespace)
    }
}
