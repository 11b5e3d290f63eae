import Dialects
import Testing
import Vocabulary

@Suite("OpenClaw's peculiarities")
struct OpenClawTests {
    private func adapted(system: [JSONText], tools: [Tool] = []) -> Conversation {
        var conversation = Conversation(model: "sonnet")
        conversation.system = system
        conversation.tools = tools
        conversation.turns = [Turn(.user, [.text("## Tooling\nkept")]), Turn(.system, [.text("## Tooling\nx")])]
        OpenClaw.adapt(&conversation)
        return conversation
    }

    private func filtered(_ text: String) -> String? {
        adapted(system: [JSONText(text)]).system.first?.string
    }

    @Test("sections about tools go, each up to the next heading")
    func sections() {
        #expect(filtered("a\n## Tooling\nx\n### more\ny\n## Safety\nb\n") == "a\n## Safety\nb\n")
        #expect(filtered("## Tool Call Style \nx\n# Context\nb") == "# Context\nb")
        #expect(filtered("a\n## OpenClaw CLI Quick Reference\nx\n## OpenClaw Self-Update\ny") == "a")
        #expect(filtered("a\n### Tooling\nb\n## Toolings\nc") == "a\n### Tooling\nb\n## Toolings\nc")
    }

    @Test("lines may end in carriage return and line feed")
    func carriageReturns() {
        #expect(filtered("a\r\n## Tooling\r\nx\r\n## Safety\r\nb\r\n") == "a\r\n## Safety\r\nb\r\n")
        #expect(filtered("## Toolings\r") == "## Toolings\r")
        #expect(filtered("```\r\n## Tooling\r\n```\r\nx") == "```\r\n## Tooling\r\n```\r\nx")
    }

    @Test("what stands in a code fence is no heading")
    func fences() {
        for text in [
            "```\n## Tooling\n```\nx", "~~~~\n~~~\n## Tooling\n~~~~\nx", "   ````md\n## Tooling\n```\n", "no ```\n",
        ] { #expect(filtered(text) == text) }
        #expect(filtered("## Tooling\n```\n## Safety\n```\nx\n## Safety\nb") == "## Safety\nb")
        #expect(filtered("    ```\n## Tooling\nx") == "    ```")
    }

    @Test("only instructions are filtered, and none that is empty then is left")
    func scope() {
        let conversation = adapted(system: ["## Tooling\nx", "b"])
        #expect(conversation.system == ["b"])
        #expect(conversation.turns.map(\.role) == [.user])
        #expect(conversation.turns[0].blocks == [.text("## Tooling\nkept")])
    }

    @Test("arguments are renamed where the schema has the one name and lacks the other")
    func arguments() {
        func aliases(_ schema: StaticString) -> [ToolAlias] {
            let tool = Tool(name: "edit", description: nil, schema: JSONFragment(schema))
            return adapted(system: [], tools: [tool]).toolAliases
        }
        #expect(aliases("{}") == [ToolAlias("edit", as: "Edit")])
        #expect(aliases("{\"properties\":{\"path\":{},\"file_path\":{}}}") == [ToolAlias("edit", as: "Edit")])
        #expect(
            aliases("{\"properties\":{\"path\":{},\"oldText\":{},\"old_text\":{}}}") == [
                ToolAlias(
                    "edit", as: "Edit",
                    arguments: [.init("path", as: "file_path"), .init("oldText", as: "old_string")])
            ])
    }
}
