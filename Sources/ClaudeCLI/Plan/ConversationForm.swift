public import Vocabulary

/// A conversation's content as bytes by which it is known again, whatever way a client has of writing it.
///
/// Equal bytes reach the vendor as the same conversation. Told apart are the system prompt, the tools, the model, who
/// speaks, every text, image, document, call and result. Not told apart: escapes and the order of keys in arguments,
/// numbers of one value, how neighbouring texts are split, the ids of calls, white space round an answer, the order of tools, and thinking,
/// which many clients cannot send back: a process holds the model's own. Marks are bytes that UTF-8 has not.
public struct ConversationForm {
    private enum Mark: UInt8 {
        case message = 0xF8
        case text, call, arguments, result, end, image, other
    }

    static let callMark = Mark.call.rawValue
    static let argumentsMark = Mark.arguments.rawValue

    /// Takes the bytes, a piece at a time.
    public typealias Sink = (Span<UInt8>) -> Void

    private let sink: Sink
    /// Which call of the last answer an id stands for.
    private var calls: [String: Int] = [:]

    /// A form whose bytes go to `sink`.
    public init(to sink: @escaping Sink) { self.sink = sink }

    /// Tells a day.
    public func tell(day: Int) {
        tell(.other)
        tell("\(day)")
    }

    /// Tells what a conversation stands on: all but its messages.
    public func tellGround(of plan: TurnPlan) {
        tell(.other)
        tell(plan.settings.model)
        tell(.other)
        tell(plan.settings.betas)
        for text in plan.system { tell(.text, text) }
        for tool in plan.tools.all.sorted(by: { $0.name.string < $1.name.string }) {
            tell(.call, tool.name)
            if let description = tool.description { tell(.text, description) }
            tell(.arguments)
            tell(tool.schema)
        }
        for alias in plan.tools.names.all {
            tell(.other, alias.name)
            tell(.other, alias.alias)
        }
    }

    /// Tells one message, in the client's names.
    public mutating func tell(_ turn: Turn) {
        if turn.role == .assistant { answer(turn.blocks) } else { question(turn.blocks) }
    }

    private mutating func question(_ blocks: [Block]) {
        tell(.message)
        tell("u")
        tell(contents: blocks)
    }

    private func tell(contents blocks: [Block]) {
        var isText = false
        for block in blocks {
            if case .text(let text) = block {
                if !isText { tell(.text) }
                isText = true
                text.withResolvedBytes(sink)
                continue
            }
            isText = false
            tell(block)
        }
    }

    private func tell(_ block: Block) {
        switch block {
        case .text, .toolUse, .thinking, .redactedThinking: break
        case .image(let source):
            tell(.image)
            tell(source)
        case .document(let whole), .other(let whole):
            tell(.other)
            tell(whole)
        case .toolResult(let id, let content, let isError):
            tell(.result)
            tell("\(calls[id.string] ?? -1)\(isError ? "!" : "")")
            tell(contents: content)
            tell(.end)
        }
    }

    /// An answer is its text, without white space around it, and then its calls.
    private mutating func answer(_ blocks: [Block]) {
        beginAnswer()
        var answer = AnswerContent()
        calls = [:]
        for block in blocks {
            switch block {
            case .text(let piece): piece.withResolvedBytes { answer.add(text: $0, to: sink) }
            case .toolUse(let id, let name, let input):
                calls[id.string] = calls.count
                answer.add(call: name, input)
            case .thinking, .redactedThinking: break
            // What a gateway's answer never holds.
            case .image, .document, .other, .toolResult: tell(block)
            }
        }
        answer.finish(to: sink)
    }

    /// Tells that an answer follows, whose text and calls an ``AnswerContent`` tells.
    public func beginAnswer() {
        tell(.message)
        tell("a")
        tell(.text)
    }

    private func tell(_ mark: Mark) {
        let bytes = [mark.rawValue]
        sink(bytes.span)
    }

    private func tell(_ text: String) {
        let bytes = Array(text.utf8)
        sink(bytes.span)
    }

    private func tell(_ mark: Mark, _ text: JSONText) {
        tell(mark)
        text.withResolvedBytes(sink)
    }

    private func tell(_ value: JSONFragment) { sink(value.bytes.span) }
}
