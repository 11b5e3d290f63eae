public import Vocabulary

/// What becomes of thinking that comes back with a conversation.
extension Conversation {
    /// Has the vendor drop the thinking blocks that it cannot take back, rather than refuse the request for them.
    ///
    /// Newer models take a block only behind the very conversation that stood before it when it was made. The CLI puts a
    /// text of its own behind the last message, which has moved on when the block comes back: such a request would always
    /// be refused. Where the model can be told to drop blocks it is; where it is not to think, it takes no such word, and
    /// the blocks are left out here. A client's own wish for an error could only be met by one that it did not cause.
    public mutating func settleReplayedThinking(_ traits: ModelTraits) {
        guard traits.checksPrefix, turns.contains(where: { $0.blocks.contains(where: \.isThinking) }) else { return }
        switch thinking {
        case .disabled, .betweenTools:
            for index in turns.indices { turns[index].blocks.removeAll(where: \.isThinking) }
            turns.removeAll { $0.blocks.isEmpty }
            // Who is to be told what was dropped will not hear of these by the vendor.
            if wantsTransformations { ignore("messages.thinking") }
        case nil, .adaptive, .enabled:
            if blockBinding == .error { ignore("thinking.block_binding.prefix_mismatch_behavior") }
            blockBinding = .dropBlock
            // The field has its place in this object alone, which says nothing else than its absence.
            if thinking == nil { thinking = .adaptive }
        }
    }
}
