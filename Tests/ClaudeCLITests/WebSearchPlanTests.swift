import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("The vendor's search in a plan")
struct WebSearchPlanTests {
    private static let tool = #"{"type":"web_search_20250305","name":"web_search","max_uses":3}"#

    private static func conversation(_ tools: [String] = [], isDemanded: Bool = false) -> Conversation {
        var conversation = Conversation(model: "sonnet")
        conversation.turns = [Turn(.user, [.text("Who?")])]
        conversation.tools = tools.map { Tool(name: JSONText($0), description: nil, schema: JSONFragment(#"{"type":"object"}"#)) }
        conversation.webSearch = WebSearch(
            tool: JSONFragment(validated: Array(tool.utf8)[...]), maxUses: 3, path: "tools[0]")
        conversation.webSearch?.isDemanded = isDemanded
        return conversation
    }

    private static func body(_ conversation: Conversation) throws -> String {
        String(decoding: try TurnSettings(conversation, model: "claude-sonnet-5-5").extraBody, as: UTF8.self)
    }

    @Test("it stands behind the client's tools, which are written as the CLI writes them")
    func tools() throws {
        #expect(try Self.body(Self.conversation()) == #"{"tools":[\#(Self.tool)]}"#)
        #expect(
            try Self.body(Self.conversation(["zeta", "alpha"]))
                == #"{"tools":[{"name":"alpha","description":"","input_schema":{"type":"object"}},{"name":"zeta","description":"","input_schema":{"type":"object"}},\#(Self.tool)]}"#)
        var without = Self.conversation(["alpha"])
        without.webSearch = nil
        #expect(try Self.body(without) == "")
    }

    @Test("tools of servers, which only the CLI knows, exclude it")
    func servers() throws {
        let servers = ActiveServers([MCPServer(name: "a", definition: JSONFragment("{}"), secrets: [])], maxRounds: 4)
        let refusal = try #require(throws: Refusal.self) {
            try TurnPlan(answering: Self.conversation(), model: "claude-sonnet-5-5", servers: servers)
        }
        #expect(refusal.param == "tools[0]")
    }

    @Test("a CLI that does not take it is asked nothing", arguments: [CLIFeature.webSearch, .parameters])
    func missing(feature: CLIFeature) throws {
        let refusal = try #require(throws: Refusal.self) {
            try TurnPlan(
                answering: Self.conversation(), model: "claude-sonnet-5-5", features: CLIFeatures(missing: [feature]))
        }
        #expect(refusal.param == "tools[0]" && refusal.code == "feature_unavailable")
    }

    @Test("a search that must be is asked for behind the question, and its process holds more than the client knows")
    func demanded() throws {
        let plan = try TurnPlan(answering: Self.conversation(isDemanded: true), model: "claude-sonnet-5-5")
        #expect(plan.messages[0].blocks.count == 2 && plan.turns[0].blocks.count == 1 && !plan.isKeepable)
        let plain = try TurnPlan(answering: Self.conversation(), model: "claude-sonnet-5-5")
        #expect(plain.messages[0].blocks.count == 1 && plain.isKeepable)
    }

    @Test("what is found may fill the context window, and each search is known to cost")
    func bound() throws {
        let plan = try TurnPlan(answering: Self.conversation(), model: "claude-sonnet-5-5")
        let bound = plan.bound(unsaidOutput: 100, contextTokens: 200_000, retries: 0)
        #expect(bound.webSearches == 3 && bound.promptTokens == 200_000 && bound.inputTokens == 200_000)
    }

    @Test("the client's tool of its name is refused")
    func name() {
        #expect(throws: Refusal.self) {
            try TurnPlan(answering: Self.conversation(["web_search"]), model: "claude-sonnet-5-5")
        }
    }
}
