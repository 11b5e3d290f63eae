import Dialects
import Vocabulary

/// Gathers an answer as the message that it is from then on, in the form in which its client gets it.
struct AnswerTurn {
    private var blocks: [Block] = []
    private var notes: ProgressNotes?
    private var open: ReplyBlock?
    private var text = Gathered()
    private var signature = Gathered()
    /// What the open text cites of pages, with commas between.
    private var citations: [UInt8] = []
    private(set) var isWhole = false

    /// An answer of which nothing has come.
    init(to conversation: Conversation, in dialect: Dialect) { notes = ProgressNotes(conversation, dialect) }

    /// The message; nil as long as it is not whole, and where it says nothing.
    var turn: Turn? {
        let turn = Turn(.assistant, blocks)
        return isWhole && turn.isWorthKeeping ? turn : nil
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
            (open, text, signature, citations) = (block, Gathered(), Gathered(), [])
        case .text(let piece), .thinking(let piece), .toolInput(let piece): text.add(piece, of: line)
        case .signature(let piece): signature.add(piece, of: line)
        case .blockStopped: close()
        case .finished: isWhole = true
        case .citation(let piece):
            if !citations.isEmpty { citations.append(UInt8(ascii: ",")) }
            citations.append(copying: line.extracting(piece.start..<piece.end))
        case .started, .failed: break
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
        case .other(let whole): blocks.append(.other(ServerToolBlock.whole(whole, input: text.text)))
        case nil: break
        }
    }

    /// Escaped text that comes in pieces.
    private struct Gathered {
        private var escaped: [UInt8] = []
        private var hasEscapes = false

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
