import Vocabulary

/// Makes of the arguments of free-text tools, which the model writes as `{"input":"…"}`, the text that their client
/// wants.
struct FreeTextCalls: Sendable {
    private let tools: ToolForms
    private var input: FreeTextInput?

    /// The calls of an answer to `conversation`; nil where it has no such tool.
    init?(_ conversation: Conversation) {
        guard conversation.tools.contains(where: { $0.form == .freeText }) else { return nil }
        tools = ToolForms(conversation.tools)
    }

    /// Hands an event on; of such a call's arguments only the text, escaped as it stands between quotes.
    mutating func pass(
        _ event: ReplyEvent, of line: Span<UInt8>, to take: (ReplyEvent, Span<UInt8>) -> Void
    ) {
        switch event {
        case .blockStarted(.toolUse(_, let name)):
            input = tools[name]?.form == .freeText ? FreeTextInput() : nil
            take(event, line)
        case .toolInput(let slice) where input != nil:
            var out: [UInt8] = []
            if slice.hasEscapes {
                let piece = Array(slice.string(in: line).utf8)
                input?.take(piece.span, into: &out)
            } else {
                input?.take(line.extracting(slice.start..<slice.end), into: &out)
            }
            hand(out, to: take)
        case .blockStopped:
            if input != nil {
                var out: [UInt8] = []
                input?.finish(into: &out)
                input = nil
                hand(out, to: take)
            }
            take(event, line)
        default: take(event, line)
        }
    }

    private func hand(_ text: [UInt8], to take: (ReplyEvent, Span<UInt8>) -> Void) {
        guard !text.isEmpty else { return }
        let slice = JSONSlice(start: 0, end: text.count, hasEscapes: text.contains(UInt8(ascii: "\\")))
        take(.toolInput(slice), text.span)
    }
}
