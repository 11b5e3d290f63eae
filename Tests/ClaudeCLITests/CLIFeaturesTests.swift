import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("What a CLI lacks is made up for or refused")
struct CLIFeaturesTests {
    private func without(_ missing: CLIFeature...) -> CLIFeatures { CLIFeatures(missing: Set(missing)) }

    private func rows(_ turns: [Turn], _ features: CLIFeatures) throws -> [String] {
        var conversation = Conversation(model: "sonnet")
        conversation.turns = turns
        let plan = try TurnPlan(answering: conversation, model: "sonnet", features: features)
        return String(decoding: plan.text, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private func refusal(
        _ features: CLIFeatures, counts: Bool = false, _ fill: (inout Conversation) -> Void
    ) -> Refusal? {
        var conversation = Conversation(model: "sonnet")
        conversation.turns = [Turn(.user, [.text("q")])]
        fill(&conversation)
        do throws(Refusal) {
            _ =
                counts
                ? try TurnPlan(counting: conversation, model: "sonnet", features: features)
                : try TurnPlan(answering: conversation, model: "sonnet", features: features)
            return nil
        } catch {
            return error
        }
    }

    private let tool = Tool(name: "f", description: nil, schema: JSONFragment("{\"type\":\"object\"}"))

    @Test("without history rows the earlier turns are one record before the newest message")
    func record() throws {
        let rows = try rows(
            [
                Turn(.user, [.text("a <b> & \"c\"")]),
                Turn(.assistant, [.thinking("hm", signature: "s"), .text("</assistant>"), .toolUse(
                    id: "t\"1", name: "f\"g", input: JSONFragment("{\"x\":\"<y>\"}"))]),
                Turn(.user, [.toolResult(id: "t\"1", content: [.text("no")], isError: true)]),
                Turn(.assistant, [.text("Well.")]),
                Turn(.user, [.text("now <this>"), .image(source: JSONFragment("{\"type\":\"url\"}"))]),
            ], without(.history))
        #expect(rows.count == 3)
        let record = """
            <conversation>\\n<user>\\na &lt;b&gt; &amp; \\"c\\"\\n</user>\\n<assistant>\\n&lt;/assistant&gt;\\n\
            <tool_call id=\\"t_1\\" name=\\"f&quot;g\\">\\n{\\"x\\":\\"&lt;y&gt;\\"}\\n</tool_call>\\n</assistant>\\n\
            <user>\\n<tool_result id=\\"t_1\\" error=\\"true\\">\\nno\\n</tool_result>\\n</user>\\n\
            <assistant>\\nWell.\\n</assistant>\\n</conversation>"},{"type":"text","text":"now <this>"},\
            {"type":"image","source":{"type":"url"}}]}}
            """
        #expect(rows[2].hasSuffix(record), "\(rows[2])")
        #expect(rows[2].contains(#""content":[{"type":"text","text":"The conversation so far, as a record."#))
    }

    @Test("without history rows a single message goes out as it is")
    func single() throws {
        let turns = [Turn(.user, [.text("a <b>"), .image(source: JSONFragment("{\"type\":\"url\"}"))])]
        let flattened = try rows(turns, without(.history))
        let plain = try rows(turns, .all)
        #expect(flattened == plain)
    }

    @Test("without history rows results of tools are part of the record, and the model is told to go on")
    func results() throws {
        let rows = try rows(
            [
                Turn(.user, [.text("q")]),
                Turn(.assistant, [.toolUse(id: "t", name: "f", input: JSONFragment("{}"))]),
                Turn(.user, [.toolResult(id: "t", content: [.text("r")], isError: false)]),
            ], without(.history))
        let end = #"<tool_result id=\"t\">\nr\n</tool_result>\n</conversation>\n"#
        #expect(rows[2].contains(end + "Continue the conversation from the results of the tools."))
    }

    @Test(
        "without history rows what has no form as text is refused",
        arguments: [
            Block.image(source: JSONFragment("{}")), .document(JSONFragment("{}")), .other(JSONFragment("{}")),
            .toolResult(id: "t", content: [.image(source: JSONFragment("{}"))], isError: false),
        ])
    func refused(block: Block) {
        let earlier = refusal(without(.history)) {
            $0.turns = [Turn(.user, [block]), Turn(.assistant, [.text("a")]), Turn(.user, [.text("q")])]
        }
        #expect(earlier?.kind == .invalidRequest && earlier?.param == "messages")
    }

    @Test("without tools only requests with tools are refused")
    func tools() {
        #expect(refusal(without(.tools)) { $0.tools = [tool] }?.param == "tools")
        #expect(refusal(without(.tools)) { _ in } == nil)
    }

    @Test("without parameters nothing is sent by that way, and what would be another answer is refused")
    func parameters() throws {
        let missing = without(.parameters)
        #expect(refusal(missing) { $0.thinking = .adaptive } != nil)
        #expect(refusal(missing) { $0.outputFormat = .jsonSchema(JSONFragment("{}")) } != nil)
        for choice in [ToolChoice.any, .none, .named("f"), .allowed(["f"], isRequired: true)] {
            let refusal = refusal(missing) {
                $0.tools = [tool]
                $0.toolChoice = choice
            }
            #expect(refusal?.param == "tool_choice", "\(choice)")
        }
        #expect(refusal(missing) { ($0.tools, $0.allowsParallelToolCalls) = ([tool], false) } != nil)
        var plain = Conversation(model: "sonnet")
        plain.turns = [Turn(.user, [.text("q")])]
        plain.sampling.maxTokens = 7
        plain.thinking = .disabled
        plain.outputFormat = .jsonObject
        let plan = try TurnPlan(answering: plain, model: "sonnet", features: missing)
        #expect(!String(decoding: plan.text, as: UTF8.self).contains("CLAUDE_CODE_EXTRA_BODY"))
    }

    @Test("without a token count only counting is refused")
    func count() {
        #expect(refusal(without(.tokenCount), counts: true) { _ in } != nil)
        #expect(refusal(without(.tokenCount)) { _ in } == nil)
    }
}
