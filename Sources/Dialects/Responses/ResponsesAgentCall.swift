import Vocabulary

/// A call of one of the CLI's own tools as an item of its own: that of a tool which the server runs, where the workspace
/// stands for the server.
struct ResponsesAgentCall: Sendable {
    /// How a call stands.
    enum State {
        /// Its arguments are still to come.
        case running
        case answered(CallResult)
        /// The answer ended before it was.
        case unanswered
    }

    /// Its place among the items, and among those that are stored.
    let index, keptIndex: Int
    let id: [UInt8]
    /// The vendor's id of the call.
    let callID: JSONText
    let name: JSONText
    let arguments: JSONText
    let workspace: String

    /// Appends the item.
    func append(_ state: State, to out: inout [UInt8]) {
        var json = JSONWriter(out)
        out = []
        json.object { json in
            json.member("id", JSONText(escaped: id[...], hasEscapes: false))
            json.member("type", literal: "mcp_call")
            json.member("status", literal: Self.status(state))
            json.raw("\"approval_request_id\":null")
            json.member("server_label", workspace)
            json.member("name", name)
            json.member("arguments", arguments)
            json.key("output")
            if case .answered(let result) = state, !result.isError {
                json.string(Self.text(of: result))
            } else {
                json.null()
            }
            json.key("error")
            if case .answered(let result) = state, result.isError { Self.error(result, &json) } else { json.null() }
        }
        out = json.bytes
    }

    private static func status(_ state: State) -> StaticString {
        switch state {
        case .running: "in_progress"
        case .answered(let result): result.isError ? "failed" : "completed"
        case .unanswered: "incomplete"
        }
    }

    private static func error(_ result: CallResult, _ json: inout JSONWriter) {
        json.object { json in
            json.member("type", literal: "mcp_tool_execution_error")
            json.key("content")
            json.beginArray()
            json.object { json in
                json.member("type", literal: "text")
                json.member("text", text(of: result))
            }
            json.endArray()
        }
    }

    private static func text(of result: CallResult) -> JSONText { JSONText(AgentActivity.shown(result.text)) }
}

/// Such an item that comes back.
extension ResponsesAgentCall {
    /// The call and its answer, for a model that does not know them any more; nil for one that was not answered, and for a
    /// sub-agent's, which the model has never known.
    static func blocks(of item: JSONValue) -> (call: Block, result: Block)? {
        guard let id = item["id"]?.text, let name = item["name"]?.text, !name.string.hasPrefix(ReplyFilters.subagentPrefix)
        else { return nil }
        let arguments = item.optional("arguments")?.text ?? "{}"
        let failure = item.optional("error")?["content"]?.elements.compactMap { $0["text"]?.text } ?? []
        guard let text = item.optional("output")?.text ?? failure.first else { return nil }
        return (
            .toolUse(id: id, name: name, input: Fragments.arguments(arguments)),
            .toolResult(id: id, content: [.text(text)], isError: !failure.isEmpty)
        )
    }

    /// True for an item of an answer of this gateway.
    static func isOwn(_ item: JSONValue) -> Bool {
        item["type"]?.text?.matches("mcp_call") == true && item["id"]?.text.flatMap { ItemID.response(of: $0.string) } != nil
    }
}
