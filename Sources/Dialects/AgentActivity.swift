public import Vocabulary

/// Makes of what the CLI's own tools do blocks that a dialect knows: in Messages those of a tool that the server runs, in
/// Chat Completions thinking. Responses has items of its own for them (``ResponsesAgentCall``).
public struct AgentActivity: Sendable {
    private let dialect: Dialect
    private var open: (id: JSONText, name: JSONText)?
    private var arguments = EscapedText()
    private var gaps: AgentGaps?

    /// The most of a call and of a result that is shown, in characters.
    private static let mostShown = 2000

    /// The activity of an answer to `conversation`; nil where the CLI's own tools are not at work, or shown as they are.
    public init?(_ conversation: Conversation, _ dialect: Dialect) {
        guard conversation.agent != nil, [.anthropic, .chatCompletions].contains(dialect) else { return nil }
        self.dialect = dialect
        gaps = AgentGaps(conversation, dialect)
    }

    /// Hands on what an event comes to.
    public mutating func pass(
        _ event: ReplyEvent, of line: Span<UInt8>, to take: (ReplyEvent, Span<UInt8>) -> Void
    ) {
        switch event {
        case .blockStarted(.agentCall(let id, let name)):
            open = (id, name)
            arguments.removeAll()
            gaps?.noteCall()
        case .toolInput(let slice) where open != nil: arguments.append(slice, of: line)
        case .blockStopped where open != nil:
            if let (id, name) = open { show(call: id, name, to: take) }
            open = nil
        case .callResult(let result): show(result, to: take)
        case .blockStarted(.text):
            take(event, line)
            if gaps?.beginText() == true { hand(AgentGaps.gap.string, ReplyEvent.text, to: take) }
        default: take(event, line)
        }
    }

    private mutating func show(
        call id: JSONText, _ name: JSONText, to take: (ReplyEvent, Span<UInt8>) -> Void
    ) {
        let input = Fragments.arguments(arguments.text)
        guard dialect == .anthropic else { return think("\(name.string) \(Self.summary(of: input))\n", to: take) }
        var json = JSONWriter()
        json.object { json in
            json.raw("\"type\":\"server_tool_use\"")
            json.member("id", Self.blockID(id))
            json.member("name", name)
            json.member("input", input)
        }
        block(json, to: take)
    }

    private func show(_ result: CallResult, to take: (ReplyEvent, Span<UInt8>) -> Void) {
        let text = Self.shown(result.text)
        guard dialect == .anthropic else {
            return think("\(result.isError ? "failed" : "done"): \(text)\n\n", to: take)
        }
        var json = JSONWriter()
        json.object { json in
            json.raw("\"type\":\"mcp_tool_result\"")
            json.member("tool_use_id", Self.blockID(result.id))
            json.member("is_error", result.isError)
            json.key("content")
            json.beginArray()
            json.object { json in
                json.raw("\"type\":\"text\"")
                json.member("text", JSONText(text))
            }
            json.endArray()
        }
        block(json, to: take)
    }

    /// As much of a text as is shown.
    static func shown(_ text: String) -> String {
        let shown = text.prefix(mostShown)
        return shown.endIndex == text.endIndex ? text : "\(shown)…"
    }

    /// Ids of such blocks begin so that they are known again when a client sends them back.
    static let idPrefix = "srvtoolu_agent_"

    /// True for a block that shows what the CLI's own tools did.
    static func shows(_ block: JSONValue) -> Bool {
        guard let type = block["type"]?.text else { return false }
        let name: StaticString
        if type.matches("server_tool_use") {
            name = "id"
        } else if type.matches("mcp_tool_result") {
            name = "tool_use_id"
        } else {
            return false
        }
        return block[name]?.text?.string.hasPrefix(idPrefix) == true
    }

    private static func blockID(_ id: JSONText) -> JSONText { JSONText(idPrefix + id.string) }

    /// The argument that says most of a call.
    private static func summary(of input: JSONFragment) -> String {
        guard let root = (try? JSONDocument(parsing: Array(input.bytes)))?.root else { return "" }
        for key in ["command", "file_path", "pattern", "url", "query"] as [StaticString] {
            if let text = root[key]?.text?.string { return String(text.prefix(mostShown)) }
        }
        return String(String(decoding: input.bytes, as: UTF8.self).prefix(mostShown))
    }

    private func block(_ json: JSONWriter, to take: (ReplyEvent, Span<UInt8>) -> Void) {
        let noLine: [UInt8] = []
        take(.blockStarted(.other(JSONFragment(validated: json.bytes[...]))), noLine.span)
        take(.blockStopped, noLine.span)
    }

    private func think(_ text: String, to take: (ReplyEvent, Span<UInt8>) -> Void) {
        let noLine: [UInt8] = []
        take(.blockStarted(.thinking), noLine.span)
        hand(text, ReplyEvent.thinking, to: take)
        take(.blockStopped, noLine.span)
    }

    private func hand(
        _ text: String, _ event: (JSONSlice) -> ReplyEvent, to take: (ReplyEvent, Span<UInt8>) -> Void
    ) {
        let escaped = JSONText(text)
        let bytes = Array(escaped.escaped)
        take(event(JSONSlice(start: 0, end: bytes.count, hasEscapes: escaped.hasEscapes)), bytes.span)
    }
}
