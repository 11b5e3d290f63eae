import Vocabulary

/// Function tools, which OpenAI's two dialects describe alike.
enum FunctionTool {
    /// A tool from the object at `path` that holds `name`, `description` and `parameters`; none means no arguments.
    ///
    /// In place of `parameters` it may have `input_schema`, Anthropic's name for them.
    static func decode(
        _ function: JSONValue,
        at path: String,
        into conversation: inout Conversation
    ) throws(Refusal) -> Tool {
        if function.optional("strict")?.bool == true { conversation.ignore("tools.strict") }
        let parameters = function.optional("parameters") ?? function.optional("input_schema")
        return Tool(
            name: try function.required("name").requireText(),
            description: try function.optional("description")?.requireText(),
            schema: try parameters?.expect(.object).fragment
                ?? JSONFragment("{\"type\":\"object\",\"properties\":{}}"),
            path: path
        )
    }

    /// A tool choice that is a word; no word leaves it to the model.
    static func mode(_ choice: JSONValue) throws(Refusal) -> ToolChoice {
        if choice.text?.isEmpty == true { return .auto }
        return switch try RequestFields.word(choice, of: ["auto", "none", "required"]) {
        case "none": .none
        case "required": .any
        default: .auto
        }
    }

    /// Whether one of the allowed tools must be called.
    static func isRequired(_ mode: JSONValue) throws(Refusal) -> Bool {
        try RequestFields.word(mode, of: ["auto", "required"]) == "required"
    }
}
