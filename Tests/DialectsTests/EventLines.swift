import Testing
import Vocabulary

/// Lines of the CLI as reply events, as far as the fixtures need them.
///
/// Besides the CLI's own `stream_event` lines a line `{"type":"fault","kind":"overloaded","message":"…"}`
/// makes the answer fail.
struct EventLines {
    private var usage = Usage()
    private var end: ReplyEnd?

    /// Calls `body` with each event of `lines` and the line that its slices refer to.
    static func each(
        _ lines: [UInt8],
        _ body: (ReplyEvent, Span<UInt8>) -> Void
    ) throws {
        var reader = EventLines()
        for line in lines.split(separator: UInt8(ascii: "\n")) {
            let bytes = Array(line)
            let document = try JSONDocument(parsing: bytes)
            if let event = try reader.event(document.root) { body(event, bytes.span) }
        }
    }

    private mutating func event(_ line: JSONValue) throws -> ReplyEvent? {
        let type = try #require(line["type"]?.text?.string)
        if type == "fault" { return .failed(try fault(line)) }
        guard type == "stream_event", let event = line["event"] else { return nil }
        switch try #require(event["type"]?.text?.string) {
        case "message_start":
            let message = try #require(event["message"])
            count(message["usage"])
            return .started(
                ReplyStart(
                    id: try #require(message["id"]?.text?.string),
                    model: try #require(message["model"]?.text?.string),
                    usage: usage
                )
            )
        case "content_block_start": return .blockStarted(try block(try #require(event["content_block"])))
        case "content_block_delta": return try delta(try #require(event["delta"]))
        case "content_block_stop": return .blockStopped
        case "message_delta":
            count(event["usage"])
            let delta = try #require(event["delta"])
            end = ReplyEnd(
                reason: try #require(StopReason(rawValue: delta["stop_reason"]?.text?.string ?? "")),
                stopSequence: delta["stop_sequence"]?.text,
                usage: usage
            )
            return nil
        case "message_stop": return .finished(try #require(end))
        default: return nil
        }
    }

    private func block(_ block: JSONValue) throws -> ReplyBlock {
        switch try #require(block["type"]?.text?.string) {
        case "text": .text
        case "thinking": .thinking
        case "redacted_thinking": .redactedThinking(data: try #require(block["data"]?.text))
        case "tool_use":
            .toolUse(id: try #require(block["id"]?.text), name: try #require(block["name"]?.text))
        default: .other(block.fragment)
        }
    }

    private func delta(_ delta: JSONValue) throws -> ReplyEvent? {
        func slice(_ key: StaticString) throws -> JSONSlice {
            let text = try #require(delta[key]?.text)
            return JSONSlice(
                start: text.escaped.startIndex,
                end: text.escaped.endIndex,
                hasEscapes: text.hasEscapes
            )
        }
        switch try #require(delta["type"]?.text?.string) {
        case "text_delta": return .text(try slice("text"))
        case "thinking_delta": return .thinking(try slice("thinking"))
        case "signature_delta": return .signature(try slice("signature"))
        case "input_json_delta": return .toolInput(try slice("partial_json"))
        case "citations_delta":
            let value = try #require(delta["citation"]).fragment.bytes
            return .citation(JSONSlice(start: value.startIndex, end: value.endIndex, hasEscapes: false))
        default: return nil
        }
    }

    private mutating func count(_ value: JSONValue?) {
        guard let value else { return }
        if let n = value["input_tokens"]?.integer { usage.inputTokens = n }
        if let n = value["output_tokens"]?.integer { usage.outputTokens = n }
        if let n = value["cache_creation_input_tokens"]?.integer { usage.cacheCreationTokens = n }
        if let n = value["cache_read_input_tokens"]?.integer { usage.cacheReadTokens = n }
        if let parts = value["cache_creation"] {
            usage.cacheCreation5mTokens = parts["ephemeral_5m_input_tokens"]?.integer ?? 0
            usage.cacheCreation1hTokens = parts["ephemeral_1h_input_tokens"]?.integer ?? 0
        }
        if let tier = value["service_tier"]?.text { usage.serviceTier = tier.string }
        if let n = value["output_tokens_details"]?["thinking_tokens"]?.integer { usage.thinkingTokens = n }
    }

    private func fault(_ line: JSONValue) throws -> Fault {
        let kinds: [String: FailureKind] = [
            "overloaded": .overloaded, "rateLimited": .rateLimited, "internalError": .internalError,
        ]
        return Fault(
            try #require(kinds[line["kind"]?.text?.string ?? ""]),
            try #require(line["message"]?.text?.string),
            resetsAt: line["resetsAt"]?.integer
        )
    }
}
