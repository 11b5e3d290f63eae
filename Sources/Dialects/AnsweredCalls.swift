import Vocabulary

/// The calls of tools in a conversation, each with its result.
///
/// Clients repeat themselves: beside a `previous_response_id` some send once more what is stored, and some write one call
/// in two ways. A call or a result that is there a second time by itself is dropped, and what contradicts is refused; a
/// call that comes again with a result of its own is another call.
struct AnsweredCalls {
    /// Where a block stands.
    private struct Place: Hashable {
        let turn: Int
        let block: Int
    }

    private struct OpenCall {
        let call: Block
        let place: Place
        /// How often the model had spoken before.
        let round: Int
    }

    private let field: String
    private let takesLateResults: Bool
    /// The calls of an id that await their results, oldest first; slices, from whose front much can be taken.
    private var open: [String: ArraySlice<OpenCall>] = [:]
    /// The last answered call of an id, and its result.
    private var answered: [String: (call: Block, result: Block)] = [:]
    private var round = 0
    /// What is to go from its place.
    private var gone: Set<Place> = []
    /// Results that came too late, by the turn of their calls.
    private var late: [Int: [Block]] = [:]

    /// Checks `turns`, which are the request's `field`, and drops what they hold twice.
    ///
    /// With late results (Responses, where items need not be in order) a result may come after the model has spoken
    /// again; it is put behind its call, where the vendor wants it.
    static func settle(_ turns: inout [Turn], field: String, takesLateResults: Bool) throws(Refusal) {
        var calls = AnsweredCalls(field: field, takesLateResults: takesLateResults)
        var previous = Turn.Role.user
        for (index, turn) in turns.enumerated() where turn.role != .system {
            if turn.role == .assistant, previous == .user { try calls.beginRound() }
            for (position, block) in turn.blocks.enumerated() {
                try calls.take(block, at: Place(turn: index, block: position))
            }
            previous = turn.role
        }
        try calls.close()
        calls.apply(to: &turns)
    }

    private init(field: String, takesLateResults: Bool) {
        self.field = field
        self.takesLateResults = takesLateResults
    }

    private mutating func take(_ block: Block, at place: Place) throws(Refusal) {
        switch block {
        case .toolUse(let id, _, _):
            open[id.string, default: []].append(OpenCall(call: block, place: place, round: round))
        case .toolResult(let id, _, _):
            let id = id.string
            if let first = open[id]?.popFirst() {
                if open[id]?.isEmpty == true { open[id] = nil }
                answered[id] = (first.call, block)
                guard first.round != round else { return }
                gone.insert(place)
                late[first.place.turn, default: []].append(block)
            } else if let known = answered[id] {
                guard known.result == block else {
                    throw refusal("the tool call \(id) is answered already, with another result")
                }
                gone.insert(place)
            } else {
                throw refusal("no tool call found for the tool result with id \(id)")
            }
        default: break
        }
    }

    private mutating func beginRound() throws(Refusal) {
        if !takesLateResults { try close() }
        round += 1
    }

    /// No call may stay open, unless it is there a second time.
    private mutating func close() throws(Refusal) {
        if let unanswered = open.filter({ !isRepeated($0.key, $0.value) }).keys.min() {
            guard answered[unanswered] != nil else {
                throw refusal("the tool call \(unanswered) is not followed by its result")
            }
            throw refusal(
                "the tool call \(unanswered) is answered already, and another of this id is not followed by its result")
        }
        for calls in open.values { gone.formUnion(calls.map(\.place)) }
        open = [:]
    }

    private func isRepeated(_ id: String, _ calls: ArraySlice<OpenCall>) -> Bool {
        guard let known = answered[id], case .toolUse(_, let name, let input) = known.call else { return false }
        // Arguments written as an object and as a string differ in their white space.
        let arguments = Self.compact(input)
        return calls.allSatisfy { open in
            guard case .toolUse(_, let otherName, let otherInput) = open.call else { return false }
            return name == otherName && arguments == Self.compact(otherInput)
        }
    }

    /// A JSON text without white space between its tokens.
    private static func compact(_ json: JSONFragment) -> [UInt8] {
        var isInText = false
        var isEscaped = false
        return json.bytes.filter { byte in
            if !isInText, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { return false }
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isInText.toggle()
            }
            return true
        }
    }

    private func apply(to turns: inout [Turn]) {
        guard !gone.isEmpty else { return }
        var kept: [Turn] = []
        for (index, turn) in turns.enumerated() {
            let blocks = turn.blocks.enumerated().filter { !gone.contains(Place(turn: index, block: $0.offset)) }
            kept.append(Turn(turn.role, blocks.map(\.element)))
            if let results = late[index] { kept.append(Turn(.user, results)) }
        }
        turns = kept
    }

    private func refusal(_ what: String) -> Refusal {
        Refusal(.invalidRequest, "\(field): \(what)", param: field)
    }
}
