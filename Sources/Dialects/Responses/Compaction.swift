import Vocabulary

/// Seals what only the same caller may hand back: the summary of a conversation that took its place.
public protocol SummarySeal: Sendable {
    /// The text in a form that only `open` under the same key understands; nil when it cannot be made.
    func seal(_ text: String) -> String?
    /// The text; nil for what was not sealed under the same key.
    func open(_ sealed: String) -> String?
}

/// The summary that takes the place of a conversation that has grown too long: asked for by an item at the end of a
/// request, given as one item, and understood when that comes back.
enum Compaction {
    /// Asks the model for a summary instead of an answer. The client's tools stay as they are, so that the vendor's
    /// cache of the conversation holds, but none may be called.
    static func ask(of conversation: inout Conversation) {
        conversation.toolChoice = conversation.tools.isEmpty ? .auto : .none
        conversation.turns.append(Turn(.user, [.text(question)]))
    }

    /// A summary as the model reads it in place of what it stands for.
    static func block(_ summary: String) -> Block {
        .text(JSONText("\(lead)\n\n\(summary)"))
    }

    private static let lead =
        "Here the conversation was shortened. What follows is your own summary of all that was said and done before."

    private static let question: JSONText = """
        The conversation is about to be shortened: everything before this message is removed and only your next \
        answer is kept in its place. Write that answer as a hand-over to yourself. Do not call a tool and do not go \
        on with the work.

        Say, as far as it applies:
        - what the user wants, with every wish, limit and decision that still holds, in the user's words where they \
        matter;
        - what has been done and what came of it: files, functions, commands and their results, with exact names, \
        paths, numbers and error texts;
        - what is known now that had to be found out;
        - what is left to do, and the very next step.

        Leave out what is settled and not needed any more. Be complete rather than short.
        """
}
