import Vocabulary

/// Decodes `POST /v1/responses` and its `input_tokens`.
enum ResponsesRequest {
    static func decode(
        _ root: JSONValue,
        context: RequestContext,
        stored: ItemLookup
    ) throws(Refusal) -> Conversation {
        var conversation = Conversation(model: try RequestFields.model(root, context))
        try refuse(root, context)
        if let instructions = root.optional("instructions") {
            let text = try instructions.requireText()
            if !text.isEmpty { conversation.system = [text] }
        }
        try items(root, context, stored, into: &conversation)
        try RequestFields.sample(root, into: &conversation)
        conversation.sampling.maxTokens = try RequestFields.limit(root, "max_output_tokens")
        conversation.fields.limit = "max_output_tokens"
        try reasoning(root, into: &conversation)
        try format(root, into: &conversation)
        for (index, item) in try RequestFields.list(root, "include").enumerated() {
            if try item.requireText().matches("reasoning.encrypted_content") {
                conversation.wantsSealedThinking = true
            } else if item.text?.matches("web_search_call.action.sources") == true, conversation.webSearch != nil {
                conversation.wantsSearchSources = true
            } else {
                conversation.ignore("include[\(index)]")
            }
        }
        conversation.streams = try RequestFields.flag(root, "stream")
        RequestFields.ignore(
            ["context_management", "max_tool_calls", "top_logprobs"],
            of: root,
            in: &conversation
        )
        try storage(root, context, into: &conversation)
        conversation.echo = try ResponsesEcho.members(root, &conversation)
        if !context.countsTokens { conversation.giveUserLastWord() }
        conversation.giveUserFirstWord()
        try conversation.settle(field: "input", countsTokens: context.countsTokens)
        return conversation
    }

    /// What would leave out a part of the conversation, or answer in another way than asked.
    private static func refuse(_ root: JSONValue, _ context: RequestContext) throws(Refusal) {
        if context.history == nil, let conversation = root.optional("conversation") {
            throw conversation.invalid("is not supported; use previous_response_id, or send the whole conversation")
        }
        if let prompt = root.optional("prompt") {
            throw prompt.invalid("prompt templates are not supported; send instructions and input")
        }
        if let background = root.optional("background"), try background.requireBool() {
            throw background.invalid("background responses are not supported")
        }
    }

    /// As at the vendor a response is stored unless the request says otherwise; but what is said in a conversation with a
    /// name is stored there: a response that went on from it by its id would miss what came before.
    private static func storage(
        _ root: JSONValue,
        _ context: RequestContext,
        into conversation: inout Conversation
    ) throws(Refusal) {
        let asked = try root.optional("store")?.requireBool()
        let isNamed = context.history != nil
        conversation.isStored = context.storesResponses && !context.countsTokens && asked != false && !isNamed
        if asked == true, !context.storesResponses { conversation.ignore("store") }
    }

    /// The tools and what was said: items of the conversation bring tools as well, and name those of the request.
    private static func items(
        _ root: JSONValue, _ context: RequestContext, _ stored: ItemLookup,
        into conversation: inout Conversation
    ) throws(Refusal) {
        conversation.isCodex = context.isCodex
        conversation.allowsParallelToolCalls =
            try root.optional("parallel_tool_calls")?.requireBool() ?? true
        var input = ResponsesInput(context.summaries, isNamed: context.history != nil)
        input.tools.searches = context.webSearches
        try input.tools.addOwn(RequestFields.list(root, "tools"), into: &conversation)
        conversation.turns = try input.decode(root.required("input"), stored, into: &conversation)
        try context.history?.join(&conversation)
        conversation.tools = input.tools.list
        conversation.system += input.tools.notes
        // Agents send it with their own tools whether there is one or not; alone it is what the request is about.
        if let path = input.tools.unheardSearch, input.tools.list.isEmpty, !context.isCodex {
            throw WebSearchTool.refusal(at: path)
        }
        if let choice = root.optional("tool_choice") { try self.choice(choice, input.tools, into: &conversation) }
        if conversation.isCompaction { Compaction.ask(of: &conversation) }
    }

    private static func choice(
        _ choice: JSONValue, _ tools: ResponsesTools, into conversation: inout Conversation
    ) throws(Refusal) {
        if choice.kind == .object, let type = choice.optional("type")?.text, WebSearchTool.isOpenAIs(type) {
            guard conversation.webSearch != nil else { throw WebSearchTool.refusal(at: "tool_choice") }
            return conversation.toolChoice = .named(JSONText(WebSearch.name))
        }
        conversation.toolChoice = try tools.choice(choice)
        guard case .allowed = conversation.toolChoice, let allowed = choice.optional("tools") else { return }
        let isAllowed = allowed.elements.contains { $0["type"]?.text.map(WebSearchTool.isOpenAIs) == true }
        if !isAllowed { conversation.webSearch = nil }
    }

    /// Asking for an effort or for a summary both ask for thinking.
    private static func reasoning(
        _ root: JSONValue,
        into conversation: inout Conversation
    ) throws(Refusal) {
        guard let reasoning = try root.optional("reasoning")?.expect(.object) else { return }
        if let summary = reasoning.optional("summary") {
            // Codex has the word for those who want to read none.
            if try RequestFields.word(summary, of: ["auto", "concise", "detailed", "none"]) != "none" {
                RequestFields.think(askedBy: "reasoning.summary", in: &conversation)
            }
        }
        if let effort = reasoning.optional("effort") {
            try RequestFields.effort(effort, named: "reasoning.effort", into: &conversation)
        }
    }

    private static func format(
        _ root: JSONValue,
        into conversation: inout Conversation
    ) throws(Refusal) {
        guard let text = try root.optional("text")?.expect(.object) else { return }
        if let verbosity = text.optional("verbosity"),
            try RequestFields.word(verbosity, of: ["low", "medium", "high"]) != "medium"
        {
            conversation.ignore("text.verbosity")
        }
        guard !conversation.isCompaction, let format = try text.optional("format")?.expect(.object) else { return }
        let type = try format.required("type")
        switch try RequestFields.word(type, of: ["text", "json_object", "json_schema"]) {
        case "json_object": conversation.outputFormat = .jsonObject
        case "json_schema": try GrammarSchema.ask(format, in: &conversation)
        default: break
        }
    }
}
