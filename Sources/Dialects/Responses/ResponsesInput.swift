import Vocabulary

/// Decodes the input of a response: a string or items, among them whole output items of earlier answers.
enum ResponsesInput {
    /// The turns of the stored items and the input; instructions before the first of them go to the system prompt.
    static func decode(
        _ input: JSONValue,
        _ stored: ItemLookup,
        into conversation: inout Conversation
    ) throws(Refusal) -> [Turn] {
        var turns = Turns()
        for item in stored.history { try decode(item: item, &turns, &conversation) }
        if let text = input.text {
            turns.append(.user, [.text(text)])
            return turns.list
        }
        guard input.kind == .array else { throw input.wrongType("string or array") }
        var isEmpty = true
        for item in input.elements {
            isEmpty = false
            let item = try item.isReference ? stored.item(for: item) : item
            try decode(item: item.expect(.object), &turns, &conversation)
        }
        if isEmpty { throw input.invalid("at least one item is required") }
        return turns.list
    }

    /// Turns under construction: a model's message, its thinking and its calls are items of their own here
    /// and one message for the model; so are the results of parallel calls.
    private struct Turns {
        var list: [Turn] = []
        private var endsInResults = false

        mutating func assistant(_ blocks: [Block]) {
            if list.last?.role == .assistant {
                list[list.count - 1].blocks += blocks
            } else {
                list.append(Turn(.assistant, blocks))
            }
            endsInResults = false
        }

        mutating func result(_ block: Block) {
            if endsInResults {
                list[list.count - 1].blocks.append(block)
            } else {
                list.append(Turn(.user, [block]))
            }
            endsInResults = true
        }

        mutating func append(_ role: Turn.Role, _ blocks: [Block]) {
            list.append(Turn(role, blocks))
            endsInResults = false
        }
    }

    private static func decode(
        item: JSONValue,
        _ turns: inout Turns,
        _ conversation: inout Conversation
    ) throws(Refusal) {
        let type = try item.optional("type")?.requireString() ?? "message"
        switch type {
        case "message": try message(item, &turns, &conversation)
        case "function_call":
            let arguments = try item.optional("arguments")?.requireText() ?? "{}"
            turns.assistant([
                .toolUse(
                    id: try item.required("call_id").requireText(),
                    name: try item.required("name").requireText(),
                    input: Fragments.arguments(arguments)
                )
            ])
        case "function_call_output":
            let id = try item.required("call_id").requireText()
            let content = try blocks(item.required("output"))
            turns.result(.toolResult(id: id, content: content, isError: false))
        case "reasoning": try reasoning(item, &turns, &conversation)
        default:
            throw try item.required("type").invalid(
                "must be one of: message, function_call, function_call_output, reasoning, item_reference"
            )
        }
    }

    private static func message(
        _ item: JSONValue,
        _ turns: inout Turns,
        _ conversation: inout Conversation
    ) throws(Refusal) {
        let role = try item.required("role")
        let blocks = try blocks(item.required("content"))
        switch try RequestFields.word(role, of: ["user", "assistant", "system", "developer"]) {
        case "user": turns.append(.user, blocks)
        case "assistant": turns.assistant(blocks)
        default:
            let texts = try texts(of: blocks, item)
            if turns.list.isEmpty {
                conversation.system += texts
            } else if !texts.isEmpty {
                turns.append(.system, texts.map(Block.text))
            }
        }
    }

    private static func texts(of blocks: [Block], _ item: JSONValue) throws(Refusal) -> [JSONText] {
        var texts: [JSONText] = []
        for block in blocks {
            guard case .text(let text) = block else {
                throw item.invalid("only text is supported in system and developer messages")
            }
            texts.append(text)
        }
        return texts
    }

    private static func blocks(_ content: JSONValue) throws(Refusal) -> [Block] {
        if let text = content.text { return text.isEmpty ? [] : [.text(text)] }
        guard content.kind == .array else { throw content.wrongType("string or array") }
        var blocks: [Block] = []
        for part in content.elements { blocks.append(try block(part)) }
        return blocks
    }

    private static func block(_ part: JSONValue) throws(Refusal) -> Block {
        let type = try part.expect(.object).required("type")
        switch try type.requireString() {
        case "input_text", "output_text", "text", "summary_text":
            return .text(try part.required("text").requireText())
        case "refusal": return .text(try part.required("refusal").requireText())
        case "input_image":
            if let id = part.optional("file_id") { throw notKept(id, "image_url") }
            return try Attachment.image(url: part.required("image_url"))
        case "input_file": return try file(part)
        case "input_audio": throw type.invalid("audio input is not supported; send its transcript as text")
        default:
            throw type.invalid("must be one of: input_text, input_image, input_file, output_text, refusal")
        }
    }

    private static func file(_ part: JSONValue) throws(Refusal) -> Block {
        if let id = part.optional("file_id") { throw notKept(id, "file_data or file_url") }
        let name = try part.optional("filename")?.requireText()
        if let url = part.optional("file_url") { return try Attachment.file(url: url, name: name) }
        return try Attachment.file(data: part.required("file_data"), name: name)
    }

    private static func notKept(_ id: JSONValue, _ instead: String) -> Refusal {
        id.invalid("files are not kept here; send the content in \(instead)")
    }

    /// Thinking can be sent back only with the vendor's seal; a summary without one is left out and named.
    private static func reasoning(
        _ item: JSONValue,
        _ turns: inout Turns,
        _ conversation: inout Conversation
    ) throws(Refusal) {
        var summary: [JSONText] = []
        for part in try RequestFields.list(item, "summary") {
            summary.append(try part.expect(.object).required("text").requireText())
        }
        guard let sealed = try item.optional("encrypted_content")?.requireText(),
            let block = SealedThinking.block(
                sealed: sealed,
                summary: JSONText.joined(summary, separator: "")
            )
        else {
            conversation.ignore("input.reasoning")
            return
        }
        turns.assistant([block])
    }
}
