import ClaudeCLI
import Dialects
import Testing
import Vocabulary

@testable import Gateway

@Suite("A conversation is known again by what reaches the vendor")
struct ConversationTraceTests {
    private static let noon = 1_795_219_200
    private static let tool = Tool(
        name: "get_weather", description: "Looks it up.",
        schema: JSONFragment(#"{"type":"object","properties":{"city":{"type":"string"}}}"#))

    private func trace(
        _ turns: [Turn], now: Int = noon, dialect: Dialect = .anthropic, _ change: (inout Conversation) -> Void = { _ in }
    ) throws -> ConversationTrace {
        var conversation = Conversation(model: "sonnet")
        conversation.system = ["Be brief."]
        conversation.tools = [Self.tool]
        conversation.turns = turns
        change(&conversation)
        let plan = try TurnPlan(answering: conversation, model: "claude-sonnet-5-5")
        return try #require(ConversationTrace(plan, of: conversation, in: dialect, now: now))
    }

    /// The events of an answer: texts and calls, in pieces of two characters.
    private func hear(_ trace: ConversationTrace, _ blocks: [Block]) {
        func say(_ event: ReplyEvent, _ line: [UInt8] = []) { trace.hear(event, of: line.span) }
        func pieces(_ text: JSONText, _ make: (JSONSlice) -> ReplyEvent) {
            var rest = Array(text.escaped)[...]
            while !rest.isEmpty {
                // An escape is never cut.
                let count = rest.first == UInt8(ascii: "\\") ? (rest.dropFirst().first == UInt8(ascii: "u") ? 6 : 2) : 1
                let piece = Array(rest.prefix(count))
                rest = rest.dropFirst(count)
                say(make(JSONSlice(start: 0, end: piece.count, hasEscapes: count > 1)), piece)
            }
        }
        say(.started(ReplyStart(id: "msg_1", model: "m", usage: Usage())))
        for block in blocks {
            switch block {
            case .text(let text):
                say(.blockStarted(.text))
                pieces(text) { .text($0) }
            case .thinking(let text, _):
                say(.blockStarted(.thinking))
                pieces(text) { .thinking($0) }
            case .toolUse(let id, let name, let input):
                say(.blockStarted(.toolUse(id: id, name: name)))
                pieces(JSONText(String(decoding: input.bytes, as: UTF8.self))) { .toolInput($0) }
            default: break
            }
            say(.blockStopped)
        }
        say(.finished(ReplyEnd(reason: .endTurn, usage: Usage())))
    }

    private let question = Turn(.user, [.text("What is the weather in Rome?")])
    private let call = Block.toolUse(id: "toolu_1", name: "get_weather", input: JSONFragment(#"{"city":"Rome","n":1.0}"#))

    /// True when a conversation that was answered with `answer` is known again by what a client sends back.
    private func isKnown(
        answered answer: [Block], sentBack: [Turn], dialect: Dialect = .anthropic,
        _ change: (inout Conversation) -> Void = { _ in }
    ) throws -> Bool {
        let before = try trace([question], dialect: dialect, change)
        hear(before, answer)
        let held = try #require(before.finish())
        return try trace(sentBack, dialect: dialect, change).held == held
    }

    private func back(_ answer: [Block], _ next: [Block] = [.text("And now?")]) -> [Turn] {
        [question, Turn(.assistant, answer), Turn(.user, next)]
    }

    @Test("an answer that comes back as it was given")
    func same() throws {
        #expect(try isKnown(answered: [.text("Sunny.")], sentBack: back([.text("Sunny.")])))
        #expect(try isKnown(answered: [call], sentBack: back([call])))
        #expect(try isKnown(answered: [.text("I look."), call, call], sentBack: back([.text("I look."), call, call])))
    }
}
