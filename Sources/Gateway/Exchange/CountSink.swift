import Dialects
import Server
import Vocabulary

/// Tells how many tokens a conversation has; the model is not asked.
struct CountSink: ~Copyable, AnswerSink {
    private let dialect: Dialect
    private var writer: ResponseWriter?
    private var body: [UInt8] = []

    init(
        _ conversation: Conversation, as form: AnswerForm, on seat: Seat, answering writer: consuming ResponseWriter
    ) {
        dialect = form.dialect
        self.writer = consume writer
    }

    var sentBytes: Int { body.count }

    mutating func take(_ event: ReplyEvent, of line: Span<UInt8>) {}

    mutating func complete(_ turn: any RunningTurn) -> Fault? {
        guard let tokens = turn.countedTokens else { return .incomplete }
        body = dialect == .anthropic ? TokenCount.anthropic(tokens) : TokenCount.responses(tokens)
        return nil
    }

    mutating func finish(in context: AnswerContext) async -> Bool {
        if let writer = writer.take() { await writer.respond(context.json(status: 200, body)) }
        return true
    }

    consuming func surrender() -> ResponseWriter? { writer.take() }
}
