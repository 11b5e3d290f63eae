import Dialects
import HTTP
import Platform
import Server
import Vocabulary

/// What becomes of a turn's events: a stream, a body, a number. It holds the right to answer until it has used it.
///
/// `Exchange` drives it: events are taken, then what they have come to is sent; when the turn is over the answer is
/// completed, stored where it must be, and finished.
protocol AnswerSink: ~Copyable {
    /// A sink for the answer to `conversation`.
    init(
        _ conversation: Conversation, as form: AnswerForm, on seat: Seat, answering writer: consuming ResponseWriter)

    /// True once a failure can no longer be told by a status, and so has to be told in the answer.
    var isPromised: Bool { get }
    /// When the client must hear something although nothing has come of the turn; nil where it may wait for ever.
    var nextSign: Instant? { get }
    /// How many bytes of the answer the client's side has taken.
    var sentBytes: Int { get }
    /// What must be stored before the answer may end; nil when nothing is stored.
    var keepsake: StoredReply? { get }
    /// Why the answer tells of a failure although the model's has finished.
    var toldFault: Fault? { get }

    /// Takes an event with the line that its slices refer to; `.failed` only when something is promised.
    mutating func take(_ event: ReplyEvent, of line: Span<UInt8>)
    /// Sends what has come, or what keeps the client waiting; false when it is gone or takes nothing for too long.
    mutating func send(in context: AnswerContext, isOver: Bool) async -> Bool
    /// Takes what is known of a run behind its last event, before its end.
    mutating func note(_ summary: RunSummary)
    /// What a run had come to, for an answer that only tells why it failed; nil where nothing is known.
    var remains: [UInt8]? { get }
    /// Takes the end of a turn that has not failed; returns why it is no answer all the same.
    mutating func complete(_ turn: any RunningTurn) -> Fault?
    /// Sends the end; false when the client is gone or takes nothing for too long.
    mutating func finish(in context: AnswerContext) async -> Bool
    /// Gives the right to answer back, where it has not been used.
    consuming func surrender() -> ResponseWriter?
}

extension AnswerSink where Self: ~Copyable {
    var isPromised: Bool { false }
    var nextSign: Instant? { nil }
    var keepsake: StoredReply? { nil }
    var toldFault: Fault? { nil }
    mutating func note(_ summary: RunSummary) {}
    var remains: [UInt8]? { nil }
    mutating func send(in context: AnswerContext, isOver: Bool) async -> Bool { true }
}

/// How the answer to one request is given, whatever attempt it comes from.
struct AnswerForm {
    let dialect: Dialect
    let identity: ReplyIdentity
    /// How long a stream may be silent.
    let pingInterval: Milliseconds
    /// When a stream must have said something.
    let firstSign: Instant
}

extension AnswerContext {
    /// What the client is told of its wishes that are not fulfilled, and of the conversation that it named.
    static func announcements(_ conversation: Conversation) -> [(FieldName, String)] {
        var fields: [(FieldName, String)] = []
        if !conversation.ignored.isEmpty { fields.append((.ignored, conversation.ignored.joined(separator: ", "))) }
        if let named = conversation.named {
            fields.append((.conversationID, named.id))
            fields.append((.conversationState, named.state.rawValue))
        }
        return fields
    }
}
