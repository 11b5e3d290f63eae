import Vocabulary

/// Decodes the tools of a Messages request, and which of them may be called.
enum AnthropicTools {
    static func decode(
        _ root: JSONValue,
        _ changes: ToolChanges,
        _ context: RequestContext,
        into conversation: inout Conversation
    ) throws(Refusal) {
        var names: Set<String> = []
        for (index, tool) in try RequestFields.list(root, "tools").enumerated() {
            if let type = try tool.expect(.object).optional("type")?.text, WebSearchTool.isVendors(type) {
                try search(tool, at: "tools[\(index)]", context, into: &conversation)
                continue
            }
            if let type = try tool.expect(.object).optional("type"),
                try !type.requireText().matches("custom")
            {
                throw type.invalid(
                    "tools of type \(try type.requireString()) are not supported; "
                        + "only custom ones, with a name and an input_schema, and web_search_20250305 and later are"
                )
            }
            let name = try tool.required("name").requireText()
            let schema = try tool.required("input_schema").expect(.object)
            names.insert(name.string)
            guard changes.offer(name.string, isDeferred: try RequestFields.flag(tool, "defer_loading"))
            else { continue }
            conversation.tools.append(
                Tool(
                    name: name,
                    description: try tool.optional("description")?.requireText(),
                    schema: schema.fragment
                )
            )
            if tool.optional("strict")?.bool == true { conversation.ignore("tools.strict") }
            if tool.optional("input_examples") != nil { conversation.ignore("tools.input_examples") }
        }
        try changes.check(names)
        try choice(root, into: &conversation)
    }

    private static func search(
        _ tool: JSONValue, at path: String, _ context: RequestContext, into conversation: inout Conversation
    ) throws(Refusal) {
        guard let allowed = context.webSearches else { throw WebSearchTool.refusal(at: path) }
        guard conversation.webSearch == nil else { throw tool.invalid("only one search is supported") }
        conversation.webSearch = try WebSearchTool.messages(tool, at: path, upTo: allowed)
    }

    private static func choice(
        _ root: JSONValue,
        into conversation: inout Conversation
    ) throws(Refusal) {
        guard let choice = try root.optional("tool_choice")?.expect(.object) else { return }
        let type = try choice.required("type")
        switch try RequestFields.word(type, of: ["auto", "any", "none", "tool"]) {
        case "any": conversation.toolChoice = .any
        case "none": conversation.toolChoice = .none
        case "tool": conversation.toolChoice = .named(try choice.required("name").requireText())
        default: conversation.toolChoice = .auto
        }
        conversation.allowsParallelToolCalls =
            try !RequestFields.flag(choice, "disable_parallel_tool_use")
    }
}

/// What the messages say about the tools.
///
/// The vendor keeps a tool with `defer_loading` from the model until a tool's result or an instruction names
/// it, and takes tools away where an instruction says so. The CLI knows one list of tools for the whole
/// conversation: it gets what is there at its end.
struct ToolChanges {
    private var isOffered: [String: Bool] = [:]
    private var names: [JSONValue] = []

    /// Takes a `tool_reference` within a tool's result, and tells the model what the vendor would.
    mutating func reference(_ block: JSONValue) throws(Refusal) -> Block {
        let name = try block.required("tool_name")
        let text = try name.requireString()
        note(name, text, true)
        return .text(JSONText("The tool \(text) is loaded and can be called now."))
    }

    /// Takes a `tool_addition` or `tool_removal` of an instruction; false when the block is neither.
    mutating func take(_ block: JSONValue) throws(Refusal) -> Bool {
        let type = try block.expect(.object).required("type").requireText()
        let isAddition = type.matches("tool_addition")
        guard isAddition || type.matches("tool_removal") else { return false }
        let tool = try block.required("tool").expect(.object)
        _ = try RequestFields.word(try tool.required("type"), of: ["tool_reference"])
        let name = try tool.required("name")
        note(name, try name.requireString(), isAddition)
        return true
    }

    private mutating func note(_ value: JSONValue, _ name: String, _ isAddition: Bool) {
        isOffered[name] = isAddition
        names.append(value)
    }

    /// True when the model may call the tool by now.
    func offer(_ name: String, isDeferred: Bool) -> Bool { isOffered[name] ?? !isDeferred }

    /// Refuses, as the vendor does, what names a tool that the request does not bring.
    func check(_ tools: Set<String>) throws(Refusal) {
        for value in names where !tools.contains(try value.requireString()) {
            throw value.invalid("there is no tool of this name in tools")
        }
    }
}
