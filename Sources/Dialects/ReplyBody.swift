public import Vocabulary

/// Collects reply events to one JSON body in one dialect.
public struct ReplyBody: Sendable {
    private var collector: any ReplyCollector
    private var isComplete = false
    private var filters: ReplyFilters?

    /// When the answer was complete, in Unix seconds, where the caller sets it before `finish` (Responses).
    public var completedAt: Int?

    /// A body that answers `conversation`.
    public init(dialect: Dialect, conversation: Conversation, identity: ReplyIdentity) {
        filters = ReplyFilters(conversation, dialect)
        collector =
            switch dialect {
            case .anthropic: AnthropicBody(conversation, identity)
            case .chatCompletions: ChatBody(conversation, identity)
            case .responses: ResponsesBody(conversation, identity)
            case .agentRun: AgentRunBody(conversation, identity)
            }
    }

    /// Takes the next event; `line` is the CLI line that its slices refer to.
    ///
    /// `.failed` is not a body's matter: the caller answers it with an `ErrorReply`. What comes behind
    /// `.finished` is not part of the answer.
    public mutating func take(_ event: ReplyEvent, of line: Span<UInt8>) {
        guard !isComplete else { return }
        if case .finished = event { isComplete = true }
        guard filters != nil else { return collector.take(event, of: line) }
        filters?.pass(event, of: line) { collector.take($0, of: $1) }
    }

    /// What is known of a run behind its last event, where the caller sets it before `finish`.
    public var summary: RunSummary? {
        get { collector.summary }
        set { collector.summary = newValue }
    }

    /// The body, or nil as long as `.finished` has not come.
    public func finish() -> [UInt8]? { collector.finish(completedAt: completedAt) }

    /// What a run had come to whose answer is a failure, a JSON object; nil as long as no summary is known, and for others.
    public func remains() -> [UInt8]? { collector.remains() }

    /// Why the answer is none although it has finished; nil for a good one.
    public var fault: Fault? { collector.fault }

    /// What must be stored before `body`, which `finish` gave, may be sent; nil when nothing is stored.
    public func keepsake(_ body: [UInt8]) -> StoredReply? { collector.keepsake(body) }
}

/// One dialect's way to collect a body.
protocol ReplyCollector: Sendable {
    /// Why the answer is none although it has finished.
    var fault: Fault? { get }
    /// What is known of a run behind its last event, for those who tell it.
    var summary: RunSummary? { get set }
    mutating func take(_ event: ReplyEvent, of line: Span<UInt8>)
    func finish(completedAt: Int?) -> [UInt8]?
    /// What a run had come to whose answer is a failure.
    func remains() -> [UInt8]?
    /// What is stored of the answer.
    func keepsake(_ answer: [UInt8]) -> StoredReply?
}

extension ReplyCollector {
    var fault: Fault? { nil }
    var summary: RunSummary? {
        get { nil }
        set {}
    }
    func remains() -> [UInt8]? { nil }
    func keepsake(_ answer: [UInt8]) -> StoredReply? { nil }
}
