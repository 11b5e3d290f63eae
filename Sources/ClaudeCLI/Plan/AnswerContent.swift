public import Vocabulary

/// An answer as bytes by which it is known again, made while it comes or from a history; see ``ConversationForm``.
public struct AnswerContent {
    /// White space that is part of the text only if more text follows.
    private var blank: [UInt8] = []
    private var hasText = false
    private var calls: [UInt8] = []

    /// The form of an answer of which nothing has come.
    public init() {}

    /// Adds more of its text; what is settled of it goes to `sink`.
    public mutating func add(text bytes: Span<UInt8>, to sink: ConversationForm.Sink) {
        var start = 0
        var end = bytes.count
        if !hasText {
            while start < end, Self.isBlank(bytes[start]) { start += 1 }
        }
        while end > start, Self.isBlank(bytes[end - 1]) { end -= 1 }
        if end > start {
            if !blank.isEmpty { sink(blank.span) }
            blank.removeAll(keepingCapacity: true)
            hasText = true
            sink(bytes.extracting(start..<end))
        }
        if hasText { blank.append(copying: bytes.extracting(end..<bytes.count)) }
    }

    /// Adds a call; no arguments are an empty object.
    public mutating func add(call name: JSONText, _ arguments: JSONFragment) {
        calls.append(ConversationForm.callMark)
        name.withResolvedBytes { calls.append(copying: $0) }
        calls.append(ConversationForm.argumentsMark)
        if arguments.bytes.isEmpty { calls.append("{}") } else { CanonicalJSON.append(arguments, to: &calls) }
    }

    /// True when it holds a call.
    public var hasCalls: Bool { !calls.isEmpty }

    /// Tells the rest.
    public func finish(to sink: ConversationForm.Sink) { sink(calls.span) }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
