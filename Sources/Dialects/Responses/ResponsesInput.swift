import Vocabulary

/// Decodes the input of a response: a string or items, among them whole output items of earlier answers.
///
/// A history may hold items of another provider's answers, and whoever keeps them sends them again with every request:
/// what means nothing here is left out and named, never refused.
struct ResponsesInput {
    /// The request's tools; items bring more of them.
    var tools = ResponsesTools()
    private let summaries: (any SummarySeal)?
    private var turns = ResponsesTurns()
    private var foreign = ForeignItems()

    init(_ summaries: (any SummarySeal)?) { self.summaries = summaries }

    /// The turns of the stored items and the input; instructions before the first of them go to the system prompt.
    mutating func decode(
        _ input: JSONValue,
        _ stored: ItemLookup,
        into conversation: inout Conversation
    ) throws(Refusal) -> [Turn] {
        // What a summary took the place of has been said already.
        let start = stored.history.lastIndex { $0["type"]?.text?.matches("compaction") == true } ?? 0
        for item in stored.history[start...] { foreign.note(item) }
        for item in input.elements { foreign.note(item) }
        for item in stored.history[start...] { try decode(item: item, &conversation) }
        if let text = input.text {
            turns.append(.user, [.text(text)])
            return turns.list
        }
        guard input.kind == .array else { throw input.wrongType("string or array") }
        var isEmpty = true
        for item in input.elements {
            isEmpty = false
            // Only what stands at the end is asked for: earlier requests that were stored end so too.
            conversation.isCompaction = item["type"]?.text?.matches("compaction_trigger") == true
            let item = try item.isReference ? stored.item(for: item) : item
            try decode(item: item.expect(.object), &conversation)
        }
        if isEmpty { throw input.invalid("at least one item is required") }
        return turns.list
    }

    private mutating func decode(item: JSONValue, _ conversation: inout Conversation) throws(Refusal) {
        let type = try item.optional("type")?.requireString() ?? "message"
        switch type {
        case "message": try message(item, &conversation)
        case "function_call":
            let arguments = try item.optional("arguments")?.requireText() ?? "{}"
            try call(item, input: Fragments.arguments(arguments))
        case "custom_tool_call":
            try call(item, input: CustomTool.arguments(item.optional("input")?.requireText() ?? ""))
        case "function_call_output", "custom_tool_call_output":
            let content = try ResponsesContent.blocks(item.optional("output"), &conversation)
            turns.result(.toolResult(id: try item.required("call_id").requireText(), content: content, isError: false))
        case "tool_search_call", "tool_search_output", "additional_tools": try more(item, type, &conversation)
        case "reasoning": try reasoning(item, &conversation)
        case "compaction_trigger": break
        case "compaction", "compaction_summary", "context_compaction": summary(item, type, &conversation)
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

    /// Items that bring more tools, alone or as what a search has found.
    private mutating func more(
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
        let added = try RequestFields.list(item, "tools")
        try tools.add(added, later: true, into: &conversation)
        guard type == "tool_search_output", let id else { return }
        let found = tools.names(of: added).map(\.string)
        let text =
            found.isEmpty
            ? "No tool was found." : "These tools were found and can be called from now on: \(found.joined(separator: ", "))"
        turns.result(.toolResult(id: id, content: [.text(JSONText(text))], isError: false))
    }

    /// A summary takes the place of what it was made of; one that was sealed elsewhere cannot be read.
    private mutating func summary(_ item: JSONValue, _ type: String, _ conversation: inout Conversation) {
        guard let sealed = item.optional("encrypted_content")?.text, let text = summaries?.open(sealed.string) else {
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
