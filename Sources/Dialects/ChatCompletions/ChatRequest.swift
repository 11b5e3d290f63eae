import Vocabulary

/// Decodes `POST /v1/chat/completions`.
enum ChatRequest {
    static func decode(_ root: JSONValue, context: RequestContext) throws(Refusal) -> Conversation {
        if root.optional("messages") == nil, root.optional("input") != nil {
            return try ForeignBody.decode(root, context: context)
        }
        var conversation = Conversation(model: try RequestFields.model(root, context))
        try refuse(root)
        let list = try root.required("messages").expect(.array)
        if let input = root.optional("input"), !RequestFields.isHarmless(input) { conversation.ignore("input") }
        // Anthropic's place for instructions.
        if let system = root.optional("system") { conversation.system = try AnthropicRequest.systemTexts(system) }
        conversation.turns = try ChatMessages.decode(list, into: &conversation)
        try context.history?.join(&conversation)
        try RequestFields.sample(root, into: &conversation)
        try limits(root, into: &conversation)
        try ChatTools.decode(root, context, into: &conversation)
        try thinking(root, context, into: &conversation)
        try format(root, into: &conversation)
        conversation.streams = try RequestFields.flag(root, "stream")
        conversation.wantsUsageInStream = try wantsUsageInStream(root)
        if let metadata = root.optional("metadata") {
            conversation.metadata = try metadata.expect(.object).fragment
        }
        ignore(root, in: &conversation)
        conversation.giveUserLastWord()
        conversation.giveUserFirstWord()
        try conversation.settle(field: "messages")
        return conversation
    }

    static func wantsUsageInStream(_ root: JSONValue) throws(Refusal) -> Bool {
        guard let options = try root.optional("stream_options")?.expect(.object) else { return false }
        return try RequestFields.flag(options, "include_usage")
    }

    /// What would change the shape of the answer, so that doing without it would not be the same answer.
    private static func refuse(_ root: JSONValue) throws(Refusal) {
        if let n = root.optional("n"), try n.requireInteger(in: 1...128) != 1 {
            throw n.invalid("only one choice for each request is supported")
        }
        for key: StaticString in ["functions", "function_call"] {
            guard let value = root.optional(key), !asksForNothing(value) else { continue }
            throw Refusal(
                .invalidRequest,
                "\(key): is not supported; use tools and tool_choice",
                param: key.description
            )
        }
        if let audio = root.optional("audio") { throw audio.invalid("audio output is not supported") }
        for modality in try RequestFields.list(root, "modalities")
        where try !modality.requireText().matches("text") {
            throw modality.invalid("only text output is supported")
        }
    }

    /// True for no functions, and for a choice among none.
    private static func asksForNothing(_ value: JSONValue) -> Bool {
        if let word = value.text { return word.isEmpty || word.matches("none") || word.matches("auto") }
        return value.kind == .array && RequestFields.isHarmless(value)
    }

    /// Three ways of asking for thinking: OpenAI's effort, OpenRouter's object, and the vendor's own, which says most.
    private static func thinking(
        _ root: JSONValue,
        _ context: RequestContext,
        into conversation: inout Conversation
    ) throws(Refusal) {
        if let reasoning = try root.optional("reasoning")?.expect(.object) {
            try Self.reasoning(reasoning, into: &conversation)
        }
        if let effort = root.optional("reasoning_effort") {
            try RequestFields.effort(effort, named: "reasoning_effort", into: &conversation)
        }
        guard let thinking = root.optional("thinking") else { return }
        if asksPlainly(thinking) { return RequestFields.think(askedBy: "thinking", in: &conversation) }
        try AnthropicRequest.thinking(root, context, into: &conversation)
        let thinks = conversation.thinking == .adaptive || conversation.thinking == .betweenTools
        if thinks, conversation.thinkingDisplay == nil { conversation.thinkingDisplay = .summarized }
    }

    /// True for the words of other vendors' models, which need no budget.
    private static func asksPlainly(_ thinking: JSONValue) -> Bool {
        guard let type = thinking.optional("type")?.text else { return false }
        return type.matches("auto") || (type.matches("enabled") && thinking.optional("budget_tokens") == nil)
    }

    private static func reasoning(
        _ reasoning: JSONValue,
        into conversation: inout Conversation
    ) throws(Refusal) {
        if let isEnabled = try reasoning.optional("enabled")?.requireBool() {
            RequestFields.think(askedBy: "reasoning.enabled", in: &conversation)
            if !isEnabled { conversation.thinking = .disabled }
        }
        if let effort = reasoning.optional("effort") {
            try RequestFields.effort(effort, named: "reasoning.effort", into: &conversation)
        }
        if let budget = try RequestFields.limit(reasoning, "max_tokens") {
            RequestFields.think(askedBy: "reasoning.max_tokens", in: &conversation)
            conversation.thinking = .enabled(budgetTokens: budget)
        }
        if try RequestFields.flag(reasoning, "exclude") { conversation.thinkingShown = .hidden }
    }

    static func limits(
        _ root: JSONValue,
        into conversation: inout Conversation
    ) throws(Refusal) {
        let older = try RequestFields.limit(root, "max_tokens")
        if let newer = try RequestFields.limit(root, "max_completion_tokens") {
            (conversation.sampling.maxTokens, conversation.fields.limit) = (newer, "max_completion_tokens")
        } else {
            conversation.sampling.maxTokens = older
        }
        // The second is Anthropic's name for it.
        for key: StaticString in ["stop", "stop_sequences"] {
            guard let stop = root.optional(key) else { continue }
            let stops = stop.kind == .string ? [try stop.requireText()] : try RequestFields.texts(stop)
            // The vendor takes no stop sequence that is only white space.
            for text in stops where !text.isEmpty {
                if text.string.allSatisfy(\.isWhitespace) {
                    conversation.ignore(key.description)
                } else {
                    conversation.sampling.stopSequences.append(text)
                }
            }
        }
    }

    static func format(
        _ root: JSONValue,
        into conversation: inout Conversation
    ) throws(Refusal) {
        guard let value = root.optional("response_format"), value.text?.isEmpty != true else { return }
        let format = try value.expect(.object)
        let type = try format.required("type")
        switch try RequestFields.word(type, of: ["text", "json_object", "json_schema"]) {
        case "json_object":
            // Other servers of this dialect take a schema here.
            guard format.optional("schema") != nil else { return conversation.outputFormat = .jsonObject }
            try GrammarSchema.ask(format, in: &conversation)
        case "json_schema":
            // Without an object of its own it is as in Responses.
            let isFlat = format.optional("json_schema") == nil && format.optional("schema") != nil
            try GrammarSchema.ask(isFlat ? format : format.required("json_schema").expect(.object), in: &conversation)
        default: break
        }
    }

    private static func ignore(_ root: JSONValue, in conversation: inout Conversation) {
        RequestFields.ignore(
            [
                "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs",
                "prediction", "store",
            ],
            of: root,
            in: &conversation
        )
        // Zero is a seed like any other.
        if root.optional("seed") != nil { conversation.ignore("seed") }
        if let verbosity = root.optional("verbosity"), verbosity.text?.matches("medium") != true {
            conversation.ignore("verbosity")
        }
    }
}
