import Vocabulary

/// Writes a Responses stream: named events with `sequence_number` 0, 1, 2 and so on.
struct ResponsesStream: ReplyEncoder {
    var completedAt: Int?
    private var object: ResponsesObject
    private var output: ResponsesOutput
    private(set) var fault: Fault?
    private var sequence = 0
    private var hasStarted = false
    private var hasPart = false
    /// True when the open item's block has ended: what comes next tells whether the item was cut off.
    private var isClosing = false
    /// The open item's delta event: up to its number, on to its text, and from there.
    private var deltaOpening: [UInt8] = []
    private var deltaHead: [UInt8] = []
    private var deltaTail: StaticString = ""

    private let isCodex: Bool

    init(_ conversation: Conversation, _ identity: ReplyIdentity) {
        isCodex = conversation.isCodex
        object = ResponsesObject(conversation, identity)
        output = ResponsesOutput(conversation, identity)
        deltaHead.reserveCapacity(160)
    }

    mutating func encode(_ event: ReplyEvent, of line: Span<UInt8>, into out: inout [UInt8]) {
        switch event {
        case .text(let slice), .toolInput(let slice):
            if !output.takeSummary(slice, of: line) { delta(slice, of: line, into: &out) }
        case .thinking(let slice):
            guard output.open == .reasoning, slice.count > 0 else { return }
            if !hasPart { beginPart(&out) }
            delta(slice, of: line, into: &out)
        case .signature(let slice): output.signature.append(slice, of: line)
        case .started(let start):
            object.model = start.model
            object.hasBegun = true
            begin(&out)
        case .blockStarted(let block):
            output.takeResult(block)
            if output.goesOn(block) {
                isClosing = false
                output.citations?.beginBlock()
                return
            }
            if isClosing { endItem(isWhole: true, &out) }
            beginItem(block, &out)
        case .blockStopped:
            if output.open == .message { tellCitations(&out) }
            if output.open == .webSearch { say("response.web_search_call.searching", &out) }
            if output.open == .agentCall { endAgentCall(&out) }
            isClosing = output.open != nil
        case .finished(let end):
            settle(end, into: &out)
            finish(output.status(end), &out)
        case .failed(let fault):
            endTornItem(&out)
            giveUpCalls(&out)
            finish(.failed(fault), &out)
        case .citation(let slice): output.citations?.cite(slice, of: line)
        case .callResult(let result): answer(result, &out)
        case .subagent: break
        }
    }

    var isStored: Bool { output.isStored }

    mutating func settle(_ end: ReplyEnd, into out: inout [UInt8]) {
        if isClosing { endItem(isWhole: !end.reason.cutsOff, &out) }
        giveUpCalls(&out)
        guard output.beginSummary(end) else { return }
        sayItemAdded(&out)
        sayItemDone(isWhole: true, &out)
    }

    func keepsake(_ end: ReplyEnd) -> StoredReply? {
        guard let kept = output.kept else { return nil }
        var answer: [UInt8] = []
        object.append(to: &answer, output.status(end), items: output.items, completedAt: completedAt)
        return StoredReply(suffix: object.identity.suffix, output: kept, answer: answer)
    }

    // MARK: - The response

    private mutating func begin(_ out: inout [UInt8]) {
        hasStarted = true
        event("response.created", .inProgress, &out)
        event("response.in_progress", .inProgress, &out)
    }

    private mutating func finish(_ status: ResponsesObject.Status, _ out: inout [UInt8]) {
        if !hasStarted { begin(&out) }
        switch status {
        case .completed, .inProgress: event("response.completed", status, &out)
        case .incomplete: event("response.incomplete", status, &out)
        case .failed(let fault):
            self.fault = fault
            event("response.failed", status, &out)
        }
    }

    private mutating func event(
        _ name: StaticString,
        _ status: ResponsesObject.Status,
        _ out: inout [UInt8]
    ) {
        beginEvent(name, &out)
        out.append(",\"response\":")
        object.append(to: &out, status, items: output.items, completedAt: completedAt)
        out.append("}\n\n")
    }

    /// An event with its number; what is the event's own follows.
    private mutating func beginEvent(_ name: StaticString, _ out: inout [UInt8]) {
        Self.appendOpening(name, &out)
        out.append(decimal: sequence)
        sequence += 1
    }

    private static func appendOpening(_ name: StaticString, _ out: inout [UInt8]) {
        out.append("event: ")
        out.append(name)
        out.append("\ndata: {\"type\":\"")
        out.append(name)
        out.append("\",\"sequence_number\":")
    }

    // MARK: - Items

    private mutating func beginItem(_ block: ReplyBlock, _ out: inout [UInt8]) {
        hasPart = false
        guard let kind = output.begin(block) else { return }
        sayItemAdded(&out)
        prepareDelta(kind)
        if kind == .message { beginPart(&out) }
        if kind == .webSearch { say("response.web_search_call.in_progress", &out) }
        if kind == .agentCall { say("response.mcp_call.in_progress", &out) }
    }

    /// An event of the open item that says nothing beside its name.
    private mutating func say(_ name: StaticString, _ out: inout [UInt8]) {
        beginEvent(name, &out)
        place(&out)
        out.append("}\n\n")
    }

    /// What the block of text that has ended rests on.
    private mutating func tellCitations(_ out: inout [UInt8]) {
        guard let new = output.citations?.endBlock() else { return }
        for (index, citation) in zip(new.indices, new) {
            beginEvent("response.output_text.annotation.added", &out)
            place(&out)
            out.append(",\"content_index\":0,\"annotation_index\":")
            out.append(decimal: index)
            out.append(",\"annotation\":")
            var json = JSONWriter()
            citation.response(&json)
            out += json.bytes
            out.append("}\n\n")
        }
    }

    private mutating func sayItemAdded(_ out: inout [UInt8]) {
        beginEvent("response.output_item.added", &out)
        out.append(",\"output_index\":")
        out.append(decimal: output.count)
        out.append(",\"item\":")
        output.appendEmptyItem(to: &out)
        out.append("}\n\n")
    }

    private mutating func prepareDelta(_ kind: ResponsesOutput.Kind) {
        deltaOpening.removeAll(keepingCapacity: true)
        deltaHead.removeAll(keepingCapacity: true)
        place(&deltaHead)
        deltaTail = "\"}\n\n"
        switch kind {
        case .message:
            Self.appendOpening("response.output_text.delta", &deltaOpening)
            deltaHead.append(",\"content_index\":0")
            deltaTail = "\",\"logprobs\":[]}\n\n"
        case .reasoning, .sealed:
            Self.appendOpening("response.reasoning_summary_text.delta", &deltaOpening)
            deltaHead.append(",\"summary_index\":0")
        case .call: Self.appendOpening("response.function_call_arguments.delta", &deltaOpening)
        case .freeText: Self.appendOpening("response.custom_tool_call_input.delta", &deltaOpening)
        case .agentCall: Self.appendOpening("response.mcp_call_arguments.delta", &deltaOpening)
        case .toolSearch, .compaction, .webSearch: return
        }
        deltaHead.append(",\"delta\":\"")
    }

    /// Where an event belongs.
    private func place(_ out: inout [UInt8]) { Self.place(output.id, output.count, &out) }

    private static func place(_ id: [UInt8], _ index: Int, _ out: inout [UInt8]) {
        out.append(",\"item_id\":\"")
        out += id
        out.append("\",\"output_index\":")
        out.append(decimal: index)
    }

    @inline(__always)
    private mutating func delta(_ slice: JSONSlice, of line: Span<UInt8>, into out: inout [UInt8]) {
        guard let kind = output.open, slice.count > 0 else { return }
        output.text.append(slice, of: line)
        if kind == .toolSearch || kind == .webSearch { return }
        if kind == .message { output.citations?.add(slice, of: line) }
        beginDelta(&out)
        out.append(copying: line.extracting(slice.start..<slice.end))
        out.append(deltaTail)
    }

    @inline(__always)
    private mutating func beginDelta(_ out: inout [UInt8]) {
        out.append(contentsOf: deltaOpening)
        out.append(decimal: sequence)
        sequence += 1
        out.append(contentsOf: deltaHead)
    }

    private mutating func beginPart(_ out: inout [UInt8]) {
        hasPart = true
        if output.open == .message {
            beginEvent("response.content_part.added", &out)
            place(&out)
            out.append(",\"content_index\":0,\"part\":")
            output.appendPart(to: &out)
        } else {
            beginEvent("response.reasoning_summary_part.added", &out)
            place(&out)
            out.append(",\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"\"}")
        }
        out.append("}\n\n")
    }

    private mutating func endItem(isWhole: Bool, _ out: inout [UInt8]) {
        isClosing = false
        switch output.open {
        case .message: endText(&out)
        case .reasoning, .sealed: if hasPart { endSummary(&out) }
        // Their clients would run the part that came; of a function's arguments it is no JSON, but for Codex the answer
        // has failed, and what is done stays in its history.
        case .freeText where !isWhole, .toolSearch where !isWhole: return output.leaveOut()
        case .call where !isWhole && isCodex: return output.leaveOut()
        case .call: endCall(&out)
        case .freeText: endFreeText(&out)
        case .webSearch: say("response.web_search_call.completed", &out)
        case .toolSearch, .compaction, .agentCall: break
        case nil: return
        }
        sayItemDone(isWhole: isWhole, &out)
    }

    private mutating func sayItemDone(isWhole: Bool, _ out: inout [UInt8]) {
        sayItemDone(output.finishItem(isWhole: isWhole), &out)
    }

    private mutating func sayItemDone(_ index: Int, _ out: inout [UInt8]) {
        beginEvent("response.output_item.done", &out)
        out.append(",\"output_index\":")
        out.append(decimal: index)
        out.append(",\"item\":")
        out += output.items[index]
        out.append("}\n\n")
    }

    /// A torn message is told as what it is, with the text that came of it. Of a torn call nothing more is said, since
    /// clients run a call whose item is done whatever its status; and torn thinking has no status that could tell.
    private mutating func endTornItem(_ out: inout [UInt8]) {
        isClosing = false
        // Codex keeps the torn text in its history and asks again.
        guard output.open == .message, !isCodex else { return output.leaveOut() }
        endText(&out)
        sayItemDone(isWhole: false, &out)
    }

    private mutating func endText(_ out: inout [UInt8]) {
        beginEvent("response.output_text.done", &out)
        place(&out)
        out.append(",\"content_index\":0,\"text\":\"")
        out += output.text.bytes
        out.append("\",\"logprobs\":[]}\n\n")
        beginEvent("response.content_part.done", &out)
        place(&out)
        out.append(",\"content_index\":0,\"part\":")
        output.appendPart(to: &out)
        out.append("}\n\n")
    }

    private mutating func endFreeText(_ out: inout [UInt8]) {
        beginEvent("response.custom_tool_call_input.done", &out)
        place(&out)
        out.append(",\"input\":\"")
        out += output.text.bytes
        out.append("\"}\n\n")
    }

    private mutating func endSummary(_ out: inout [UInt8]) {
        beginEvent("response.reasoning_summary_text.done", &out)
        place(&out)
        out.append(",\"summary_index\":0,\"text\":\"")
        out += output.text.bytes
        out.append("\"}\n\n")
        beginEvent("response.reasoning_summary_part.done", &out)
        place(&out)
        out.append(",\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"")
        out += output.text.bytes
        out.append("\"}}\n\n")
    }

    /// A call without arguments still has an object of them, or clients fail to parse "".
    private mutating func completeArguments(_ out: inout [UInt8]) {
        guard output.text.isEmpty else { return }
        output.text.append("{}")
        beginDelta(&out)
        out.append("{}")
        out.append(deltaTail)
    }

    private mutating func endCall(_ out: inout [UInt8]) {
        completeArguments(&out)
        beginEvent("response.function_call_arguments.done", &out)
        place(&out)
        out.append(",\"name\":\"")
        out += output.name.escaped
        out.append("\",\"arguments\":\"")
        out += output.text.bytes
        out.append("\"}\n\n")
    }

    // MARK: - Calls of the CLI's own tools

    /// The arguments are whole; the item is done when the call has been answered, and others may begin before that.
    private mutating func endAgentCall(_ out: inout [UInt8]) {
        completeArguments(&out)
        beginEvent("response.mcp_call_arguments.done", &out)
        place(&out)
        out.append(",\"arguments\":\"")
        out += output.text.bytes
        out.append("\"}\n\n")
        output.putBy()
    }

    private mutating func answer(_ result: CallResult, _ out: inout [UInt8]) {
        guard let call = output.answer(result) else { return }
        beginEvent(result.isError ? "response.mcp_call.failed" : "response.mcp_call.completed", &out)
        Self.place(call.id, call.index, &out)
        out.append("}\n\n")
        sayItemDone(call.index, &out)
    }

    /// Of a call that is not answered before the end nothing but that is told.
    private mutating func giveUpCalls(_ out: inout [UInt8]) {
        for call in output.giveUpCalls() { sayItemDone(call.index, &out) }
    }
}
