import Vocabulary

extension [Turn] {
    /// The messages without what tools did, those of one side that then follow one another as one.
    ///
    /// What the CLI's own tools did clients send back in other forms or not at all, so that a conversation is known
    /// without it.
    var spoken: [Turn] {
        var spoken: [Turn] = []
        for turn in self {
            let blocks = turn.blocks.filter { !$0.isOfTools }
            guard !blocks.isEmpty else { continue }
            if let last = spoken.indices.last, spoken[last].role == turn.role {
                spoken[last].blocks += blocks
            } else {
                spoken.append(Turn(turn.role, blocks))
            }
        }
        return spoken
    }

    /// True where a message holds a call or its result.
    var haveCalls: Bool { contains { $0.blocks.contains(where: \.isOfTools) } }
}

extension Block {
    fileprivate var isOfTools: Bool {
        switch self {
        case .toolUse, .toolResult: true
        default: false
        }
    }
}
