import Vocabulary

/// Who speaks first and last. OpenAI answers a conversation whatever its last message is, and programs rely on that: a
/// question that is put as an instruction alone, or an answer that is to be followed by another, as where an agent's
/// last words are to be put in a schema. The vendor answers the user only, and takes an assistant's last message for
/// the beginning of its answer.
extension Conversation {
    /// Lets the user speak first, for OpenAI's dialects: chat apps begin with a greeting of the assistant's, and the
    /// vendor's pages disagree about whether it may stand there.
    mutating func giveUserFirstWord() {
        // Messages that say nothing do not reach the vendor.
        let first = turns.first { !$0.blocks.allSatisfy(\.isEmptyText) }
        guard first?.role == .assistant else { return }
        turns.insert(Turn(.system, [.text("The assistant speaks first.")]), at: 0)
    }

    /// Lets the user speak last, for OpenAI's dialects.
    mutating func giveUserLastWord() {
        while let last = turns.last, last.role == .assistant, last.blocks.allSatisfy(\.isEmptyText) {
            turns.removeLast()
        }
        if turns.isEmpty, let question = system.popLast() {
            turns = [Turn(.user, [.text(question)])]
        } else if turns.last?.role == .assistant {
            turns.append(Turn(.system, [.text("Continue.")]))
        }
    }
}
