import Vocabulary

/// Collects the result of a run.
struct AgentRunBody: ReplyCollector {
    private var record: AgentRunRecord
    /// What is known behind the last event, where the caller sets it before the end.
    var summary: RunSummary? {
        get { record.summary }
        set { record.summary = newValue }
    }

    init(_ conversation: Conversation, _ identity: ReplyIdentity) { record = AgentRunRecord(conversation, identity) }

    mutating func take(_ event: ReplyEvent, of line: Span<UInt8>) { _ = record.take(event, of: line) }

    func finish(completedAt: Int?) -> [UInt8]? { record.result() }

    func remains() -> [UInt8]? { record.remains() }
}
