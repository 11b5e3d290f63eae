import Vocabulary

/// Decodes the content of a message.
enum AnthropicBlocks {
    /// Content is a string or an array of blocks.
    static func blocks(
        _ content: JSONValue,
        _ changes: inout ToolChanges
    ) throws(Refusal) -> [Block] {
        if let text = content.text { return text.isEmpty ? [] : [.text(text)] }
        guard content.kind == .array else { throw content.wrongType("string or array") }
        var blocks: [Block] = []
        var isWithoutActivity = true
        for value in content.elements {
            let isActivity = AgentActivity.shows(value)
            if isActivity { isWithoutActivity = false } else { blocks.append(try block(value, &changes)) }
        }
        // The vendor knows no such blocks, and has sealed what was thought beside them to another history.
        return isWithoutActivity ? blocks : blocks.filter { !$0.isThinking }
    }

    private static func block(
        _ value: JSONValue,
        _ changes: inout ToolChanges
    ) throws(Refusal) -> Block {
        let type = try value.expect(.object).required("type").requireText()
        if type.matches("text") {
            let text = try value.required("text").requireText()
            // The vendor knows by these which of its own sources a text rests on.
            let citesPages = value["citations"]?.elements.contains {
                $0["type"]?.text?.matches("web_search_result_location") == true
            }
            return citesPages == true && !text.isEmpty ? .other(Fragments.withoutCacheMarks(value)) : .text(text)
        }
        if type.matches("image") { return .image(source: try source(value)) }
        if type.matches("document") {
            _ = try source(value)
            return .document(Fragments.withoutCacheMarks(value))
        }
        if type.matches("tool_use") {
            return .toolUse(
                id: try value.required("id").requireText(),
                name: try value.required("name").requireText(),
                input: try value.required("input").expect(.object).fragment
            )
        }
        if type.matches("tool_result") { return try toolResult(value, &changes) }
        if type.matches("thinking") {
            return .thinking(
                try value.required("thinking").requireText(),
                signature: try value.required("signature").requireText()
            )
        }
        if type.matches("redacted_thinking") {
            return .redactedThinking(try value.required("data").requireText())
        }
        if type.matches("tool_reference") { return try changes.reference(value) }
        return .other(Fragments.withoutCacheMarks(value))
    }

    /// The source of an image or a document.
    static func source(_ value: JSONValue) throws(Refusal) -> JSONFragment {
        let source = try value.required("source").expect(.object)
        let type = try source.required("type").requireText()
        if type.matches("base64") {
            _ = try source.required("media_type").requireText()
            _ = try source.required("data").requireText()
        } else if type.matches("url") {
            _ = try source.required("url").requireText()
        }
        return source.fragment
    }

    private static func toolResult(
        _ value: JSONValue,
        _ changes: inout ToolChanges
    ) throws(Refusal) -> Block {
        let id = try value.required("tool_use_id").requireText()
        var content: [Block] = []
        if let blocks = value.optional("content") { content = try self.blocks(blocks, &changes) }
        return .toolResult(
            id: id,
            content: content,
            isError: try RequestFields.flag(value, "is_error")
        )
    }
}
