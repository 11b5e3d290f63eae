import ClaudeCLI
import Dialects
import Vocabulary

/// A conversation as it is stored: what it stands on, and then its messages, a piece each.
struct StoredConversation: Sendable {
    private(set) var ground = StoredGround()
    /// Messages that say something, oldest first.
    private(set) var turns: [Turn] = []
    private let pieces: [[UInt8]]

    /// One of which nothing is stored yet.
    init() { pieces = [] }

    /// Reads the pieces.
    init(_ pieces: [[UInt8]]) throws(Refusal) {
        self.pieces = pieces
        guard let first = pieces.first else { return }
        ground = try StoredGround(first)
        for piece in pieces.dropFirst() { turns.append(try StoredTurn.turn(of: piece)) }
    }

    /// How many pieces are stored.
    var length: Int { pieces.count }

    /// How long they are together.
    var byteCount: Int { pieces.reduce(0) { $0 + $1.count } }

    /// True for messages that begin with all of those that are stored, by what reaches the model.
    func begins(_ others: [Turn]) -> Bool {
        guard others.count >= turns.count else { return false }
        let same = others.prefix(turns.count)
        return same.map(\.role) == turns.map(\.role) && Self.digest(same) == Self.digest(turns[...])
    }

    /// The messages of a client behind all that is stored, where it sends that without what the CLI's own tools did; nil
    /// where it sends anything else.
    func spokenRest(of others: [Turn]) -> [Turn]? {
        guard turns.haveCalls, !others.haveCalls else { return nil }
        let (known, sent) = (turns.spoken, others.spoken)
        let same = sent.prefix(known.count)
        guard same.map(\.role) == known.map(\.role), Self.digest(same) == Self.digest(known[...]) else { return nil }
        return Array(sent.dropFirst(known.count))
    }

    /// How many messages of a client repeat the last ones that are stored; 0 where it goes on behind them.
    ///
    /// A client may send the assistant's call again with its result, and one that has had no answer asks again.
    func repeated(in others: [Turn]) -> Int {
        guard let first = others.first else { return 0 }
        let start: Int?
        if first.role == .assistant {
            let calls = first.callIDs
            start = calls.isEmpty ? nil : turns.lastIndex { $0.role == .assistant && $0.callIDs == calls }
        } else {
            let answered = turns.lastIndex { $0.role == .assistant }.map { $0 + 1 } ?? 0
            start = answered < turns.count ? answered : nil
        }
        guard let start, others.count >= turns.count - start else { return 0 }
        var same = others.prefix(turns.count - start)
        guard same.map(\.role) == turns[start...].map(\.role) else { return 0 }
        // The ids of its calls tell that an answer is the same; what was said beside them is not always sent again.
        for index in same.indices where same[index].role == .assistant && !same[index].callIDs.isEmpty {
            let known = turns[start + index - same.startIndex]
            if known.callIDs == same[index].callIDs { same[index] = known }
        }
        return Self.digest(same) == Self.digest(turns[start...]) ? same.count : 0
    }

    private static func digest(_ turns: ArraySlice<Turn>) -> [UInt8]? {
        let hash = ConversationHash()
        var form = ConversationForm(to: { hash.add($0) })
        for turn in turns { form.tell(turn) }
        return hash.digest()
    }
}

/// Puts a stored conversation in front of what a client sends of it.
///
/// A client that sends no message of the assistant's sends what is new, and so does one that begins with the call which
/// it was answered with last. One that sends another keeps a history of its own: it goes
/// on where that begins with all that is stored, and is what counts from then on where it does not.
struct ConversationJoin: StoredHistory {
    let id: String
    /// Nil where nothing is stored under the name.
    let stored: StoredConversation?
    /// How long the conversation may be together with a request, and how long the request is.
    let (maxBytes, bodyBytes): (Int, Int)
    let models: ModelCatalog

    func join(_ conversation: inout Conversation) throws(Refusal) {
        let isSummary = conversation.isCompaction
        let named = try joined(&conversation)
        // A summary is an item for its client, and no answer.
        conversation.named = isSummary ? nil : named
    }

    private func joined(_ conversation: inout Conversation) throws(Refusal) -> NamedConversation {
        let sent = conversation.turns.filter(\.isWorthKeeping)
        guard let stored else { return whole(conversation, sent, .begun) }
        let repeated = stored.repeated(in: sent)
        if repeated == 0, sent.contains(where: { $0.role == .assistant }) {
            if models.isAgent(conversation.model), let new = stored.spokenRest(of: sent) {
                try checkSize(stored)
                conversation.turns = stored.turns + new
                return continued(conversation, stored, new: new)
            }
            guard stored.begins(sent) else { return whole(conversation, sent, .reset) }
            return continued(conversation, stored, new: Array(sent.dropFirst(stored.turns.count)))
        }
        try checkSize(stored)
        if conversation.system.isEmpty { conversation.system = stored.ground.system }
        conversation.turns = stored.turns + (repeated == 0 ? conversation.turns : Array(sent.dropFirst(repeated)))
        return continued(conversation, stored, new: Array(sent.dropFirst(repeated)))
    }

    private func checkSize(_ stored: StoredConversation) throws(Refusal) {
        guard stored.byteCount + bodyBytes <= maxBytes else { throw .conversationTooLong(maxBytes) }
    }

    private func whole(
        _ conversation: Conversation, _ turns: [Turn], _ state: NamedConversation.State
    ) -> NamedConversation {
        NamedConversation(id: id, state: state, keeping: 0, pieces: pieces(conversation, turns))
    }

    private func continued(
        _ conversation: Conversation, _ stored: StoredConversation, new: [Turn]
    ) -> NamedConversation {
        guard conversation.system == stored.ground.system else {
            let pieces = pieces(conversation, stored.turns + new)
            return NamedConversation(id: id, state: .continued, keeping: 0, pieces: pieces)
        }
        return NamedConversation(
            id: id, state: .continued, keeping: stored.length, pieces: new.map(StoredTurn.bytes))
    }

    private func pieces(_ conversation: Conversation, _ turns: [Turn]) -> [[UInt8]] {
        var ground = stored?.ground ?? StoredGround()
        ground.system = conversation.system
        return [ground.bytes] + turns.map(StoredTurn.bytes)
    }
}

extension Turn {
    /// The ids of the calls in it.
    fileprivate var callIDs: Set<String> {
        var ids: Set<String> = []
        for case .toolUse(let id, _, _) in blocks { ids.insert(id.string) }
        return ids
    }

    /// True for a message that holds anything: clients write one without content in several ways.
    var isWorthKeeping: Bool {
        blocks.contains { block in
            if case .text(let text) = block { !text.isEmpty } else { true }
        }
    }
}

extension Refusal {
    /// A conversation has grown beyond what one request may hold.
    static func conversationTooLong(_ maxBytes: Int) -> Refusal {
        Refusal(
            .invalidRequest,
            "The stored conversation is too large: together with this request it may hold \(maxBytes) bytes. "
                + "Begin another one, or delete it.", param: "conversation")
    }
}
