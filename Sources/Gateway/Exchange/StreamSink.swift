import ClaudeCLI
import Dialects
import HTTP
import Platform
import Server
import Vocabulary

/// Streams the answer as it comes; a model that is silent for long gets the client a sign of life.
struct StreamSink: ~Copyable, AnswerSink {
    private let seat: Seat
    private let pingInterval: Milliseconds
    private let announcements: [(FieldName, String)]
    private var encoder: ReplyStream
    private var pending: ResponseWriter?
    private var writer: StreamWriter?
    private var buffer: [UInt8]
    private(set) var isPromised = false
    private(set) var sentBytes = 0
    private var sign: Instant

    init(
        _ conversation: Conversation, as form: AnswerForm, on seat: Seat, answering writer: consuming ResponseWriter
    ) {
        self.seat = seat
        pingInterval = form.pingInterval
        sign = form.firstSign
        announcements = AnswerContext.announcements(conversation)
        encoder = ReplyStream(dialect: form.dialect, conversation: conversation, identity: form.identity)
        buffer = seat.state.buffers.take()
        pending = consume writer
    }

    deinit { seat.state.buffers.give(buffer) }

    var nextSign: Instant? { sign }
    var keepsake: StoredReply? { encoder.keepsake }
    var toldFault: Fault? { encoder.fault }

    mutating func take(_ event: ReplyEvent, of line: Span<UInt8>) {
        switch event {
        case .started: isPromised = true
        case .finished: encoder.completedAt = WallClock.unixSeconds
        default: break
        }
        encoder.encode(event, of: line, into: &buffer)
    }

    mutating func send(in context: AnswerContext, isOver: Bool) async -> Bool {
        if buffer.isEmpty, !isOver {
            // The model may be at work on what is not shown, or not yet.
            guard sign <= seat.loop.now else { return true }
            encoder.keepAlive(into: &buffer)
        }
        sign = seat.loop.now + pingInterval
        isPromised = true
        if let first = pending.take() { writer = first.stream(context.stream(adding: announcements)) }
        return await flush()
    }

    mutating func note(_ summary: RunSummary) { encoder.summary = summary }

    mutating func complete(_ turn: any RunningTurn) -> Fault? { nil }

    mutating func finish(in context: AnswerContext) async -> Bool {
        encoder.release(into: &buffer)
        guard await flush() else { return false }
        if let last = writer.take() { await last.finish() }
        return true
    }

    consuming func surrender() -> ResponseWriter? { pending.take() }

    private mutating func flush() async -> Bool {
        if buffer.isEmpty { return true }
        let isTaken = await writer?.send(&buffer) ?? false
        sentBytes = writer?.sentBytes ?? sentBytes
        return isTaken
    }
}
