import Vocabulary

/// Turns under construction: a model's message, its thinking and its calls are items of their own here
/// and one message for the model; so are the results of parallel calls.
struct ResponsesTurns {
    private(set) var list: [Turn] = []
    private var endsInResults = false

    mutating func assistant(_ blocks: [Block]) {
        if list.last?.role == .assistant {
            list[list.count - 1].blocks += blocks
        } else {
            list.append(Turn(.assistant, blocks))
        }
        endsInResults = false
    }

    mutating func result(_ block: Block) {
        if endsInResults {
            list[list.count - 1].blocks.append(block)
        } else {
            list.append(Turn(.user, [block]))
        }
        endsInResults = true
    }

    mutating func append(_ role: Turn.Role, _ blocks: [Block]) {
        list.append(Turn(role, blocks))
        endsInResults = false
    }
}
