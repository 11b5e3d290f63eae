import Vocabulary

/// A conversation's turns as messages that the CLI passes on as they are.
///
/// The CLI repairs without a word what it takes for disorder, and the model loses a part of the conversation by that:
/// calls whose results do not follow at once are answered by itself, and a call whose id came before is dropped with
/// its result. So everything is put in the order that it expects.
struct MessageList {
    private var messages: [Turn] = []
    /// True while the last message is an answer whose calls await their results.
    private var hasCalls = false
    /// True while the last message is an answer that was cut off before it said anything.
    private var onlyThinks = false

    /// The messages of a conversation, users' and assistants'.
    ///
    /// Neighbouring user turns are joined, which the CLI would otherwise join with a line end, and so are calls of
    /// one round that came as several turns. System turns are marked text of the user, since the CLI takes no other
    /// role than user and assistant. An answer that is nothing but thinking is left out, as the CLI would do.
    static func messages(of conversation: Conversation) -> [Turn] {
        var list = MessageList()
        // What the system says between calls and their results: it comes behind the results.
        var notes: [Block] = []
        for turn in conversation.turns {
            switch turn.role {
            case .system where list.hasCalls: notes += turn.blocks.map(instruction)
            case .system: list.append(turn.blocks.map(instruction))
            case .user:
                list.append(turn.blocks + notes)
                notes = []
            case .assistant: list.append(answer: turn)
            }
        }
        if !notes.isEmpty { list.append(notes) }
        for index in list.messages.indices { list.messages[index].putResultsFirst() }
        giveOwnIDs(&list.messages)
        return list.messages
    }

    // Blocks are joined in their place: copied for every turn, a body of many small ones would take minutes.

    private mutating func append(_ blocks: [Block]) {
        if onlyThinks { messages.removeLast() }
        (hasCalls, onlyThinks) = (false, false)
        if let last = messages.indices.last, messages[last].role == .user {
            messages[last].blocks += blocks
        } else {
            messages.append(Turn(.user, blocks))
        }
    }

    private mutating func append(answer turn: Turn) {
        let calls = turn.blocks.contains(where: \.isToolUse)
        let thinks = turn.blocks.allSatisfy(\.isThinking)
        if hasCalls || onlyThinks, let last = messages.indices.last {
            messages[last].blocks += turn.blocks
            (hasCalls, onlyThinks) = (hasCalls || calls, onlyThinks && thinks)
        } else {
            messages.append(turn)
            (hasCalls, onlyThinks) = (calls, thinks)
        }
    }

    private static func instruction(_ block: Block) -> Block {
        guard case .text(let text) = block else { return block }
        return .text(.joined(["<system>\n", text, "\n</system>"], separator: ""))
    }

    // MARK: - Ids of calls

    /// Gives every call, and its result, an id that no other has and that the vendor takes: clients may count anew
    /// in each answer.
    private static func giveOwnIDs(_ messages: inout [Turn]) {
        var ids = CallIDs()
        var open: [String: ArraySlice<JSONText>] = [:]
        for message in messages.indices {
            for index in messages[message].blocks.indices {
                switch messages[message].blocks[index] {
                case .toolUse(let id, let name, let input):
                    let own = ids.own(id)
                    open[id.string, default: []].append(own)
                    if own != id { messages[message].blocks[index] = .toolUse(id: own, name: name, input: input) }
                case .toolResult(let id, let content, let isError):
                    guard let own = open[id.string]?.popFirst(), own != id else { continue }
                    messages[message].blocks[index] = .toolResult(id: own, content: content, isError: isError)
                default: break
                }
            }
        }
    }
}

/// The ids of a history's calls. The CLI takes `a_2` for another name of `a`, and leaves a result out.
private struct CallIDs {
    private var taken: Set<String> = []
    /// What is left of taken ids without a number at their end.
    private var stems: Set<String> = []
    /// The last number tried for an id that came before.
    private var numbers: [String: Int] = [:]

    /// The id itself where it can stay, else one like it.
    mutating func own(_ given: JSONText) -> JSONText {
        var base = String(decoding: given.string.utf8.map { $0.isNameByte ? $0 : UInt8(ascii: "_") }, as: UTF8.self)
        if base.isEmpty { base = "call" }
        var id = base
        while !isFree(id) {
            let number = (numbers[base] ?? 1) + 1
            numbers[base] = number
            id = "\(base)-\(number)"
        }
        taken.insert(id)
        if let stem = Self.stem(of: id) { stems.insert(stem) }
        return id == given.string ? given : JSONText(id)
    }

    private func isFree(_ id: String) -> Bool {
        !taken.contains(id) && !stems.contains(id) && !(Self.stem(of: id).map(taken.contains) ?? false)
    }

    private static func stem(of id: String) -> String? {
        let bytes = id.utf8
        let digits = bytes.reversed().prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
        let stem = bytes.dropLast(digits)
        guard digits > 0, stem.last == UInt8(ascii: "_") else { return nil }
        return String(decoding: stem.dropLast(), as: UTF8.self)
    }
}

extension Turn {
    /// The vendor wants results before anything else; a note may have come between two of them.
    fileprivate mutating func putResultsFirst() {
        guard role == .user else { return }
        let results = blocks.filter(\.isToolResult)
        if !results.isEmpty { blocks = results + blocks.filter { !$0.isToolResult } }
    }
}

extension Block {
    fileprivate var isToolUse: Bool { if case .toolUse = self { true } else { false } }
}
