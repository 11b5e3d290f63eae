import Vocabulary

/// What becomes of the model's events before a dialect writes them: notes become text, the arguments of free-text tools
/// the text that they hold, and what the CLI's own tools and its sub-agents do blocks of the dialect.
struct ReplyFilters: Sendable {
    private var notes: ProgressNotes?
    private var freeText: FreeTextCalls?
    private var activity: AgentActivity?

    /// The filters of an answer to `conversation`; nil where every event stays as it is.
    init?(_ conversation: Conversation, _ dialect: Dialect) {
        notes = ProgressNotes(conversation, dialect)
        freeText = FreeTextCalls(conversation)
        activity = AgentActivity(conversation, dialect)
        // Runs tell of sub-agents in events of their own.
        let hasSubagents = conversation.agent != nil && dialect != .agentRun
        if notes == nil, freeText == nil, !hasSubagents { return nil }
    }

    /// Hands on what an event comes to.
    mutating func pass(
        _ event: ReplyEvent, of line: Span<UInt8>, to take: (ReplyEvent, Span<UInt8>) -> Void
    ) {
        if case .subagent(let step) = event { return pass(step, to: take) }
        guard var notes = notes.take() else { return passCall(event, of: line, to: take) }
        notes.pass(event, of: line) { passCall($0, of: $1, to: take) }
        self.notes = notes
    }

    /// A sub-agent's calls are shown like others, under a name that says whose they are.
    private mutating func pass(_ step: SubagentStep, to take: (ReplyEvent, Span<UInt8>) -> Void) {
        let noLine: [UInt8] = []
        switch step.kind {
        case .begun: return
        case .called(let id, let name, let input, _):
            let arguments = JSONText(String(decoding: input.bytes, as: UTF8.self))
            let line = Array(arguments.escaped)
            let slice = JSONSlice(start: 0, end: line.count, hasEscapes: arguments.hasEscapes)
            let shown = JSONText(Self.subagentPrefix + name.string)
            passActivity(.blockStarted(.agentCall(id: id, name: shown)), of: noLine.span, to: take)
            passActivity(.toolInput(slice), of: line.span, to: take)
            passActivity(.blockStopped, of: noLine.span, to: take)
        case .answered(let result): passActivity(.callResult(result), of: noLine.span, to: take)
        }
    }

    /// What stands before the names of the tools that a sub-agent calls.
    static let subagentPrefix = "Agent/"

    private mutating func passActivity(
        _ event: ReplyEvent, of line: Span<UInt8>, to take: (ReplyEvent, Span<UInt8>) -> Void
    ) {
        guard activity != nil else { return take(event, line) }
        activity?.pass(event, of: line, to: take)
    }

    private mutating func passCall(
        _ event: ReplyEvent, of line: Span<UInt8>, to take: (ReplyEvent, Span<UInt8>) -> Void
    ) {
        guard var freeText = freeText.take() else { return passActivity(event, of: line, to: take) }
        freeText.pass(event, of: line) { passActivity($0, of: $1, to: take) }
        self.freeText = freeText
    }
}
