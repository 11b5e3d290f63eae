public import Vocabulary

/// Where an answer needs an empty line: between two texts that the CLI's own tools have worked between, for clients that
/// get all text in one piece.
public struct AgentGaps: Sendable {
    /// What stands between the texts.
    public static let gap: JSONText = "\n\n"

    private var hasText = false
    private var hasWorked = false

    /// The gaps of an answer to `conversation`; nil where there are none.
    public init?(_ conversation: Conversation, _ dialect: Dialect) {
        guard conversation.agent != nil, dialect == .chatCompletions else { return nil }
    }

    /// Notes that a tool is called.
    public mutating func noteCall() { hasWorked = hasText }

    /// Notes that a text begins; true where a gap comes before it.
    public mutating func beginText() -> Bool {
        defer { (hasText, hasWorked) = (true, false) }
        return hasWorked
    }
}
