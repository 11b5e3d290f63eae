import Vocabulary

/// Collects a response object.
struct ResponsesBody: ReplyCollector {
    private var object: ResponsesObject
    private var output: ResponsesOutput
    private var end: ReplyEnd?
    /// True when the open item's block has ended: what comes next tells whether the item was cut off.
    private var isClosing = false

    init(_ conversation: Conversation, _ identity: ReplyIdentity) {
        object = ResponsesObject(conversation, identity)
        output = ResponsesOutput(conversation, identity)
    }

    mutating func take(_ event: ReplyEvent, of line: Span<UInt8>) {
        switch event {
        case .started(let start): object.model = start.model
        case .blockStarted(let block):
            output.takeResult(block)
            if output.goesOn(block) {
                isClosing = false
                output.citations?.beginBlock()
                return
            }
            if isClosing { endItem(isWhole: true) }
            _ = output.begin(block)
        case .text(let slice):
            if !output.takeSummary(slice, of: line) {
                output.text.append(slice, of: line)
                output.citations?.add(slice, of: line)
            }
        case .citation(let slice): output.citations?.cite(slice, of: line)
        case .thinking(let slice), .toolInput(let slice):
            if !output.takeSummary(slice, of: line) { output.text.append(slice, of: line) }
        case .signature(let slice): output.signature.append(slice, of: line)
        case .blockStopped:
            if output.open == .message { _ = output.citations?.endBlock() }
            if output.open == .agentCall {
                if output.text.isEmpty { output.text.append("{}") }
                output.putBy()
            }
            isClosing = output.open != nil
        case .finished(let end):
            if isClosing { endItem(isWhole: !end.reason.cutsOff) }
            _ = output.giveUpCalls()
            if output.beginSummary(end) { _ = output.finishItem(isWhole: true) }
            self.end = end
        case .callResult(let result): _ = output.answer(result)
        case .failed, .subagent: break
        }
    }

    private mutating func endItem(isWhole: Bool) {
        isClosing = false
        if !isWhole, output.open == .freeText || output.open == .toolSearch { return output.leaveOut() }
        if output.open == .call, output.text.isEmpty { output.text.append("{}") }
        _ = output.finishItem(isWhole: isWhole)
    }

    var fault: Fault? {
        guard let end, case .failed(let fault) = output.status(end) else { return nil }
        return fault
    }

    func keepsake(_ answer: [UInt8]) -> StoredReply? {
        output.kept.map { StoredReply(suffix: object.identity.suffix, output: $0, answer: answer) }
    }

    func finish(completedAt: Int?) -> [UInt8]? {
        guard let end, fault == nil else { return nil }
        var body: [UInt8] = []
        object.append(
            to: &body,
            output.status(end),
            items: output.items,
            completedAt: completedAt
        )
        return body
    }
}
