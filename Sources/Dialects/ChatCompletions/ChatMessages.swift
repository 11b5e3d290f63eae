import Vocabulary

/// Decodes the messages of a chat completion.
enum ChatMessages {
    /// The turns of a list of messages; instructions before the first of them go to the system prompt.
    static func decode(
        _ list: JSONValue,
        into conversation: inout Conversation
    ) throws(Refusal) -> [Turn] {
        var turns: [Turn] = []
        var count = 0
        var previousIsTool = false
        var functions = FunctionCalls()
        for message in list.elements {
            count += 1
            let role = try RequestFields.word(
                message.expect(.object).required("role"),
                of: ["system", "developer", "user", "assistant", "tool", "function"]
            )
            let isTool: Bool
            switch role {
            case "system", "developer":
                isTool = false
                try instruct(message, &turns, &conversation)
            case "user":
                isTool = false
                turns.append(Turn(.user, try user(message.required("content"))))
            case "assistant":
                isTool = false
                turns.append(Turn(.assistant, try assistant(message, &functions)))
            default:
                isTool = true
                let result = role == "tool" ? try toolResult(message) : try functions.result(message)
                // Results of parallel calls belong to one message, as the vendor demands.
                if previousIsTool {
                    turns[turns.count - 1].blocks.append(result)
                } else {
                    turns.append(Turn(.user, [result]))
                }
            }
            if role != "function", message.optional("name") != nil { conversation.ignore("messages.name") }
            previousIsTool = isTool
        }
        guard count > 0 else { throw list.invalid("at least one message is required") }
        return turns
    }

    private static func instruct(
        _ message: JSONValue,
        _ turns: inout [Turn],
        _ conversation: inout Conversation
    ) throws(Refusal) {
        let texts = try texts(message.required("content"))
        if turns.isEmpty {
            conversation.system += texts
        } else if !texts.isEmpty {
            turns.append(Turn(.system, texts.map(Block.text)))
        }
    }

    /// Content that is a string or parts of text.
    private static func texts(_ content: JSONValue) throws(Refusal) -> [JSONText] {
        if let text = content.text { return text.isEmpty ? [] : [text] }
        guard content.kind == .array else { throw content.wrongType("string or array") }
        var texts: [JSONText] = []
        for part in content.elements {
            let type = try part.expect(.object).required("type")
            let name = try type.requireText()
            if name.matches("text") || name.matches("input_text") || name.matches("output_text") {
                texts.append(try part.required("text").requireText())
            } else if name.matches("refusal") {
                texts.append(try part.required("refusal").requireText())
            } else {
                throw type.invalid("only text parts are supported here")
            }
        }
        return texts
    }

    fileprivate static func user(_ content: JSONValue) throws(Refusal) -> [Block] {
        if let text = content.text { return text.isEmpty ? [] : [.text(text)] }
        guard content.kind == .array else { throw content.wrongType("string or array") }
        var blocks: [Block] = []
        for part in content.elements { blocks.append(try userPart(part)) }
        return blocks
    }

    private static func userPart(_ part: JSONValue) throws(Refusal) -> Block {
        let type = try part.expect(.object).required("type")
        switch try type.requireString() {
        case "text", "input_text", "output_text": return .text(try part.required("text").requireText())
        case "image_url":
            let image = try part.required("image_url")
            let url = image.kind == .object ? try image.required("url") : image
            return try Attachment.image(url: url)
        case "file": return try file(part.required("file").expect(.object))
        case "refusal": return .text(try part.required("refusal").requireText())
        case "input_audio": throw type.invalid("audio input is not supported; send its transcript as text")
        default: throw type.invalid("must be one of: text, image_url, file")
        }
    }

    private static func file(_ file: JSONValue) throws(Refusal) -> Block {
        if let id = file.optional("file_id") {
            throw id.invalid("files are not kept here; send the content in file_data")
        }
        let name = try file.optional("filename")?.requireText()
        return try Attachment.file(data: file.required("file_data"), name: name)
    }

    private static func assistant(
        _ message: JSONValue, _ functions: inout FunctionCalls
    ) throws(Refusal) -> [Block] {
        var blocks: [Block] = []
        if let content = message.optional("content") { blocks = try texts(content).map(Block.text) }
        if let refusal = message.optional("refusal") { blocks.append(.text(try refusal.requireText())) }
        if let call = message.optional("function_call") {
            blocks.append(try functions.call(call.expect(.object)))
        }
        for call in try RequestFields.list(message, "tool_calls") {
            let type = try call.expect(.object).optional("type")
            if let type, try !type.requireText().matches("function") {
                throw type.invalid("only calls of type function are supported")
            }
            let function = try call.required("function").expect(.object)
            blocks.append(
                .toolUse(
                    id: try call.required("id").requireText(),
                    name: try function.required("name").requireText(),
                    input: try arguments(function)
                )
            )
        }
        return blocks
    }

    fileprivate static func arguments(_ function: JSONValue) throws(Refusal) -> JSONFragment {
        guard let value = function.optional("arguments") else { return JSONFragment("{}") }
        if value.kind == .object { return value.fragment }
        return Fragments.arguments(try value.requireText())
    }

    private static func toolResult(_ message: JSONValue) throws(Refusal) -> Block {
        let id = try message.required("tool_call_id").requireText()
        guard let content = message.optional("content") else {
            return .toolResult(id: id, content: [], isError: false)
        }
        return .toolResult(id: id, content: try user(content), isError: false)
    }
}

/// Calls in the dialect's older form, which have no ids: a function's message answers the last call.
private struct FunctionCalls {
    private var count = 0

    mutating func call(_ call: JSONValue) throws(Refusal) -> Block {
        count += 1
        return .toolUse(
            id: id,
            name: try call.required("name").requireText(),
            input: try ChatMessages.arguments(call)
        )
    }

    func result(_ message: JSONValue) throws(Refusal) -> Block {
        _ = try message.required("name").requireText()
        let content = try message.optional("content").map(ChatMessages.user) ?? []
        return .toolResult(id: id, content: content, isError: false)
    }

    private var id: JSONText { JSONText("call_function_\(count)") }
}
