import Vocabulary

/// Writes a Messages stream: named events, block indexes from 0 without gaps.
struct AnthropicStream: ReplyEncoder {
    private let identity: ReplyIdentity
    private let omitsThinkingText: Bool
    private let wantsTransformations: Bool
    /// The index of the open or last shown block.
    private var index = -1
    private var isOpen = false
    /// The open block's delta event up to its text, so that a delta is two constants around a copy.
    private var deltaHead: [UInt8] = []

    init(_ conversation: Conversation, _ identity: ReplyIdentity) {
        self.identity = identity
        omitsThinkingText = conversation.thinkingDisplay == .omitted
        wantsTransformations = conversation.wantsTransformations
        deltaHead.reserveCapacity(160)
    }

    mutating func encode(_ event: ReplyEvent, of line: Span<UInt8>, into out: inout [UInt8]) {
        switch event {
        case .text(let slice), .toolInput(let slice): delta(slice, of: line, into: &out)
        case .thinking(let slice): if !omitsThinkingText { delta(slice, of: line, into: &out) }
        case .signature(let slice):
            special("signature_delta\",\"signature\":\"", slice, "\"}}\n\n", line, &out)
        case .citation(let slice): special("citations_delta\",\"citation\":", slice, "}}\n\n", line, &out)
        case .started(let start): started(start, &out)
        case .blockStarted(let block): begin(block, &out)
        case .blockStopped: stop(&out)
        case .finished(let end): finish(end, &out)
        case .failed(let fault): fail(fault, &out)
        case .callResult, .subagent: break
        }
    }

    @inline(__always)
    private func delta(_ slice: JSONSlice, of line: Span<UInt8>, into out: inout [UInt8]) {
        guard isOpen else { return }
        out.append(contentsOf: deltaHead)
        out.append(copying: line.extracting(slice.start..<slice.end))
        out.append("\"}}\n\n")
    }

    /// A delta that comes rarely and so needs no head of its own.
    private func special(
        _ head: StaticString,
        _ slice: JSONSlice,
        _ tail: StaticString,
        _ line: Span<UInt8>,
        _ out: inout [UInt8]
    ) {
        guard isOpen else { return }
        openDelta(&out)
        out.append(head)
        out.append(copying: line.extracting(slice.start..<slice.end))
        out.append(tail)
    }

    /// `content_block_delta` up to the delta's type.
    private func openDelta(_ out: inout [UInt8]) {
        out.append("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":")
        out.append(decimal: index)
        out.append(",\"delta\":{\"type\":\"")
    }

    private func started(_ start: ReplyStart, _ out: inout [UInt8]) {
        out.append("event: message_start\ndata: {\"type\":\"message_start\",\"message\":")
        var writer = JSONWriter()
        AnthropicMessage.begin(&writer, start, identity)
        let transformations = wantsTransformations ? start.inputTransformations : nil
        AnthropicMessage.end(&writer, nil, start.usage, transformations: transformations)
        out.append(contentsOf: writer.bytes)
        out.append("}\n\n")
        out.append(ServerSentEvent.ping)
    }

    private mutating func begin(_ block: ReplyBlock, _ out: inout [UInt8]) {
        // Such calls come as blocks of the dialect, or are not shown.
        if case .agentCall = block { return }
        isOpen = true
        index += 1
        out.append("event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":")
        out.append(decimal: index)
        out.append(",\"content_block\":")
        deltaHead.removeAll(keepingCapacity: true)
        openDelta(&deltaHead)
        switch block {
        case .text:
            out.append("{\"type\":\"text\",\"text\":\"\"}")
            deltaHead.append("text_delta\",\"text\":\"")
        case .thinking:
            out.append("{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}")
            deltaHead.append("thinking_delta\",\"thinking\":\"")
        case .redactedThinking(let data):
            out.append("{\"type\":\"redacted_thinking\",\"data\":\"")
            out.append(contentsOf: data.escaped)
            out.append("\"}")
        case .toolUse(let id, let name):
            out.append("{\"type\":\"tool_use\",\"id\":\"")
            out.append(contentsOf: id.escaped)
            out.append("\",\"name\":\"")
            out.append(contentsOf: name.escaped)
            out.append("\",\"input\":{}}")
            deltaHead.append("input_json_delta\",\"partial_json\":\"")
        case .agentCall: break
        case .other(let fragment):
            out.append(line: fragment)
            deltaHead.append("input_json_delta\",\"partial_json\":\"")
        }
        out.append("}\n\n")
    }

    private mutating func stop(_ out: inout [UInt8]) {
        guard isOpen else { return }
        isOpen = false
        out.append("event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":")
        out.append(decimal: index)
        out.append("}\n\n")
    }

    private func finish(_ end: ReplyEnd, _ out: inout [UInt8]) {
        out.append("event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":")
        var writer = JSONWriter()
        writer.beginObject()
        AnthropicMessage.stop(&writer, end)
        writer.endObject()
        writer.key("usage")
        writer.beginObject()
        AnthropicMessage.counts(&writer, end.usage)
        writer.endObject()
        out.append(contentsOf: writer.bytes)
        out.append("}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")
    }

    private func fail(_ fault: Fault, _ out: inout [UInt8]) {
        out.append("event: error\ndata: ")
        out.append(contentsOf: ErrorReply(fault, dialect: .anthropic, requestID: identity.requestID).body)
        out.append("\n\n")
    }
}
