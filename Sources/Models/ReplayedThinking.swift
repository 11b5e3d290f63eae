public import Vocabulary

/// What becomes of thinking that comes back with a conversation.
extension Conversation {
    /// Leaves out the thinking blocks that the vendor cannot take back, rather than have the request refused for them.
    ///
    /// Newer models take a block only behind the very conversation that stood before it when it was made. A process that
    /// goes on with the conversation holds its own; one that is told the history puts a text of its own behind the last
    /// message, which has moved on when the block comes back. Who asks to be told what was dropped is told by the vendor,
    /// which then drops the blocks itself. A client's own wish for an error could only be met by one that it did not
    /// cause.
    public mutating func settleReplayedThinking(_ traits: ModelTraits) {
        guard traits.checksPrefix, turns.contains(where: { $0.blocks.contains(where: \.isThinking) }) else { return }
        let mayBind =
            switch thinking {
            case .disabled, .betweenTools: false
            case nil, .adaptive, .enabled: true
            }
        if mayBind, blockBinding == .error { ignore("thinking.block_binding.prefix_mismatch_behavior") }
        if mayBind, wantsTransformations {
            blockBinding = .dropBlock
            // The field has its place in this object alone, which says nothing else than its absence.
            if thinking == nil { thinking = .adaptive }
            return
        }
        blockBinding = nil
        for index in turns.indices { turns[index].blocks.removeAll(where: \.isThinking) }
        turns.removeAll { $0.blocks.isEmpty }
        // Who is to be told what was dropped will not hear of these by the vendor.
        if wantsTransformations { ignore("messages.thinking") }
    }
}
