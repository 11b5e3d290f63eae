import Vocabulary

/// The calls of tools in a conversation, each with its result.
///
/// Clients repeat themselves: beside a `previous_response_id` some send once more what is stored, and some write one call
/// in two ways. What is there a second time, word for word, is dropped; what contradicts is refused.
struct AnsweredCalls {
    /// Where a block stands.
    private struct Place: Comparable {
        let turn: Int
        let block: Int

        static func < (left: Place, right: Place) -> Bool { (left.turn, left.block) < (right.turn, right.block) }
    }

    private let field: String
    /// The calls of an id that await their results, oldest first.
    private var open: [String: [(call: Block, place: Place)]] = [:]
    /// The last answered call of an id, and its result.
    private var answered: [String: (call: Block, result: Block)] = [:]
    private var repeated: [Place] = []

    /// Checks `turns`, which are the request's `field`, and drops what they hold twice.
    static func settle(_ turns: inout [Turn], field: String) throws(Refusal) {
        var calls = AnsweredCalls(field: field)
        var previous = Turn.Role.user
        for (index, turn) in turns.enumerated() where turn.role != .system {
            if turn.role == .assistant, previous == .user { try calls.close() }
            for (position, block) in turn.blocks.enumerated() {
                try calls.take(block, at: Place(turn: index, block: position))
            }
            previous = turn.role
        }
        try calls.close()
        for place in calls.repeated.sorted(by: >) { turns[place.turn].blocks.remove(at: place.block) }
    }

    private init(field: String) { self.field = field }

    private mutating func take(_ block: Block, at place: Place) throws(Refusal) {
        switch block {
        case .toolUse(let id, _, _): open[id.string, default: []].append((block, place))
        case .toolResult(let id, _, _):
            let id = id.string
            if var calls = open[id] {
                answered[id] = (calls.removeFirst().call, block)
                open[id] = calls.isEmpty ? nil : calls
            } else if let known = answered[id] {
                guard known.result == block else {
                    throw refusal("the tool call \(id) is answered already, with another result")
                }
                repeated.append(place)
            } else {
                throw refusal("no tool call found for the tool result with id \(id)")
            }
        default: break
        }
    }

    /// No call may stay open where the model speaks again, unless it is there a second time.
    private mutating func close() throws(Refusal) {
        guard let unanswered = open.filter({ !isRepeated($0.key, $0.value.map(\.call)) }).keys.min() else {
            for calls in open.values { repeated += calls.map(\.place) }
            open = [:]
            return
        }
        throw refusal(
            answered[unanswered] == nil
                ? "the tool call \(unanswered) is not followed by its result"
                : "the tool call \(unanswered) is answered already, and another of this id is not followed by its result")
    }

    private func isRepeated(_ id: String, _ calls: [Block]) -> Bool {
        guard let known = answered[id] else { return false }
        return calls.allSatisfy { $0 == known.call }
    }

    private func refusal(_ what: String) -> Refusal {
        Refusal(.invalidRequest, "\(field): \(what)", param: field)
    }
}
