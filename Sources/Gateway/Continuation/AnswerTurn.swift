import Dialects
import Vocabulary

/// Gathers an answer as the message that it is from then on, in the form in which its client gets it.
struct AnswerTurn {
    private var blocks: [Block] = []
    /// Messages that are over: calls of the CLI's own tools and their results, one after another.
    private var before: [Turn] = []
    private var results: [Block] = []
    /// True where the message that is being said calls one of the CLI's own tools.
    private var hasAgentCall = false
    private var notes: ProgressNotes?
    private var gaps: AgentGaps?
    private var open: ReplyBlock?
    private var text = Gathered()
    private var signature = Gathered()
    /// What the open text cites of pages, with commas between.
    private var citations: [UInt8] = []
    private(set) var isWhole = false

    /// An answer of which nothing has come.
    init(to conversation: Conversation, in dialect: Dialect) {
        notes = ProgressNotes(conversation, dialect)
        gaps = AgentGaps(conversation, dialect)
    }

    /// The message, behind those with calls of the CLI's own tools; none as long as it is not whole, and where it says
    /// nothing.
    var turns: [Turn] {
        guard isWhole else { return [] }
        guard results.isEmpty else {
            return (before + [Turn(.assistant, blocks.filter(isAnswered)), Turn(.user, results)]).filter(\.isWorthKeeping)
        }
        // A call that was not made has no result, and the vendor refuses one without.
        let said = hasAgentCall ? blocks.filter { if case .toolUse = $0 { false } else { true } } : blocks
        return (before + [Turn(.assistant, said)]).filter(\.isWorthKeeping)
    }

    /// False for a call without a result, as one that was cut off behind others.
    private func isAnswered(_ block: Block) -> Bool {
        guard case .toolUse(let id, _, _) = block else { return true }
        return results.contains { if case .toolResult(id, _, _) = $0 { true } else { false } }
    }

    /// Takes an event of the answer, in the client's names, with the line that its slices refer to.
    mutating func hear(_ event: ReplyEvent, of line: Span<UInt8>) {
        guard var notes = notes.take() else { return take(event, of: line) }
        notes.pass(event, of: line) { take($0, of: $1) }
        self.notes = notes
    }

    private mutating func take(_ event: ReplyEvent, of line: Span<UInt8>) {
        switch event {
        case .blockStarted(let block):
            if !results.isEmpty {
                before += [Turn(.assistant, blocks), Turn(.user, results)]
                (blocks, results, hasAgentCall) = ([], [], false)
            }
            (open, text, signature, citations) = (block, Gathered(), Gathered(), [])
            switch block {
            case .agentCall: gaps?.noteCall()
            case .text: if gaps?.beginText() == true { text.add(AgentGaps.gap) }
            default: break
            }
        case .text(let piece), .thinking(let piece), .toolInput(let piece): text.add(piece, of: line)
        case .signature(let piece): signature.add(piece, of: line)
        case .blockStopped: close()
        case .callResult(let result): results.append(Self.block(of: result))
        case .finished: isWhole = true
        case .citation(let piece):
            if !citations.isEmpty { citations.append(UInt8(ascii: ",")) }
            citations.append(copying: line.extracting(piece.start..<piece.end))
        case .started, .failed, .subagent: break
        }
    }

    private mutating func close() {
        switch open.take() {
        case .text where !citations.isEmpty && !text.text.isEmpty:
            blocks.append(.other(ServerToolBlock.text(text.text, citing: citations)))
        case .text: if !text.text.isEmpty { blocks.append(.text(text.text)) }
        case .thinking: blocks.append(.thinking(text.text, signature: signature.text))
        case .redactedThinking(let data): blocks.append(.redactedThinking(data))
        case .toolUse(let id, let name): blocks.append(.toolUse(id: id, name: name, input: text.object))
        case .agentCall(let id, let name):
            hasAgentCall = true
            blocks.append(.toolUse(id: id, name: name, input: text.object))
        case .other(let whole): blocks.append(.other(ServerToolBlock.whole(whole, input: text.text)))
        case nil: break
        }
    }

    /// A result is kept as its text: images of files are large, and can be read again.
    private static func block(of result: CallResult) -> Block {
        .toolResult(id: result.id, content: [.text(JSONText(result.text))], isError: result.isError)
    }

    /// Escaped text that comes in pieces.
    private struct Gathered {
        private var escaped: [UInt8] = []
        private var hasEscapes = false

        mutating func add(_ piece: JSONText) {
            escaped += piece.escaped
            if piece.hasEscapes { hasEscapes = true }
        }

        mutating func add(_ piece: JSONSlice, of line: Span<UInt8>) {
            escaped.append(copying: line.extracting(piece.start..<piece.end))
            if piece.hasEscapes { hasEscapes = true }
        }

        var text: JSONText { JSONText(escaped: escaped[...], hasEscapes: hasEscapes) }

        /// The object that it spells; an empty one where an answer was cut off within it.
        var object: JSONFragment {
            let bytes = Array(text.string.utf8)
            guard let document = try? JSONDocument(parsing: bytes, limits: JSONLimits(depth: 256, values: .max)),
                document.root.kind == .object
            else { return JSONFragment("{}") }
            return document.root.fragment
        }
    }
}
