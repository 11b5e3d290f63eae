import Vocabulary

/// Decodes the input of a response: a string or items, among them whole output items of earlier answers.
///
/// A history may hold items of another provider's answers, and whoever keeps them sends them again with every request:
/// what means nothing here is left out and named, never refused.
struct ResponsesInput {
    /// The request's tools; items bring more of them.
    var tools = ResponsesTools()
    private let summaries: (any SummarySeal)?
    /// True where what was said is kept under a name, with all that tools did.
    private let isNamed: Bool
    private var turns = ResponsesTurns()
    private var foreign = ForeignItems()

    init(_ summaries: (any SummarySeal)?, isNamed: Bool = false) {
        self.summaries = summaries
        self.isNamed = isNamed
    }

    /// The turns of the stored items and the input; instructions before the first of them go to the system prompt.
    mutating func decode(
        _ input: JSONValue,
        _ stored: ItemLookup,
        into conversation: inout Conversation
    ) throws(Refusal) -> [Turn] {
        let start = beginning(of: stored.history)
        for item in stored.history[start...] { foreign.note(item) }
        for item in input.elements { foreign.note(item) }
        for item in stored.history[..<start] { addTools(of: item, &conversation) }
        for item in stored.history[start...] { try decode(item: item, at: "input", &conversation) }
        if let text = input.text {
            turns.append(.user, [.text(text)])
            return turns.list
        }
        guard input.kind == .array else { throw input.wrongType("string or array") }
        var count = 0
        for item in input.elements {
            defer { count += 1 }
            // Only what stands at the end is asked for: earlier requests that were stored end so too.
            conversation.isCompaction = item["type"]?.text?.matches("compaction_trigger") == true
            let item = try item.isReference ? stored.item(for: item) : item
            try decode(item: item.expect(.object), at: "input[\(count)]", &conversation)
        }
        if count == 0 { throw input.invalid("at least one item is required") }
        return turns.list
    }

    /// Where the history begins: at the newest summary that can be read, since it holds what was said before.
    private func beginning(of history: [JSONValue]) -> Int {
        history.lastIndex { item in
            item["type"]?.text?.matches("compaction") == true && opened(item) != nil
        } ?? 0
    }

    private func opened(_ item: JSONValue) -> String? {
        item.optional("encrypted_content")?.text.flatMap { summaries?.open($0.string) }
    }

    /// What an item brought is still offered when the item itself has been summed up.
    private mutating func addTools(of item: JSONValue, _ conversation: inout Conversation) {
        guard let type = item["type"]?.text, type.matches("additional_tools") || type.matches("tool_search_output") else {
            return
        }
        tools.addFound(item["tools"].map { Array($0.elements) } ?? [], into: &conversation)
    }

    private mutating func decode(
        item: JSONValue, at path: String, _ conversation: inout Conversation
    ) throws(Refusal) {
        let type = try item.optional("type")?.requireString() ?? "message"
        switch type {
        case "message": try message(item, &conversation)
        case "function_call":
            let arguments = try item.optional("arguments")?.requireText() ?? "{}"
            try call(item, input: Fragments.arguments(arguments))
        case "custom_tool_call":
            try call(item, input: CustomTool.arguments(item.optional("input")?.requireText() ?? ""))
        case "function_call_output", "custom_tool_call_output":
            let content = try ResponsesContent.result(item.optional("output"), &conversation)
            turns.result(.toolResult(id: try item.required("call_id").requireText(), content: content, isError: false))
        case "additional_tools":
            try tools.add(RequestFields.list(item, "tools"), at: path + ".tools", into: &conversation)
        case "tool_search_call", "tool_search_output": try search(item, type, &conversation)
        case "reasoning": try reasoning(item, &conversation)
        case "compaction_trigger": break
        case "compaction", "compaction_summary", "context_compaction": summary(item, type, &conversation)
        case "mcp_call" where ResponsesAgentCall.isOwn(item): agentCall(item)
        default: foreign.decode(item, type, into: &turns, &conversation)
        }
    }

    private mutating func call(_ item: JSONValue, input: JSONFragment) throws(Refusal) {
        let name = NamespacedName(
            try item.required("name").requireText(), in: try item.optional("namespace")?.requireText())
        turns.assistant([
            .toolUse(id: try item.required("call_id").requireText(), name: tools.name(of: name), input: input)
        ])
    }

    /// A call of one of the CLI's own tools. The process that made it knows more of it, and so does a conversation with a
    /// name; for others it is what is left of it.
    private mutating func agentCall(_ item: JSONValue) {
        guard !isNamed, let (call, result) = ResponsesAgentCall.blocks(of: item) else { return }
        turns.assistant([call])
        turns.result(result)
    }

    /// A search for tools and what it found.
    private mutating func search(
        _ item: JSONValue, _ type: String, _ conversation: inout Conversation
    ) throws(Refusal) {
        // A search that the vendor ran has no caller who waits for its result.
        let id = try item.optional("call_id")?.requireText()
        if type == "tool_search_call" {
            guard let id else { return conversation.ignore("input.\(type)") }
            let arguments = item.optional("arguments")
            let input = arguments?.text.map(Fragments.arguments) ?? arguments?.fragment ?? JSONFragment("{}")
            return turns.assistant([.toolUse(id: id, name: tools.searchName, input: input)])
        }
        let found = tools.addFound(try RequestFields.list(item, "tools"), into: &conversation)
        guard let id else { return }
        turns.result(.toolResult(id: id, content: [.text(found)], isError: false))
    }

    /// A summary takes the place of what it was made of; one that was sealed elsewhere cannot be read.
    private mutating func summary(_ item: JSONValue, _ type: String, _ conversation: inout Conversation) {
        guard let text = opened(item) else {
            return conversation.ignore("input.\(type)")
        }
        turns.append(.user, [Compaction.block(text)])
    }

    private mutating func message(_ item: JSONValue, _ conversation: inout Conversation) throws(Refusal) {
        let role = try item.required("role")
        let blocks = try ResponsesContent.blocks(item.optional("content"), &conversation)
        switch try RequestFields.word(role, of: ["user", "assistant", "system", "developer"]) {
        case "user": turns.append(.user, blocks)
        case "assistant": turns.assistant(blocks)
        default:
            let texts = try Self.texts(of: blocks, item)
            if turns.list.isEmpty {
                conversation.system += texts
            } else if !texts.isEmpty {
                turns.append(.system, texts.map(Block.text))
            }
        }
    }

    private static func texts(of blocks: [Block], _ item: JSONValue) throws(Refusal) -> [JSONText] {
        var texts: [JSONText] = []
        for block in blocks {
            guard case .text(let text) = block else {
                throw item.invalid("only text is supported in system and developer messages")
            }
            texts.append(text)
        }
        return texts
    }

    /// Thinking can be sent back only with the vendor's seal; a summary without one is left out and named.
    private mutating func reasoning(_ item: JSONValue, _ conversation: inout Conversation) throws(Refusal) {
        var summary: [JSONText] = []
        for part in try RequestFields.list(item, "summary") {
            summary.append(try part.expect(.object).required("text").requireText())
        }
        guard let sealed = try item.optional("encrypted_content")?.requireText(),
            let block = SealedThinking.block(
                sealed: sealed,
                summary: JSONText.joined(summary, separator: "")
            )
        else {
            conversation.ignore("input.reasoning")
            return
        }
        turns.assistant([block])
    }
}
