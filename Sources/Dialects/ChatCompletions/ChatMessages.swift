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
                let (results, rest) = try ChatParts.userAndResults(message.optional("content"))
                isTool = !results.isEmpty && rest.isEmpty
                if previousIsTool, !results.isEmpty {
                    turns[turns.count - 1].blocks += results + rest
                } else {
                    turns.append(Turn(.user, results + rest))
                }
            case "assistant":
                isTool = false
                turns.append(Turn(.assistant, try assistant(message, &functions, &conversation)))
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
            if role != "function", let name = message.optional("name"), name.text?.isEmpty != true {
                conversation.ignore("messages.name")
            }
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
        let texts = try ChatParts.texts(message.optional("content"))
        if turns.isEmpty {
            conversation.system += texts
        } else if !texts.isEmpty {
            turns.append(Turn(.system, texts.map(Block.text)))
        }
    }

    private static func assistant(
        _ message: JSONValue, _ functions: inout FunctionCalls, _ conversation: inout Conversation
    ) throws(Refusal) -> [Block] {
        var blocks = try ChatParts.assistant(message.optional("content"), into: &conversation)
        if let refusal = message.optional("refusal") { blocks.append(.text(try refusal.requireText())) }
        if let call = message.optional("function_call") {
            blocks.append(try functions.call(call.expect(.object)))
        }
        for call in try RequestFields.list(message, "tool_calls") { blocks.append(try self.call(call.expect(.object))) }
        return blocks
    }

    /// A call of a function or of a free-text tool.
    private static func call(_ call: JSONValue) throws(Refusal) -> Block {
        let id = try call.required("id").requireText()
        // Some clients put no type together from the pieces of a stream, and some leave the inner object out.
        let type = call.optional("type").flatMap { $0.text?.isEmpty == true ? nil : $0 }
        let isFlat = call.optional("name") != nil
        if let type, try type.requireText().matches("custom") {
            let custom = isFlat && call.optional("custom") == nil ? call : try call.required("custom").expect(.object)
            return .toolUse(
                id: id,
                name: try custom.required("name").requireText(),
                input: CustomTool.arguments(try custom.optional("input")?.requireText() ?? "")
            )
        }
        if let type, try !type.requireText().matches("function") {
            throw type.invalid("only calls of type function and custom are supported")
        }
        let function = isFlat && call.optional("function") == nil ? call : try call.required("function").expect(.object)
        return .toolUse(
            id: id,
            name: try function.required("name").requireText(),
            input: try arguments(function)
        )
    }

    fileprivate static func arguments(_ function: JSONValue) throws(Refusal) -> JSONFragment {
        guard let value = function.optional("arguments") else { return JSONFragment("{}") }
        if value.kind == .object { return value.fragment }
        return Fragments.arguments(try value.requireText())
    }

    private static func toolResult(_ message: JSONValue) throws(Refusal) -> Block {
        let id = try message.required("tool_call_id").requireText()
        return .toolResult(id: id, content: try ChatParts.user(message.optional("content")), isError: false)
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
        return .toolResult(id: id, content: try ChatParts.user(message.optional("content")), isError: false)
    }

    private var id: JSONText { JSONText("call_function_\(count)") }
}
