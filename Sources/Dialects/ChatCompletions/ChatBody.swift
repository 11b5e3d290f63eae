import Vocabulary

/// Collects a chat completion object.
struct ChatBody: ReplyCollector {
    private let identity: ReplyIdentity
    private let showsThinking: Bool
    private let forms: ToolForms
    private var start: ReplyStart?
    private var end: ReplyEnd?
    private var text = EscapedText()
    private var reasoning = EscapedText()
    private var open: ReplyBlock?
    private var arguments = EscapedText()
    private var calls = JSONWriter()
    private var callCount = 0
    /// What the text rests on; nil where nothing is searched for.
    private var citations: URLCitations?

    init(_ conversation: Conversation, _ identity: ReplyIdentity) {
        self.identity = identity
        showsThinking = conversation.thinkingShown == .asThinking
        forms = ToolForms(conversation.tools)
        citations = conversation.webSearch.map { _ in URLCitations() }
    }

    mutating func take(_ event: ReplyEvent, of line: Span<UInt8>) {
        switch event {
        case .started(let start): self.start = start
        case .blockStarted(let block):
            open = block
            arguments.removeAll()
            citations?.beginBlock()
        case .text(let slice):
            text.append(slice, of: line)
            citations?.add(slice, of: line)
        case .thinking(let slice): if showsThinking { reasoning.append(slice, of: line) }
        case .toolInput(let slice): arguments.append(slice, of: line)
        case .blockStopped:
            if case .toolUse(let id, let name) = open { call(id, name) }
            _ = citations?.endBlock()
            open = nil
        case .citation(let slice): citations?.cite(slice, of: line)
        case .finished(let end): self.end = end
        case .signature, .callResult, .subagent, .failed: break
        }
    }

    private mutating func call(_ id: JSONText, _ name: JSONText) {
        callCount += 1
        let isCustom = forms[name]?.form == .freeText
        if arguments.isEmpty, !isCustom { arguments.append("{}") }
        calls.beginObject()
        calls.member("id", id)
        calls.member("type", literal: isCustom ? "custom" : "function")
        calls.key(isCustom ? "custom" : "function")
        calls.beginObject()
        calls.member("name", name)
        calls.member(isCustom ? "input" : "arguments", arguments.text)
        calls.endObject()
        calls.endObject()
    }

    func finish(completedAt: Int?) -> [UInt8]? {
        guard let start, let end else { return nil }
        var writer = JSONWriter()
        writer.beginObject()
        ChatReply.head(&writer, "chat.completion", model: start.model, identity)
        writer.key("choices")
        writer.beginArray()
        writer.beginObject()
        writer.raw("\"index\":0")
        writer.key("message")
        message(&writer)
        writer.raw("\"logprobs\":null")
        writer.member("finish_reason", literal: ChatReply.finishReason(end.reason, calls: callCount))
        writer.endObject()
        writer.endArray()
        ChatReply.usage(&writer, end.usage)
        ChatReply.tier(&writer, end.usage)
        writer.endObject()
        return writer.bytes
    }

    private func message(_ writer: inout JSONWriter) {
        writer.beginObject()
        writer.raw("\"role\":\"assistant\"")
        writer.key("content")
        if text.isEmpty, callCount > 0 { writer.null() } else { writer.string(text.text) }
        if !reasoning.isEmpty {
            writer.member("reasoning_content", reasoning.text)
        }
        writer.raw("\"refusal\":null")
        writer.key("annotations")
        writer.beginArray()
        for citation in citations?.all ?? [] { citation.chat(&writer) }
        writer.endArray()
        if callCount > 0 {
            writer.key("tool_calls")
            writer.beginArray()
            writer.fragment(JSONFragment(validated: calls.bytes[...]))
            writer.endArray()
        }
        writer.endObject()
    }
}
