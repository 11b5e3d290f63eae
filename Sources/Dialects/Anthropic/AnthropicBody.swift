import Vocabulary

/// Collects a message object.
struct AnthropicBody: ReplyCollector {
    private let identity: ReplyIdentity
    private let omitsThinkingText: Bool
    private let wantsTransformations: Bool
    private var start: ReplyStart?
    private var end: ReplyEnd?
    /// The finished blocks.
    private var content: JSONWriter
    private var open: ReplyBlock?
    /// The open block's text or arguments, still escaped.
    private var text = EscapedText()
    private var signature = EscapedText()
    private var citations = JSONWriter()

    init(_ conversation: Conversation, _ identity: ReplyIdentity) {
        self.identity = identity
        omitsThinkingText = conversation.thinkingDisplay == .omitted
        wantsTransformations = conversation.wantsTransformations
        content = JSONWriter()
    }

    mutating func take(_ event: ReplyEvent, of line: Span<UInt8>) {
        switch event {
        case .started(let start): self.start = start
        case .blockStarted(let block): begin(block)
        case .text(let slice), .toolInput(let slice): text.append(slice, of: line)
        case .thinking(let slice): if !omitsThinkingText { text.append(slice, of: line) }
        case .signature(let slice): signature.append(slice, of: line)
        case .citation(let slice):
            let value = slice.text(in: line)
            citations.fragment(JSONFragment(validated: value.escaped))
        case .blockStopped: stop()
        case .finished(let end): self.end = end
        case .failed, .callResult, .subagent: break
        }
    }

    func finish(completedAt: Int?) -> [UInt8]? {
        guard let start, let end else { return nil }
        var writer = JSONWriter()
        AnthropicMessage.begin(&writer, start, identity)
        if !content.bytes.isEmpty { writer.fragment(JSONFragment(validated: content.bytes[...])) }
        let transformations = wantsTransformations ? start.inputTransformations : nil
        AnthropicMessage.end(&writer, end, end.usage, transformations: transformations)
        return writer.bytes
    }

    private mutating func begin(_ block: ReplyBlock) {
        open = block
        text.removeAll()
        signature.removeAll()
        citations = JSONWriter()
    }

    private mutating func stop() {
        defer { open = nil }
        switch open {
        case .text: textBlock()
        case .thinking:
            content.raw("{\"type\":\"thinking\",\"thinking\":\"")
            content.bytes += text.bytes
            content.bytes.append("\",\"signature\":\"")
            content.bytes += signature.bytes
            content.bytes.append("\"}")
        case .redactedThinking(let data):
            content.raw("{\"type\":\"redacted_thinking\",\"data\":\"")
            content.bytes += data.escaped
            content.bytes.append("\"}")
        case .toolUse(let id, let name):
            content.raw("{\"type\":\"tool_use\",\"id\":\"")
            content.bytes += id.escaped
            content.bytes.append("\",\"name\":\"")
            content.bytes += name.escaped
            content.bytes.append("\",\"input\":")
            content.bytes.append(line: Fragments.arguments(text.text))
            content.bytes.append("}")
        case .other(let fragment): content.fragment(ServerToolBlock.whole(fragment, input: text.text))
        case .agentCall, nil: break
        }
    }

    private mutating func textBlock() {
        content.raw("{\"type\":\"text\",\"text\":\"")
        content.bytes += text.bytes
        content.bytes.append("\",\"citations\":")
        if citations.bytes.isEmpty {
            content.bytes.append("null")
        } else {
            content.bytes.append("[")
            content.bytes += citations.bytes
            content.bytes.append("]")
        }
        content.bytes.append("}")
    }
}
