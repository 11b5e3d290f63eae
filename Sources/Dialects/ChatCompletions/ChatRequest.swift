import Vocabulary

/// Decodes `POST /v1/chat/completions`.
enum ChatRequest {
    static func decode(_ root: JSONValue, context: RequestContext) throws(Refusal) -> Conversation {
        var conversation = Conversation(model: try RequestFields.model(root, context))
        try refuse(root)
        let list = try root.required("messages").expect(.array)
        conversation.turns = try ChatMessages.decode(list, into: &conversation)
        try RequestFields.sample(root, into: &conversation)
        try limits(root, into: &conversation)
        try tools(root, into: &conversation)
        try thinking(root, context, into: &conversation)
        try format(root, into: &conversation)
        conversation.streams = try RequestFields.flag(root, "stream")
        if let options = try root.optional("stream_options")?.expect(.object) {
            conversation.wantsUsageInStream = try RequestFields.flag(options, "include_usage")
        }
        if let metadata = root.optional("metadata") {
            conversation.metadata = try metadata.expect(.object).fragment
        }
        ignore(root, in: &conversation)
        conversation.giveUserLastWord()
        conversation.giveUserFirstWord()
        try conversation.settle(field: "messages")
        return conversation
    }

    /// What would change the shape of the answer, so that doing without it would not be the same answer.
    private static func refuse(_ root: JSONValue) throws(Refusal) {
        if let n = root.optional("n"), try n.requireInteger(in: 1...128) != 1 {
            throw n.invalid("only one choice for each request is supported")
        }
        for key: StaticString in ["functions", "function_call"] where root.optional(key) != nil {
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
        guard root.optional("thinking") != nil else { return }
        try AnthropicRequest.thinking(root, context, into: &conversation)
        let thinks = conversation.thinking == .adaptive || conversation.thinking == .betweenTools
        if thinks, conversation.thinkingDisplay == nil { conversation.thinkingDisplay = .summarized }
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

    private static func limits(
        _ root: JSONValue,
        into conversation: inout Conversation
    ) throws(Refusal) {
        let older = try RequestFields.limit(root, "max_tokens")
        if let newer = try RequestFields.limit(root, "max_completion_tokens") {
            (conversation.sampling.maxTokens, conversation.fields.limit) = (newer, "max_completion_tokens")
        } else {
            conversation.sampling.maxTokens = older
        }
        guard let stop = root.optional("stop") else { return }
        let stops = stop.kind == .string ? [try stop.requireText()] : try RequestFields.texts(stop)
        // The vendor takes no stop sequence that is only white space.
        for text in stops {
            if text.string.allSatisfy(\.isWhitespace) {
                conversation.ignore("stop")
            } else {
                conversation.sampling.stopSequences.append(text)
            }
        }
    }

    private static func tools(
        _ root: JSONValue,
        into conversation: inout Conversation
    ) throws(Refusal) {
        for (index, tool) in try RequestFields.list(root, "tools").enumerated() {
            try requireFunction(tool)
            let function = try tool.required("function").expect(.object)
            conversation.tools.append(
                try FunctionTool.decode(function, at: "tools[\(index)].function", into: &conversation))
        }
        conversation.allowsParallelToolCalls =
            try root.optional("parallel_tool_calls")?.requireBool() ?? true
        if let choice = root.optional("tool_choice") {
            conversation.toolChoice = try toolChoice(choice)
        }
    }

    private static func requireFunction(_ tool: JSONValue) throws(Refusal) {
        let type = try tool.expect(.object).required("type")
        guard try type.requireText().matches("function") else {
            throw type.invalid("only tools of type function are supported")
        }
    }

    private static func toolChoice(_ choice: JSONValue) throws(Refusal) -> ToolChoice {
        if choice.kind == .string { return try FunctionTool.mode(choice) }
        let type = try choice.expect(.object).required("type")
        switch try RequestFields.word(type, of: ["function", "allowed_tools"]) {
        case "function":
            let function = try choice.required("function").expect(.object)
            return .named(try function.required("name").requireText())
        default:
            let allowed = try choice.required("allowed_tools").expect(.object)
            var names: [JSONText] = []
            for tool in try allowed.required("tools").expect(.array).elements {
                try requireFunction(tool)
                let function = try tool.required("function").expect(.object)
                names.append(try function.required("name").requireText())
            }
            return .allowed(names, isRequired: try FunctionTool.isRequired(allowed.required("mode")))
        }
    }

    private static func format(
        _ root: JSONValue,
        into conversation: inout Conversation
    ) throws(Refusal) {
        guard let format = try root.optional("response_format")?.expect(.object) else { return }
        let type = try format.required("type")
        switch try RequestFields.word(type, of: ["text", "json_object", "json_schema"]) {
        case "json_object": conversation.outputFormat = .jsonObject
        case "json_schema":
            try GrammarSchema.ask(format.required("json_schema").expect(.object), in: &conversation)
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
        // Zero is a seed and `{}` a search like any other: these two ask for something whatever they hold.
        if root.optional("seed") != nil { conversation.ignore("seed") }
        if root.optional("web_search_options") != nil { conversation.ignore("web_search_options") }
        if let verbosity = root.optional("verbosity"), verbosity.text?.matches("medium") != true {
            conversation.ignore("verbosity")
        }
    }
}
