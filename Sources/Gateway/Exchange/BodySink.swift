import ClaudeCLI
import Dialects
import HTTP
import Platform
import Server
import Vocabulary

/// Gathers the answer and sends it whole: until then nothing is promised.
struct BodySink: ~Copyable, AnswerSink {
    private let announcements: [(FieldName, String)]
    private var collector: ReplyBody
    private var writer: ResponseWriter?
    private var body: [UInt8] = []

    init(
        _ conversation: Conversation, as form: AnswerForm, on seat: Seat, answering writer: consuming ResponseWriter
    ) {
        announcements = AnswerContext.announcements(conversation)
        collector = ReplyBody(dialect: form.dialect, conversation: conversation, identity: form.identity)
        self.writer = consume writer
    }

    var sentBytes: Int { body.count }
    var keepsake: StoredReply? { collector.keepsake(body) }

    mutating func take(_ event: ReplyEvent, of line: Span<UInt8>) { collector.take(event, of: line) }

    mutating func note(_ summary: RunSummary) { collector.summary = summary }

    var remains: [UInt8]? { collector.remains() }

    mutating func complete(_ turn: any RunningTurn) -> Fault? {
        collector.completedAt = WallClock.unixSeconds
        guard let body = collector.finish() else { return collector.fault ?? .incomplete }
        self.body = body
        return nil
    }

    mutating func finish(in context: AnswerContext) async -> Bool {
        if let writer = writer.take() {
            await writer.respond(context.json(status: 200, body, adding: announcements))
        }
        return true
    }

    consuming func surrender() -> ResponseWriter? { writer.take() }
}
