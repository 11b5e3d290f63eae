import Vocabulary

/// Writes a chat completion stream: unnamed chunks, and `[DONE]`.
struct ChatStream: ReplyEncoder {
    private let identity: ReplyIdentity
    private let showsThinking: Bool
    private let wantsUsage: Bool
    private let forms: ToolForms
    /// A chunk up to its delta; and on to the text of a delta of content and of thinking.
    private var head: [UInt8] = []
    private var textHead: [UInt8] = []
    private var thinkingHead: [UInt8] = []
    /// A piece of the open call's arguments up to its text.
    private var callHead: [UInt8] = []
    /// A chunk from behind its delta.
    private let tail: StaticString
    private var open = OpenBlock.hidden
    private var calls = 0
    /// True when the open call's arguments need nothing more to be valid.
    private var callIsComplete = false
    /// Object, id, created and model, for the usage chunk.
    private var usageHead = JSONWriter()

    /// What the text rests on; nil where nothing is searched for.
    private var citations: URLCitations?

    private enum OpenBlock { case hidden, text, thinking, call }

    init(_ conversation: Conversation, _ identity: ReplyIdentity) {
        self.identity = identity
        showsThinking = conversation.thinkingShown == .asThinking
        wantsUsage = conversation.wantsUsageInStream
        forms = ToolForms(conversation.tools)
        citations = conversation.webSearch.map { _ in URLCitations() }
        tail =
            wantsUsage
            ? ",\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n"
            : ",\"logprobs\":null,\"finish_reason\":null}]}\n\n"
    }

    mutating func encode(_ event: ReplyEvent, of line: Span<UInt8>, into out: inout [UInt8]) {
        switch event {
        case .text(let slice):
            if open == .text { delta(textHead, slice, "\"}", line, &out) }
            citations?.add(slice, of: line)
        case .thinking(let slice):
            if open == .thinking { delta(thinkingHead, slice, "\"}", line, &out) }
        case .toolInput(let slice):
            guard open == .call, slice.count > 0 else { return }
            callIsComplete = true
            delta(callHead, slice, "\"}}]}", line, &out)
        case .started(let start): started(start, &out)
        case .blockStarted(let block): begin(block, &out)
        case .blockStopped: stop(&out)
        case .finished(let end): finish(end, &out)
        case .failed(let fault): fail(fault, &out)
        case .citation(let slice): citations?.cite(slice, of: line)
        case .signature, .callResult, .subagent: break
        }
    }

    @inline(__always)
    private func delta(
        _ head: [UInt8],
        _ slice: JSONSlice,
        _ close: StaticString,
        _ line: Span<UInt8>,
        _ out: inout [UInt8]
    ) {
        out.append(contentsOf: head)
        out.append(copying: line.extracting(slice.start..<slice.end))
        out.append(close)
        out.append(tail)
    }

    private mutating func started(_ start: ReplyStart, _ out: inout [UInt8]) {
        var writer = JSONWriter()
        writer.beginObject()
        ChatReply.head(&writer, "chat.completion.chunk", model: start.model, identity)
        usageHead = writer
        head.append("data: ")
        head += writer.bytes
        head.append(",\"choices\":[{\"index\":0,\"delta\":")
        textHead = head
        textHead.append("{\"content\":\"")
        thinkingHead = head
        thinkingHead.append("{\"reasoning_content\":\"")
        out += head
        out.append("{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}")
        out.append(tail)
    }

    private mutating func begin(_ block: ReplyBlock, _ out: inout [UInt8]) {
        citations?.beginBlock()
        switch block {
        case .text: open = .text
        case .thinking: open = showsThinking ? .thinking : .hidden
        case .toolUse(let id, let name):
            openCall(id, name, &out)
        case .redactedThinking, .agentCall, .other: open = .hidden
        }
    }

    /// The input of a free-text tool may be empty; arguments may not.
    private mutating func openCall(_ id: JSONText, _ name: JSONText, _ out: inout [UInt8]) {
        let isCustom = forms[name]?.form == .freeText
        open = .call
        callIsComplete = isCustom
        out += head
        openCall(&out)
        out.append(",\"id\":\"")
        out += id.escaped
        out.append(
            isCustom
                ? "\",\"type\":\"custom\",\"custom\":{\"name\":\"" : "\",\"type\":\"function\",\"function\":{\"name\":\"")
        out += name.escaped
        out.append(isCustom ? "\",\"input\":\"\"}}]}" : "\",\"arguments\":\"\"}}]}")
        out.append(tail)
        callHead = head
        openCall(&callHead)
        callHead.append(isCustom ? ",\"custom\":{\"input\":\"" : ",\"function\":{\"arguments\":\"")
        calls += 1
    }

    private func openCall(_ out: inout [UInt8]) {
        out.append("{\"tool_calls\":[{\"index\":")
        out.append(decimal: calls)
    }

    private mutating func stop(_ out: inout [UInt8]) {
        // A call without arguments still has an object of them, or clients fail to parse "".
        if open == .call, !callIsComplete {
            out += callHead
            out.append("{}\"}}]}")
            out.append(tail)
        }
        open = .hidden
        if let new = citations?.endBlock(), !new.isEmpty { tell(new, &out) }
    }

    /// What the block that has ended rests on, in a chunk of its own.
    private func tell(_ citations: ArraySlice<URLCitations.Citation>, _ out: inout [UInt8]) {
        var json = JSONWriter()
        json.beginObject()
        json.key("annotations")
        json.beginArray()
        for citation in citations { citation.chat(&json) }
        json.endArray()
        json.endObject()
        out += head
        out += json.bytes
        out.append(tail)
    }

    private func finish(_ end: ReplyEnd, _ out: inout [UInt8]) {
        out += head
        out.append("{},\"logprobs\":null,\"finish_reason\":\"")
        out.append(ChatReply.finishReason(end.reason, calls: calls))
        out.append(wantsUsage ? "\"}],\"usage\":null}\n\n" : "\"}]}\n\n")
        if wantsUsage {
            var writer = usageHead
            writer.raw("\"choices\":[]")
            ChatReply.usage(&writer, end.usage)
            ChatReply.tier(&writer, end.usage)
            writer.endObject()
            out.append("data: ")
            out += writer.bytes
            out.append("\n\n")
        }
        out.append("data: [DONE]\n\n")
    }

    private func fail(_ fault: Fault, _ out: inout [UInt8]) {
        out.append("data: ")
        out += ErrorReply(fault, dialect: .chatCompletions, requestID: identity.requestID).body
        out.append("\n\n")
    }
}
