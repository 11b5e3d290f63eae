import ClaudeCLI
import Dialects
import Vocabulary

/// What a conversation is known by before and after a turn: by the former a process is found that can go on with it, by
/// the latter it is found again.
///
/// The answer counts as the client was given it, since that is what it sends back.
final class ConversationTrace {
    /// What a process must hold to go on; nil where that cannot be told.
    let held: ConversationPrint?
    /// True when the turn is the first of its conversation.
    let isFirst: Bool

    private let hash: ConversationHash
    private let sink: ConversationForm.Sink
    private var notes: ProgressNotes?
    private var activity: AgentActivity?
    private var answer = AnswerContent()
    private var call: (name: JSONText, arguments: [UInt8])?
    private var isText = false
    private var isWhole = false
    private var isForeign = false
    private var holds: ConversationPrint?

    /// The trace of the turn that `plan` asks for `conversation` at `now`, in Unix seconds; nil where its process holds
    /// more than the client knows.
    init?(_ plan: TurnPlan, of conversation: Conversation, in dialect: Dialect, now: Int) {
        guard plan.isKeepable, let question = plan.turns.last else { return nil }
        let hash = ConversationHash()
        let sink: ConversationForm.Sink = { hash.add($0) }
        var form = ConversationForm(to: sink)
        // The CLI tells the model the date, and where a conversation goes on the next day, that it has changed.
        form.tell(day: now / 86_400)
        form.tellGround(of: plan)
        let turns = plan.agent == nil ? plan.turns : plan.turns.spoken
        for turn in turns.dropLast() { form.tell(turn) }
        isFirst = turns.count == 1
        held = hash.digest().map(ConversationPrint.init(digest:))
        form.tell(question)
        form.beginAnswer()
        self.hash = hash
        self.sink = sink
        notes = ProgressNotes(conversation, dialect)
        activity = AgentActivity(conversation, dialect)
    }

    /// Takes an event of the answer, in the client's names, with the line that its slices refer to.
    func hear(_ event: ReplyEvent, of line: Span<UInt8>) {
        guard var notes = notes.take() else { return hearActivity(event, of: line) }
        notes.pass(event, of: line) { hearActivity($0, of: $1) }
        self.notes = notes
    }

    private func hearActivity(_ event: ReplyEvent, of line: Span<UInt8>) {
        guard var activity = activity.take() else { return take(event, of: line) }
        // What it is shown as is no part of the answer's text, but the gaps that it leaves are.
        activity.pass(event, of: line) { shown, line in
            if case .blockStarted(.other) = shown { return }
            take(shown, of: line)
        }
        self.activity = activity
    }

    private func take(_ event: ReplyEvent, of line: Span<UInt8>) {
        switch event {
        case .text(let piece):
            if isText { piece.withResolvedBytes(of: line) { answer.add(text: $0, to: sink) } }
        case .toolInput(let piece): piece.withResolvedBytes(of: line) { call?.arguments.append(copying: $0) }
        case .blockStarted(let block):
            isText = block == .text
            // What has no form of its own is not known again.
            if case .other = block { isForeign = true }
            if case .toolUse(_, let name) = block { call = (name, []) }
        case .blockStopped:
            if let (name, arguments) = call {
                answer.add(call: name, JSONFragment(validated: arguments[...]))
            }
            call = nil
        case .finished: isWhole = true
        // What the CLI's own tools did is told of no conversation: few clients can send it back.
        case .started, .thinking, .signature, .citation, .callResult, .subagent, .failed: break
        }
    }

    /// What the process holds in the end; nil when the answer is not whole. Nothing that is heard afterwards counts.
    func finish() -> ConversationPrint? {
        guard isWhole, !isForeign else { return nil }
        if let holds { return holds }
        answer.finish(to: sink)
        holds = hash.digest().map(ConversationPrint.init(digest:))
        return holds
    }
}
