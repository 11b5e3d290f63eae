public import Vocabulary

/// Makes text of what newer models say between two calls of tools, which they send as thinking.
///
/// For clients that did not ask for thinking: it is what older models say in text. Blocks without words, which hold the
/// vendor's seal alone, are left out.
public struct ProgressNotes: Sendable {
    /// True where clients get all text in one piece.
    private let isJoined: Bool
    private var open = Block.other
    /// The text that is over, as long as nothing else has come behind it.
    private var before = Block.other

    private enum Block { case other, silentNote, note, text }

    /// Notes of an answer to `conversation`; nil where they are not to be text.
    public init?(_ conversation: Conversation, _ dialect: Dialect) {
        guard conversation.thinkingShown == .asText else { return nil }
        isJoined = dialect == .chatCompletions
    }

    /// Hands on what an event comes to.
    public mutating func pass(
        _ event: ReplyEvent, of line: Span<UInt8>, to take: (ReplyEvent, Span<UInt8>) -> Void
    ) {
        switch event {
        case .blockStarted(.thinking): open = .silentNote
        case .blockStarted(.redactedThinking): open = .silentNote
        case .thinking(let slice):
            guard slice.count > 0 else { return }
            if open == .silentNote {
                begin(.note, line, take)
            }
            take(.text(slice), line)
        case .signature: if open == .other { take(event, line) }
        case .blockStarted(.text): begin(.text, line, take)
        case .blockStarted:
            (open, before) = (.other, .other)
            take(event, line)
        case .blockStopped:
            if open != .silentNote {
                take(event, line)
                before = open
            }
            open = .other
        default: take(event, line)
        }
    }

    /// Begins a text block, set off from a note before it, or from a text before a note.
    private mutating func begin(
        _ block: Block, _ line: Span<UInt8>, _ take: (ReplyEvent, Span<UInt8>) -> Void
    ) {
        open = block
        take(.blockStarted(.text), line)
        guard isJoined, before == .note || (before == .text && block == .note) else { return }
        let gap = Array("\\n\\n".utf8)
        take(.text(JSONSlice(start: 0, end: gap.count, hasEscapes: true)), gap.span)
    }
}
