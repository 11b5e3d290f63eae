import Vocabulary

/// Decodes `POST /v1/messages` and its `count_tokens`.
enum AnthropicRequest {
    static func decode(_ root: JSONValue, context: RequestContext) throws(Refusal) -> Conversation {
        try refuseThread(root)
        var conversation = Conversation(model: try RequestFields.model(root, context))
        try limits(root, into: &conversation, context)
        if let system = root.optional("system") { conversation.system = try systemTexts(system) }
        var changes = ToolChanges()
        try messages(root, &changes, into: &conversation)
        try context.history?.join(&conversation)
        try AnthropicTools.decode(root, changes, context, into: &conversation)
        try thinking(root, context, into: &conversation)
        try output(root, into: &conversation)
        if conversation.effort != nil { conversation.fields.effort = "output_config.effort" }
        if let metadata = root.optional("metadata") {
            conversation.metadata = try metadata.expect(.object).fragment
        }
        conversation.streams = try RequestFields.flag(root, "stream")
        try unsupported(root, in: &conversation)
        conversation.goOnAfterPause()
        try conversation.settle(field: "messages", countsTokens: context.countsTokens)
        return conversation
    }

    /// A thread's later requests carry only what is new, so that ignoring the field would lose the history;
    /// SDKs answer this refusal by sending the whole conversation.
    private static func refuseThread(_ root: JSONValue) throws(Refusal) {
        guard let thread = root.optional("thread") else { return }
        throw thread.invalid(
            "message threads are not supported; send the whole conversation",
            code: "thread_unsupported_request"
        )
    }

    private static func limits(
        _ root: JSONValue,
        into conversation: inout Conversation,
        _ context: RequestContext
    ) throws(Refusal) {
        if !context.countsTokens { _ = try root.required("max_tokens") }
        if let limit = root.optional("max_tokens"), limit.double == 0 {
            // The vendor takes it in requests that are not streamed, and the CLI streams all of its own.
            throw limit.invalid("0, which only warms the prompt cache, is not supported here; ask for at least one token")
        }
        conversation.sampling.maxTokens = try RequestFields.limit(root, "max_tokens")
        conversation.sampling.temperature =
            try RequestFields.number(root, "temperature", in: 0...1)?.fragment
        conversation.sampling.topP = try RequestFields.number(root, "top_p", in: 0...1)?.fragment
        if let topK = root.optional("top_k") {
            conversation.sampling.topK = JSONFragment(integer: try topK.requireInteger(in: 0...Int(Int32.max)))
        }
        if let stops = root.optional("stop_sequences") {
            conversation.sampling.stopSequences = try RequestFields.texts(stops)
        }
        if let tier = root.optional("service_tier") {
            _ = try RequestFields.word(tier, of: ["auto", "standard_only"])
            conversation.sampling.serviceTier = tier.fragment
        }
    }

    /// A system prompt is a string or text blocks.
    static func systemTexts(_ value: JSONValue) throws(Refusal) -> [JSONText] {
        if let text = value.text { return text.isEmpty ? [] : [text] }
        guard value.kind == .array else { throw value.wrongType("string or array") }
        var texts: [JSONText] = []
        for block in value.elements { texts.append(try systemText(block)) }
        return texts
    }

    private static func systemText(_ block: JSONValue) throws(Refusal) -> JSONText {
        let type = try block.expect(.object).required("type")
        guard try type.requireText().matches("text") else {
            throw type.invalid("system blocks must be of type text")
        }
        return try block.required("text").requireText()
    }

    private static func messages(
        _ root: JSONValue,
        _ changes: inout ToolChanges,
        into conversation: inout Conversation
    ) throws(Refusal) {
        let list = try root.required("messages").expect(.array)
        // Instructions that are only for the turn in which they stand.
        var passing: [Int] = []
        for message in list.elements {
            let roleValue = try message.expect(.object).required("role")
            let content = try message.required("content")
            switch try RequestFields.word(roleValue, of: ["user", "assistant", "system"]) {
            case "system":
                if let config = try message.optional("output_config")?.expect(.object) {
                    conversation.effort = try effort(config) ?? conversation.effort
                }
                let texts = try instructions(content, &changes)
                if conversation.turns.isEmpty {
                    conversation.system += texts
                } else if !texts.isEmpty {
                    if message.optional("clear_at")?.text?.matches("next_user_message") == true {
                        passing.append(conversation.turns.count)
                    }
                    conversation.turns.append(Turn(.system, texts.map(Block.text)))
                }
            case "user":
                for index in passing { conversation.turns[index].blocks = [] }
                let turn = Turn(.user, try AnthropicBlocks.blocks(content, &changes))
                if !turn.blocks.allSatisfy(\.isToolResult) { conversation.effort = nil }
                conversation.turns.append(turn)
            default:
                conversation.turns.append(Turn(.assistant, try AnthropicBlocks.blocks(content, &changes)))
            }
        }
        if conversation.turns.isEmpty { throw list.invalid("at least one message is required") }
    }

    /// The texts of an instruction among the messages, which can also add and remove tools.
    private static func instructions(
        _ content: JSONValue,
        _ changes: inout ToolChanges
    ) throws(Refusal) -> [JSONText] {
        guard content.kind == .array else { return try systemTexts(content) }
        var texts: [JSONText] = []
        for block in content.elements where try !changes.take(block) {
            texts.append(try systemText(block))
        }
        return texts
    }

    /// The vendor's own words about thinking, which its Chat Completions endpoint takes too.
    static func thinking(
        _ root: JSONValue,
        _ context: RequestContext,
        into conversation: inout Conversation
    ) throws(Refusal) {
        conversation.wantsTransformations = context.betas.contains(.thinkingBindingControls)
        guard let thinking = try root.optional("thinking")?.expect(.object) else { return }
        conversation.fields.thinking = "thinking"
        let type = try RequestFields.word(
            try thinking.required("type"), of: ["enabled", "disabled", "adaptive", "between_tools"])
        switch type {
        case "enabled":
            let budget = try thinking.required("budget_tokens").requireInteger(in: 1024...Int(Int32.max))
            conversation.thinking = .enabled(budgetTokens: budget)
        case "disabled":
            conversation.thinking = .disabled
            return try refuse(["budget_tokens", "display", "block_binding"], of: thinking, type)
        case "between_tools":
            conversation.thinking = .betweenTools
            return try refuse(["budget_tokens", "display", "block_binding"], of: thinking, type)
        default:
            conversation.thinking = .adaptive
            try refuse(["budget_tokens"], of: thinking, type)
        }
        if !context.betas.contains(.thinkingBindingControls) { try refuse(["block_binding"], of: thinking, type) }
        conversation.blockBinding = try binding(thinking, type)
        guard let display = thinking.optional("display") else { return }
        let showsUpdates = context.betas.contains(.thinkingDisplayUpdates)
        switch try display.requireString() {
        case "omitted": conversation.thinkingDisplay = .omitted
        case "summarized": conversation.thinkingDisplay = .summarized
        case "updates" where showsUpdates: conversation.thinkingDisplay = .updates
        case "highlights" where showsUpdates: conversation.thinkingDisplay = .highlights
        default: conversation.ignore("thinking.display")
        }
    }

    /// What the vendor does not take beside this type of thinking is refused in its words.
    private static func refuse(
        _ fields: [StaticString],
        of thinking: JSONValue,
        _ type: String
    ) throws(Refusal) {
        guard let field = fields.first(where: { thinking.optional($0) != nil }) else { return }
        let path = "thinking.\(type).\(field)"
        throw Refusal(.invalidRequest, "\(path): Extra inputs are not permitted", param: path)
    }

    private static func binding(_ thinking: JSONValue, _ type: String) throws(Refusal) -> BlockBinding? {
        let binding = try thinking.optional("block_binding")?.expect(.object)
        guard let behavior = binding?.optional("prefix_mismatch_behavior") else { return nil }
        guard let known = BlockBinding(rawValue: try behavior.requireString()) else {
            throw behavior.invalid("must be one of: error, drop_block")
        }
        return known
    }

    /// The format has two spellings: `output_config.format`, and `output_format` of the earlier beta.
    private static func output(
        _ root: JSONValue,
        into conversation: inout Conversation
    ) throws(Refusal) {
        let config = try root.optional("output_config")?.expect(.object)
        if let config {
            let general = try effort(config)
            // What an instruction says of this turn is already there, and wins.
            conversation.effort = conversation.effort ?? general
            if config.optional("task_budget") != nil { conversation.ignore("output_config.task_budget") }
        }
        guard let format = try (config?.optional("format") ?? root.optional("output_format"))?.expect(.object)
        else { return }
        let type = try format.required("type")
        guard try type.requireText().matches("json_schema") else {
            throw type.invalid("must be json_schema")
        }
        conversation.outputFormat = .jsonSchema(try format.required("schema").expect(.object).fragment)
    }

    private static func effort(_ config: JSONValue) throws(Refusal) -> Effort? {
        guard let effort = config.optional("effort") else { return nil }
        return try RequestFields.choice(effort, of: Effort.self)
    }

    private static func unsupported(
        _ root: JSONValue,
        in conversation: inout Conversation
    ) throws(Refusal) {
        for key: StaticString in ["mcp_servers", "container"] {
            guard let value = root.optional(key), !RequestFields.isHarmless(value) else { continue }
            throw value.invalid("is not supported here")
        }
        RequestFields.ignore(
            ["context_management", "inference_geo", "speed", "fallbacks"],
            of: root,
            in: &conversation
        )
    }
}
