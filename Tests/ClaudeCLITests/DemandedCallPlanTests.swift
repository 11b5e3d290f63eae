import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("A demanded call is told to the model")
struct DemandedCallPlanTests {
    private static let form = JSONFragment(
        "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"}},\"additionalProperties\":false}")

    private func conversation(_ turns: [Turn] = [Turn(.user, [.text("q")])], tools: [JSONText] = ["read"]) -> Conversation {
        var conversation = Conversation(model: "sonnet")
        conversation.turns = turns
        conversation.tools = tools.map { Tool(name: $0, description: nil, schema: Self.form) }
        var demand = DemandedCall(names: tools, isNamed: false)
        demand.forms = tools.map { DemandedCall.Form(name: $0, arguments: Self.form) }
        conversation.demandedCall = demand
        conversation.outputFormat = demand.format
        return conversation
    }

    private func lines(_ plan: TurnPlan) -> [String] {
        String(decoding: plan.text, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private let note =
        #"{"type":"text","text":"<system>\nThis answer must be a call of the tool read. Do not answer with text instead of the call.\n</system>"}]}}"#

    @Test("at the end of the question, behind results and instructions")
    func place() throws {
        let plain = try TurnPlan(answering: conversation(), model: "m")
        #expect(lines(plain).last?.hasSuffix(#"[{"type":"text","text":"q"},"# + note) == true)
        let round = conversation([
            Turn(.user, [.text("q")]), Turn(.assistant, [.toolUse(id: "t", name: "read", input: JSONFragment("{}"))]),
            Turn(.system, [.text("s")]), Turn(.user, [.toolResult(id: "t", content: [], isError: false)]),
        ])
        let last = lines(try TurnPlan(answering: round, model: "m")).last
        #expect(last?.contains(#"[{"type":"tool_result""#) == true)
        #expect(last?.hasSuffix(#"{"type":"text","text":"<system>\ns\n</system>"},"# + note) == true)
        #expect(lines(try TurnPlan(answering: round, model: "m")).filter { $0.contains("must be a call") }.count == 1)
    }

    @Test("not where tokens are counted, and not in place of a question")
    func absent() throws {
        let plan = try TurnPlan(counting: conversation(), model: "m")
        #expect(plan.demandedCall == nil && !lines(plan).joined().contains("must be a call"))
        let begun = conversation([Turn(.user, [.text("q")]), Turn(.assistant, [.text("a")])])
        #expect(throws: Refusal.self) { try TurnPlan(answering: begun, model: "m") }
    }

    @Test("of one of several tools, once where only one call may be made")
    func several() throws {
        var several = conversation(tools: ["a", "b"])
        several.allowsParallelToolCalls = false
        let text = lines(try TurnPlan(answering: several, model: "m")).last
        #expect(text?.contains("of one of the tools a, b. Do not answer with text instead of the call. Make exactly one call.") == true)
        let many = conversation(tools: (0..<40).map { JSONText("tool\($0)") })
        #expect(lines(try TurnPlan(answering: many, model: "m")).last?.contains("a call of one of your tools.") == true)
    }

    @Test("with the names that the model sees, in the format too")
    func names() throws {
        var conversation = conversation()
        conversation.toolAliases = [ToolAlias("read", as: "Read", arguments: [.init("path", as: "file_path")])]
        let plan = try TurnPlan(answering: conversation, model: "m")
        #expect(plan.demandedCall?.names == ["Read"] && plan.demandedCall?.reading == .arguments(of: "Read"))
        #expect(lines(plan).last?.contains("the tool Read.") == true)
        let settings = lines(plan).first { $0.contains("CLAUDE_CODE_EXTRA_BODY") }
        #expect(settings?.contains(#"\"format\""#) == true && settings?.contains(#"\"file_path\""#) == true)
        #expect(settings?.contains(#"\"path\""#) == false)
    }

    @Test("in words alone where registered servers may be called, or the CLI takes no parameters")
    func words() throws {
        let server = MCPServer(name: "notes", definition: JSONFragment("{}"), secrets: [])
        let servers = ActiveServers([server], maxRounds: 2)
        let plan = try TurnPlan(answering: conversation(), model: "m", servers: servers)
        #expect(plan.demandedCall?.reading == nil && plan.relief == nil)
        #expect(!lines(plan).joined().contains("output_config") && lines(plan).last?.hasSuffix(note) == true)
        let lacking = CLIFeatures(missing: [.parameters])
        let poor = try TurnPlan(answering: conversation(), model: "m", features: lacking)
        #expect(poor.demandedCall?.reading == nil && lines(poor).last?.hasSuffix(note) == true)
        var named = conversation()
        named.demandedCall?.isNamed = true
        #expect(try TurnPlan(answering: named, model: "m", servers: servers).demandedCall?.reading == nil)
    }

    @Test("a format of the client's own stays its own")
    func ownFormat() throws {
        var conversation = conversation()
        conversation.demandedCall?.forms = []
        let plan = try TurnPlan(answering: conversation, model: "m")
        #expect(lines(plan).joined().contains("output_config") && plan.demandedCall?.reading == nil)
    }
}
