import Vocabulary

/// Custom tools, whose input is free text; OpenAI's two dialects describe them nearly alike.
enum CustomTool {
    /// A tool from the object at `path` that holds `name`, `description` and `format`.
    ///
    /// Nobody makes the model keep to a grammar here: it is told in the description.
    static func decode(_ custom: JSONValue, at path: String) throws(Refusal) -> Tool {
        var parts: [JSONText] = []
        if let description = try custom.optional("description")?.requireText(), !description.isEmpty {
            parts.append(description)
        }
        if let format = try custom.optional("format")?.expect(.object) { parts += try grammar(format) }
        parts.append("The text goes into `input` as it stands: neither JSON nor a code fence around it.")
        var tool = Tool(
            name: try custom.required("name").requireText(),
            description: JSONText.joined(parts, separator: "\n\n"),
            schema: JSONFragment(
                """
                {"type":"object","properties":{"input":{"type":"string"}},"required":["input"],\
                "additionalProperties":false}
                """),
            path: path
        )
        tool.form = .freeText
        return tool
    }

    /// The arguments of a call with this text, as the model wrote them.
    static func arguments(_ input: JSONText) -> JSONFragment {
        var writer = JSONWriter()
        writer.object { $0.member("input", input) }
        return JSONFragment(validated: writer.bytes[...])
    }

    /// The grammar in words; in Chat Completions it stands one level deeper.
    private static func grammar(_ format: JSONValue) throws(Refusal) -> [JSONText] {
        let type = try format.required("type")
        guard try RequestFields.word(type, of: ["text", "grammar"]) == "grammar" else { return [] }
        let grammar = try format.optional("grammar")?.expect(.object) ?? format
        let syntax = try RequestFields.word(grammar.required("syntax"), of: ["lark", "regex"])
        let definition = try grammar.required("definition").requireText()
        let lead =
            syntax == "lark"
            ? JSONText("The text must follow this Lark grammar:") : JSONText("The text must match this regular expression:")
        return [JSONText.joined([lead, definition], separator: "\n")]
    }
}
