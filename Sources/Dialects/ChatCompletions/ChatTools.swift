import Vocabulary

/// Decodes the tools of a chat completion, and which of them may be called.
///
/// A tool is a function or takes free text. Agents (Cursor's, for one) send the other dialects' shapes here: OpenAI's
/// flat ones and Anthropic's, each of which can mean one thing only.
enum ChatTools {
    static func decode(
        _ root: JSONValue, _ context: RequestContext, into conversation: inout Conversation
    ) throws(Refusal) {
        var unheardSearch: String?
        for (index, tool) in try RequestFields.list(root, "tools").enumerated() {
            let path = "tools[\(index)]"
            if let type = tool["type"]?.text, WebSearchTool.isOpenAIs(type), tool.optional("function") == nil {
                if let allowed = context.webSearches, conversation.webSearch == nil {
                    conversation.webSearch = try WebSearchTool.responses(
                        tool, at: path, upTo: allowed, into: &conversation)
                } else {
                    if context.webSearches == nil { unheardSearch = path }
                    conversation.ignore(path)
                }
                continue
            }
            guard let tool = try self.tool(tool.expect(.object), at: path, into: &conversation) else {
                conversation.ignore(path)
                continue
            }
            conversation.tools.append(tool)
        }
        // Agents send it with their own tools whether there is one or not; alone it is what the request is about.
        if let path = unheardSearch, conversation.tools.isEmpty, !context.isCodex { throw WebSearchTool.refusal(at: path) }
        if let options = try root.optional("web_search_options")?.expect(.object) {
            guard let allowed = context.webSearches else { throw WebSearchTool.refusal(at: "web_search_options") }
            let search = try WebSearchTool.options(options, upTo: allowed, into: &conversation)
            if conversation.webSearch == nil { conversation.webSearch = search }
        }
        conversation.allowsParallelToolCalls =
            try root.optional("parallel_tool_calls")?.requireBool() ?? true
        guard let choice = root.optional("tool_choice") else { return }
        conversation.toolChoice = try toolChoice(choice, in: &conversation)
    }

    /// Nil for what the dialect's vendor would run.
    private static func tool(
        _ tool: JSONValue, at path: String, into conversation: inout Conversation
    ) throws(Refusal) -> Tool? {
        if let function = tool.optional("function") {
            try requireFunction(tool)
            return try FunctionTool.decode(function.expect(.object), at: path + ".function", into: &conversation)
        }
        if let custom = tool.optional("custom") {
            let type = try tool.required("type")
            guard try type.requireText().matches("custom") else { throw unknown(type) }
            return try CustomTool.decode(custom.expect(.object), at: path + ".custom")
        }
        // Programs that keep their settings in structures write no type as an empty one.
        guard let type = tool.optional("type"), type.text?.isEmpty != true else {
            guard tool.optional("input_schema") != nil || tool.optional("parameters") != nil else {
                throw try missing("type", of: tool)
            }
            return try FunctionTool.decode(tool, at: path, into: &conversation)
        }
        let word = try type.requireText()
        if word.matches("function") {
            guard tool.optional("name") != nil else { throw try missing("function", of: tool) }
            return try FunctionTool.decode(tool, at: path, into: &conversation)
        }
        if word.matches("custom") {
            // Anthropic's word for a function: it has a schema, and free text has none.
            if tool.optional("input_schema") != nil {
                return try FunctionTool.decode(tool, at: path, into: &conversation)
            }
            guard tool.optional("name") != nil else { throw try missing("custom", of: tool) }
            return try CustomTool.decode(tool, at: path)
        }
        if VendorTools.isVendorRun(word) { return nil }
        throw unknown(type)
    }

    private static func requireFunction(_ tool: JSONValue) throws(Refusal) {
        guard let type = tool.optional("type"), type.text?.isEmpty != true else { return }
        guard try type.requireText().matches("function") else { throw unknown(type) }
    }

    private static func unknown(_ type: JSONValue) -> Refusal {
        type.invalid("only tools of type function and custom are supported")
    }

    /// The refusal of an object that lacks a field.
    private static func missing(_ key: StaticString, of tool: JSONValue) throws(Refusal) -> Refusal {
        _ = try tool.required(key)
        return tool.invalid("Field required")
    }

    private static func toolChoice(
        _ choice: JSONValue, in conversation: inout Conversation
    ) throws(Refusal) -> ToolChoice {
        if choice.kind == .string {
            // What Mistral and Anthropic call it.
            return choice.text?.matches("any") == true ? .any : try FunctionTool.mode(choice)
        }
        let type = try choice.expect(.object).required("type")
        if try RequestFields.flag(choice, "disable_parallel_tool_use") { conversation.allowsParallelToolCalls = false }
        let words: [StaticString] = ["function", "custom", "allowed_tools", "auto", "any", "tool", "none"]
        switch try RequestFields.word(type, of: words) {
        case "auto": return .auto
        case "any": return .any
        case "none": return .none
        case "allowed_tools":
            let allowed = try choice.optional("allowed_tools")?.expect(.object) ?? choice
            var names: [JSONText] = []
            for tool in try allowed.required("tools").expect(.array).elements {
                let type = try tool.expect(.object).required("type")
                _ = try RequestFields.word(type, of: ["function", "custom"])
                names.append(try name(in: tool))
            }
            return .allowed(names, isRequired: try FunctionTool.isRequired(allowed.required("mode")))
        default: return .named(try name(in: choice))
        }
    }

    /// A tool's name, within the object of its type or flat.
    private static func name(in choice: JSONValue) throws(Refusal) -> JSONText {
        let type = try choice.required("type").requireText()
        let key: StaticString = type.matches("custom") ? "custom" : "function"
        if let inner = choice.optional(key) { return try inner.expect(.object).required("name").requireText() }
        if let name = choice.optional("name") { return try name.requireText() }
        return try choice.required(type.matches("tool") ? "name" : key).requireText()
    }
}
