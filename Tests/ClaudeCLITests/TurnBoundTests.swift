import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("What a turn can come to at the most is known before it begins")
struct TurnBoundTests {
    private static func conversation(_ blocks: [Block], _ change: (inout Conversation) -> Void = { _ in }) -> Conversation {
        var conversation = Conversation(model: "sonnet")
        conversation.turns = [Turn(.user, blocks)]
        change(&conversation)
        return conversation
    }

    private static func bound(_ conversation: Conversation, retries: Int = 0) throws -> TurnBound {
        try TurnPlan(answering: conversation, model: "claude-sonnet-5-5")
            .bound(unsaidOutput: 128_000, contextTokens: 1_000_000, retries: retries)
    }

    @Test("every byte of text may be a token, and no more", arguments: [0, 1, 10_000])
    func text(bytes: Int) throws {
        let empty = try Self.bound(Self.conversation([.text("a")])).inputTokens
        let text = JSONText("a" + String(repeating: "é", count: bytes))
        #expect(try Self.bound(Self.conversation([.text(text)])).inputTokens == empty + 2 * bytes)
    }

    @Test("system texts, tools, calls, results and thinking count, and what is written to the CLI is within the bound")
    func parts() throws {
        let conversation = Self.conversation([]) { all in
            all.system = ["Be brief."]
            all.tools = [
                Tool(name: "weather", description: "Tells it.", schema: JSONFragment(#"{"type":"object","properties":{}}"#))
            ]
            all.turns = [
                Turn(.user, [.text("Rome?")]),
                Turn(
                    .assistant,
                    [.thinking("Hm.", signature: "c2ln"), .toolUse(id: "toolu_1", name: "weather", input: JSONFragment("{}"))]),
                Turn(.user, [.toolResult(id: "toolu_1", content: [.text("sunny")], isError: false)]),
            ]
        }
        let plan = try TurnPlan(answering: conversation, model: "claude-sonnet-5-5")
        let bound = plan.bound(unsaidOutput: 128_000, contextTokens: 1_000_000, retries: 0)
        #expect(bound.inputTokens >= plan.text.count && bound.inputTokens < plan.text.count + 4096)
        #expect(bound.outputTokens == 128_000 && bound.promptTokens == bound.inputTokens)
    }

    @Test("a picture counts as the largest, and a file as all that a model reads")
    func media() throws {
        let picture = Block.image(source: JSONFragment(#"{"type":"url","url":"https://example.com/a.png"}"#))
        let one = try Self.bound(Self.conversation([.text("a"), picture])).inputTokens
        let two = try Self.bound(Self.conversation([.text("a"), picture, picture])).inputTokens
        #expect(two - one >= 4784 && two - one < 5000)
        let file = Block.document(JSONFragment(#"{"type":"document","source":{"type":"url","url":"https://example.com/a.pdf"}}"#))
        #expect(try Self.bound(Self.conversation([.text("a"), file])).promptTokens == 1_000_000)
        let words = Block.document(
            JSONFragment(#"{"type":"document","source":{"type":"text","media_type":"text/plain","data":"Hello."}}"#))
        #expect(try Self.bound(Self.conversation([.text("a"), words])).promptTokens < 10_000)
    }

    @Test("a limit of the client's bounds the answer, and each request that breaks off at once costs its prompt again")
    func limits() throws {
        let conversation = Self.conversation([.text("a")]) { $0.sampling.maxTokens = 300 }
        let once = try Self.bound(conversation)
        let thrice = try Self.bound(conversation, retries: 2)
        #expect(once.outputTokens == 300 && thrice.outputTokens < 600 && thrice.inputTokens == 3 * once.inputTokens)
    }

    @Test("with servers every round may fill the context window, and counting tokens costs nothing")
    func rounds() throws {
        let servers = ActiveServers([MCPServer(name: "a", definition: JSONFragment("{}"), secrets: [])], maxRounds: 4)
        let conversation = Self.conversation([.text("a")]) { $0.sampling.maxTokens = 300 }
        let plan = try TurnPlan(answering: conversation, model: "claude-sonnet-5-5", servers: servers)
        let bound = plan.bound(unsaidOutput: 128_000, contextTokens: 200_000, retries: 0)
        #expect(bound.inputTokens == 1_000_000 && bound.outputTokens == 1500 && bound.promptTokens == 200_000)
        let counting = try TurnPlan(counting: conversation, model: "claude-sonnet-5-5")
        #expect(counting.bound(unsaidOutput: 9, contextTokens: 9, retries: 9) == TurnBound())
    }

    @Test("a bound on the answer is lowered and never raised, and reaches kept processes too")
    func lowering() throws {
        var plan = try TurnPlan(answering: Self.conversation([.text("a")]), model: "claude-sonnet-5-5")
        let memory = plan.script(from: .fresh).memory
        let isLong = plan.limitOutput(to: 200_000, unsaidOutput: 128_000)
        #expect(isLong && !String(decoding: plan.text, as: UTF8.self).contains("max_tokens"))
        let limits = [77, 99].map { plan.limitOutput(to: $0, unsaidOutput: 128_000) }
        #expect(limits == [true, true])
        for start in [StartingPoint.fresh, .kept(memory), .rewound(memory)] {
            let rows = plan.script(from: start).portions.flatMap(\.rows).joined()
            #expect(String(decoding: rows, as: UTF8.self).contains(#"{\"max_tokens\":77}"#))
        }
        #expect(plan.bound(unsaidOutput: 128_000, contextTokens: 1, retries: 0).outputTokens == 77)
    }

    @Test("a budget for thinking stays below the bound, or there is no thinking", arguments: [(5000, #""budget_tokens":4999"#), (900, "disabled")])
    func budgets(limit: Int, expected: String) throws {
        let conversation = Self.conversation([.text("a")]) { all in
            all.thinking = .enabled(budgetTokens: 8000)
            all.sampling.maxTokens = 9000
        }
        var plan = try TurnPlan(answering: conversation, model: "claude-sonnet-4-5")
        let isTaken = plan.limitOutput(to: limit, unsaidOutput: 32_000)
        let body = String(decoding: plan.settings.extraBody, as: UTF8.self)
        #expect(isTaken && body.contains(expected) && body.contains("\"max_tokens\":\(limit)"))
    }

    @Test("a CLI that takes no parameters takes no bound either")
    func withoutParameters() throws {
        var plan = try TurnPlan(
            answering: Self.conversation([.text("a")]), model: "claude-sonnet-5-5",
            features: CLIFeatures(missing: [.parameters]))
        let isTaken = plan.limitOutput(to: 5, unsaidOutput: 100)
        #expect(!isTaken && plan.mostOutput(unsaid: 100) == 100)
    }
}
