import Vocabulary

/// Collects the result of a run.
struct AgentRunBody: ReplyCollector {
    private var record: AgentRunRecord
    /// What the run has cost, in nano-USD, where the caller sets it before the end.
    var cost: Int? {
        get { record.cost }
        set { record.cost = newValue }
    }
    /// What its commands have changed, where the caller sets it before the end.
    var files: FileReport? {
        get { record.report }
        set { record.report = newValue }
    }

    init(_ conversation: Conversation) { record = AgentRunRecord(conversation) }

    mutating func take(_ event: ReplyEvent, of line: Span<UInt8>) { _ = record.take(event, of: line) }

    func finish(completedAt: Int?) -> [UInt8]? { record.result() }
}
