import Testing
import Vocabulary

@testable import ClaudeCLI

/// As many messages as a body may hold. What looks at all of them for each of them takes minutes here, and in the
/// service the loop of all connections with it.
@Suite("Conversations of many small messages", .timeLimit(.minutes(1)))
struct LargeConversationTests {
    private static let object = JSONFragment("{}")

    private static func call(_ id: String) -> Block { .toolUse(id: JSONText(id), name: "t", input: object) }

    private static func result(_ id: String) -> Block {
        .toolResult(id: JSONText(id), content: [.text("r")], isError: false)
    }

    private func messages(_ turns: [Turn]) throws -> [Turn] {
        var conversation = Conversation(model: "claude-sonnet-5-5")
        conversation.tools = [Tool(name: "t", description: nil, schema: JSONFragment("{\"type\":\"object\"}"))]
        conversation.turns = turns + [Turn(.user, [.text("end")])]
        _ = try TurnPlan(answering: conversation, model: conversation.model)
        return MessageList.messages(of: conversation)
    }

    @Test("many of one speaker become one", arguments: [Turn.Role.user, .system])
    func sameSpeaker(role: Turn.Role) throws {
        let messages = try messages(Array(repeating: Turn(role, [.text("a")]), count: 50_000))
        #expect(messages.map(\.blocks.count) == [50_001])
    }

    @Test("answers of nothing but thoughts do not remain")
    func thoughts() throws {
        let thought = Turn(.assistant, [.thinking("t", signature: "s")])
        #expect(try messages(Array(repeating: thought, count: 50_000)).count == 1)
    }

    @Test("calls that come one by one are one round, whatever the order of their results")
    func rounds() throws {
        let ids = (0..<10_000).map { "c\($0)" }
        let calls = ids.map { Turn(.assistant, [.text("a"), Self.call($0)]) }
        let results = ids.reversed().map { Turn(.user, [Self.result($0)]) }
        #expect(try messages(calls + results).map(\.blocks.count) == [20_000, 10_001])
    }

    @Test("each call keeps its result where all have one id", arguments: ["c", "c_1", "é", ""])
    func sameID(id: String) throws {
        let round = [Turn(.assistant, [Self.call(id)]), Turn(.user, [Self.result(id)])]
        let blocks = try messages(Array(repeating: round, count: 10_000).flatMap { $0 }).flatMap(\.blocks)
        var calls: [String] = []
        var results: [String] = []
        for block in blocks {
            switch block {
            case .toolUse(let id, _, _): calls.append(id.string)
            case .toolResult(let id, _, _): results.append(id.string)
            default: break
            }
        }
        #expect(Set(calls).count == 10_000)
        #expect(calls == results)
    }

    @Test("allowed tools are picked in any order")
    func allowedTools() throws {
        var conversation = Conversation(model: "claude-sonnet-5-5")
        conversation.turns = [Turn(.user, [.text("a")])]
        let names = (0..<6_000).map { JSONText("t\($0)") }
        let schema = JSONFragment("{\"type\":\"object\"}")
        conversation.tools = names.map { Tool(name: $0, description: nil, schema: schema) }
        conversation.toolChoice = .allowed(names.dropFirst().reversed(), isRequired: false)
        let plan = String(decoding: try TurnPlan(answering: conversation, model: conversation.model).text, as: UTF8.self)
        #expect(!plan.contains(#""t0""#) && plan.contains(#""t1""#) && plan.contains(#""t5999""#))
    }
}
