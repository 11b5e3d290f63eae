import Vocabulary

/// What becomes of the model's events before a dialect writes them: notes become text, the arguments of free-text tools
/// the text that they hold, and what the CLI's own tools do blocks of the dialect.
struct ReplyFilters: Sendable {
    private var notes: ProgressNotes?
    private var freeText: FreeTextCalls?
    private var activity: AgentActivity?

    /// The filters of an answer to `conversation`; nil where every event stays as it is.
    init?(_ conversation: Conversation, _ dialect: Dialect) {
        notes = ProgressNotes(conversation, dialect)
        freeText = FreeTextCalls(conversation)
        activity = AgentActivity(conversation, dialect)
        if notes == nil, freeText == nil, activity == nil { return nil }
    }

    /// Hands on what an event comes to.
    mutating func pass(
        _ event: ReplyEvent, of line: Span<UInt8>, to take: (ReplyEvent, Span<UInt8>) -> Void
    ) {
        guard var notes = notes.take() else { return passCall(event, of: line, to: take) }
        notes.pass(event, of: line) { passCall($0, of: $1, to: take) }
        self.notes = notes
    }

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
