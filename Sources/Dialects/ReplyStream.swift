public import Vocabulary

/// What an answer needs besides the events: the values no encoder may make up by itself.
public struct ReplyIdentity: Sendable {
    /// The id of the HTTP request, `req_…`; named in error events.
    public var requestID: String
    /// Random letters and digits that make this answer's ids unique: `chatcmpl-`, `resp_`, `fc_` and so on
    /// are put before it.
    public var suffix: String
    /// When the answer began, in Unix seconds.
    public var created: Int
    /// Seals a summary that is asked for instead of an answer (Responses).
    public var summaries: (any SummarySeal)?

    /// The identity of one answer.
    public init(requestID: String, suffix: String, created: Int) {
        self.requestID = requestID
        self.suffix = suffix
        self.created = created
    }
}

/// Turns reply events into a stream of server-sent events in one dialect.
///
/// Feed it every event of one answer in order. After `.finished` or `.failed` the stream is complete, its
/// last bytes included, and further events write nothing; where something must be known or stored first, and always
/// for a run, the end is held back until `release`.
public struct ReplyStream: Sendable {
    private var encoder: any ReplyEncoder
    private var isComplete = false
    /// The end of an answer that is not stored yet.
    private var held: ReplyEnd?
    /// The failure of a run of which not all is known yet.
    private var heldFault: Fault?
    private let dialect: Dialect
    private var filters: ReplyFilters?
    /// True where the caller stores something before the stream may end.
    private let isNamed: Bool

    /// When the answer was complete, in Unix seconds, where the caller sets it before the last event
    /// (Responses).
    public var completedAt: Int? {
        get { encoder.completedAt }
        set { encoder.completedAt = newValue }
    }

    /// A stream that answers `conversation`.
    public init(dialect: Dialect, conversation: Conversation, identity: ReplyIdentity) {
        self.dialect = dialect
        isNamed = conversation.named != nil
        filters = ReplyFilters(conversation, dialect)
        encoder =
            switch dialect {
            case .anthropic: AnthropicStream(conversation, identity)
            case .chatCompletions: ChatStream(conversation, identity)
            case .responses: ResponsesStream(conversation, identity)
            case .agentRun: AgentRunStream(conversation, identity)
            }
    }

    /// Appends what `event` means to `out`: complete server-sent events, or nothing.
    ///
    /// `line` is the CLI line that the event's slices refer to. A delta costs no allocation beyond the growth
    /// of `out`, and in Responses of the text kept for the closing events.
    public mutating func encode(_ event: ReplyEvent, of line: Span<UInt8>, into out: inout [UInt8]) {
        guard !isComplete, heldFault == nil else { return }
        switch event {
        case .finished(let end):
            guard held == nil else { return }
            if encoder.isStored || isNamed {
                held = end
                encoder.settle(end, into: &out)
                return
            }
            isComplete = true
        case .failed(let fault):
            guard dialect != .agentRun else { return heldFault = fault }
            isComplete = true
        default: break
        }
        guard filters != nil else { return encoder.encode(event, of: line, into: &out) }
        filters?.pass(event, of: line) { encoder.encode($0, of: $1, into: &out) }
    }

    /// What must be stored before the stream may end; nil as long as it has not finished, and when nothing is stored.
    ///
    /// A stream that is stored, or whose conversation is, holds its end back until `release`, or until it is told
    /// `.failed` instead.
    public var keepsake: StoredReply? { held.flatMap { encoder.keepsake($0) } }

    /// Appends the end that was held back.
    public mutating func release(into out: inout [UInt8]) {
        guard !isComplete, let end = heldFault.map({ .failed($0) }) ?? held.map({ ReplyEvent.finished($0) }) else { return }
        isComplete = true
        let noLine: [UInt8] = []
        encoder.encode(end, of: noLine.span, into: &out)
    }

    /// What is known of a run behind its last event, where the caller sets it before the end is released.
    public var summary: RunSummary? {
        get { encoder.summary }
        set { encoder.summary = newValue }
    }

    /// Why the stream has told of a failure although the model's answer has finished; nil for a good end.
    public var fault: Fault? { encoder.fault }

    /// Appends a sign of life that changes nothing; allowed at any time between two events.
    public mutating func keepAlive(into out: inout [UInt8]) {
        guard !isComplete else { return }
        out.append(dialect == .anthropic ? ServerSentEvent.ping : ": keepalive\n\n")
    }
}

/// One dialect's way to write a stream.
protocol ReplyEncoder: Sendable {
    /// When the answer was complete, for those who tell it.
    var completedAt: Int? { get set }
    /// What is known of a run behind its last event, for those who tell it.
    var summary: RunSummary? { get set }
    /// Appends complete events.
    mutating func encode(_ event: ReplyEvent, of line: Span<UInt8>, into out: inout [UInt8])
    /// True when the answer must be stored before it may end.
    var isStored: Bool { get }
    /// Why a finished answer was told as a failure.
    var fault: Fault? { get }
    /// Appends what waited to know how the answer ends; that it ends is not said yet.
    mutating func settle(_ end: ReplyEnd, into out: inout [UInt8])
    /// What is stored of an answer with that end.
    func keepsake(_ end: ReplyEnd) -> StoredReply?
}

extension ReplyEncoder {
    var completedAt: Int? {
        get { nil }
        set {}
    }
    var summary: RunSummary? {
        get { nil }
        set {}
    }
    var isStored: Bool { false }
    var fault: Fault? { nil }
    mutating func settle(_ end: ReplyEnd, into out: inout [UInt8]) {}
    func keepsake(_ end: ReplyEnd) -> StoredReply? { nil }
}

/// Pieces of the `text/event-stream` format (WHATWG HTML §9.2).
enum ServerSentEvent {
    static let ping: StaticString = "event: ping\ndata: {\"type\":\"ping\"}\n\n"
}

