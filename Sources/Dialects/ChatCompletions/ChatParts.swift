import Vocabulary

/// Decodes the parts of a chat message's content.
///
/// Beside the dialect's own parts those of Responses and of Messages are taken: agents that speak several dialects mix
/// them up, and each has one meaning only.
enum ChatParts {
    /// What a user says, or a tool answers: a string or parts; nothing at all says nothing.
    static func user(_ content: JSONValue?) throws(Refusal) -> [Block] {
        guard let content else { return [] }
        if let text = content.text { return text.isEmpty ? [] : [.text(text)] }
        guard content.kind == .array else { throw content.wrongType("string or array") }
        var blocks: [Block] = []
        for part in content.elements { blocks.append(try userPart(part)) }
        return blocks
    }

    /// What a user says, with the results of tools before the rest, as Messages has them.
    static func userAndResults(_ content: JSONValue?) throws(Refusal) -> (results: [Block], rest: [Block]) {
        guard let content, content.kind == .array else { return ([], try user(content)) }
        var (results, rest): ([Block], [Block]) = ([], [])
        for part in content.elements {
            if try part.expect(.object).required("type").requireText().matches("tool_result") {
                results.append(try toolResult(part))
            } else {
                rest.append(try userPart(part))
            }
        }
        return (results, rest)
    }

    private static func userPart(_ part: JSONValue) throws(Refusal) -> Block {
        if let text = try text(part) { return .text(text) }
        let type = try part.expect(.object).required("type")
        switch try type.requireString() {
        case "image_url":
            let image = try part.required("image_url")
            let url = image.kind == .object ? try image.required("url") : image
            return try Attachment.image(url: url)
        case "input_image":
            return try Attachment.image(of: part)
        case "image": return .image(source: try AnthropicBlocks.source(part))
        case "file": return try Attachment.file(of: part.required("file").expect(.object))
        case "input_file": return try Attachment.file(of: part)
        case "document":
            _ = try AnthropicBlocks.source(part)
            return .document(Fragments.withoutCacheMarks(part))
        case "input_audio": throw type.invalid("audio input is not supported; send its transcript as text")
        default: throw type.invalid("must be one of: text, image_url, file")
        }
    }

    private static func toolResult(_ part: JSONValue) throws(Refusal) -> Block {
        .toolResult(
            id: try part.required("tool_use_id").requireText(),
            content: try user(part.optional("content")),
            isError: try RequestFields.flag(part, "is_error")
        )
    }

    /// What the model said: a string or parts, among them calls and thinking.
    static func assistant(
        _ content: JSONValue?, into conversation: inout Conversation
    ) throws(Refusal) -> [Block] {
        guard let content else { return [] }
        if let text = content.text { return text.isEmpty ? [] : [.text(text)] }
        guard content.kind == .array else { throw content.wrongType("string or array") }
        var blocks: [Block] = []
        for part in content.elements {
            if let block = try assistantPart(part, into: &conversation) { blocks.append(block) }
        }
        return blocks
    }

    private static func assistantPart(
        _ part: JSONValue, into conversation: inout Conversation
    ) throws(Refusal) -> Block? {
        if let text = try text(part) { return .text(text) }
        let type = try part.expect(.object).required("type")
        switch try type.requireString() {
        case "tool_use":
            return .toolUse(
                id: try part.required("id").requireText(),
                name: try part.required("name").requireText(),
                input: try part.optional("input")?.expect(.object).fragment ?? JSONFragment("{}")
            )
        case "thinking", "reasoning": return try thinking(part, into: &conversation)
        case "redacted_thinking": return .redactedThinking(try part.required("data").requireText())
        default: throw type.invalid("must be one of: text, refusal, tool_use, thinking, redacted_thinking, reasoning")
        }
    }

    /// Thinking can be sent back only with the vendor's signature; without one it is left out and named.
    private static func thinking(
        _ part: JSONValue, into conversation: inout Conversation
    ) throws(Refusal) -> Block? {
        let type = try part.required("type").requireText()
        let isThinking = type.matches("thinking")
        guard let signature = try part.optional("signature")?.requireText(), !signature.isEmpty,
            let text = try (part.optional("thinking") ?? part.optional("text"))?.requireText()
        else {
            conversation.ignore(isThinking ? "messages.content.thinking" : "messages.content.reasoning")
            return nil
        }
        return .thinking(text, signature: signature)
    }

    /// Content that is a string or parts of text.
    static func texts(_ content: JSONValue?) throws(Refusal) -> [JSONText] {
        guard let content else { return [] }
        if let text = content.text { return text.isEmpty ? [] : [text] }
        guard content.kind == .array else { throw content.wrongType("string or array") }
        var texts: [JSONText] = []
        for part in content.elements {
            guard let text = try text(part) else {
                throw try part.required("type").invalid("only text parts are supported here")
            }
            texts.append(text)
        }
        return texts
    }

    /// The text of a part that is text; nil for others.
    private static func text(_ part: JSONValue) throws(Refusal) -> JSONText? {
        let type = try part.expect(.object).required("type").requireText()
        if type.matches("text") || type.matches("input_text") || type.matches("output_text") {
            return try part.required("text").requireText()
        }
        return type.matches("refusal") ? try part.required("refusal").requireText() : nil
    }
}
