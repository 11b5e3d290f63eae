import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("A conversation becomes rows")
struct TurnPlanTests {
    private func portions(_ conversation: Conversation, counts: Bool = false) throws -> [[String]] {
        let plan =
            counts
            ? try TurnPlan(counting: conversation, model: "claude-sonnet-5-5")
            : try TurnPlan(answering: conversation, model: "claude-sonnet-5-5")
        return plan.portions.map { pieces in
            let text = String(decoding: pieces.joined(), as: UTF8.self)
            #expect(text.hasSuffix("\n"))
            return text.split(separator: "\n").map(String.init)
        }
    }

    private func conversation(_ turns: [Turn]) -> Conversation {
        var conversation = Conversation(model: "sonnet")
        conversation.turns = turns
        return conversation
    }

    @Test("one question goes out in one write")
    func single() throws {
        var conversation = conversation([Turn(.user, [.text("Hi \"you\"")])])
        conversation.system = ["Be brief.", "Be kind."]
        conversation.effort = .low
        let rows = try portions(conversation)
        #expect(
            rows == [
                [
                    #"{"type":"control_request","request_id":"i","request":{"subtype":"initialize","systemPrompt":["Be brief.","Be kind."],"hooks":{"PreToolUse":[{"hookCallbackIds":["p"]}]}}}"#,
                    #"{"type":"control_request","request_id":"s","request":{"subtype":"apply_flag_settings","settings":{"model":"claude-sonnet-5-5","attribution":{"commit":"","pr":""},"effortLevel":"low"}}}"#,
                    #"{"type":"user","client_composed":true,"uuid":"00000000-0000-4000-8000-000000000000","message":{"role":"user","content":[{"type":"text","text":"Hi \"you\""}]}}"#,
                ]
            ])
    }

    @Test("a portion ends with each user row, and assistant rows begin the next")
    func history() throws {
        let rows = try portions(
            conversation([
                Turn(.user, [.text("q1")]),
                Turn(
                    .assistant,
                    [
                        .thinking("hm", signature: "sig"), .redactedThinking("data"), .text("a1"),
                        .toolUse(id: "t1", name: "f", input: JSONFragment("{\"a\": 1}")),
                    ]),
                Turn(
                    .user,
                    [
                        .toolResult(
                            id: "t1", content: [.text("r"), .image(source: JSONFragment("{\"type\":\"url\"}"))],
                            isError: true)
                    ]),
                Turn(.system, [.text("Now.")]),
                Turn(.user, [.text("q2")]),
            ]))
        #expect(rows.count == 2)
        #expect(rows[0].count == 3)
        #expect(
            rows[0][2]
                == #"{"type":"user","client_composed":true,"shouldQuery":false,"uuid":"00000000-0000-4000-8000-000000000000","message":{"role":"user","content":[{"type":"text","text":"q1"}]}}"#
        )
        #expect(
            rows[1] == [
                #"{"type":"assistant","message":{"id":"msg_1","type":"message","role":"assistant","model":"<synthetic>","content":[{"type":"thinking","thinking":"hm","signature":"sig"},{"type":"redacted_thinking","data":"data"},{"type":"text","text":"a1"},{"type":"tool_use","id":"t1","name":"f","input":{"a": 1}}],"stop_reason":"end_turn","usage":{"input_tokens":0,"output_tokens":0}}}"#,
                #"{"type":"user","client_composed":true,"uuid":"00000002-0000-4000-8000-000000000000","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"r"},{"type":"image","source":{"type":"url"}}],"is_error":true},{"type":"text","text":"<system>\nNow.\n</system>"},{"type":"text","text":"q2"}]}}"#,
            ])
    }

    private func call(_ id: JSONText) -> Block { .toolUse(id: id, name: "f", input: JSONFragment("{}")) }

    private func result(_ id: JSONText, _ text: JSONText = "r") -> Block {
        .toolResult(id: id, content: [.text(text)], isError: false)
    }

    @Test("a call whose id came before gets one of its own, and so does its result")
    func repeatedIDs() {
        let messages = MessageList.messages(
            of: conversation([
                Turn(.user, [.text("q")]), Turn(.assistant, [call("c"), call("c")]),
                Turn(.user, [result("c", "1"), result("c", "2")]), Turn(.assistant, [call("c_2"), call("f.g:0")]),
                Turn(.user, [result("f.g:0"), result("c_2")]), Turn(.assistant, [call("")]), Turn(.user, [result("")]),
            ]))
        #expect(messages[1].blocks == [call("c"), call("c-2")])
        #expect(messages[2].blocks == [result("c", "1"), result("c-2", "2")])
        // The CLI takes a number behind a line for a repetition.
        #expect(messages[3].blocks == [call("c_2-2"), call("f_g_0")])
        #expect(messages[4].blocks == [result("f_g_0"), result("c_2-2")])
        #expect(messages[5].blocks == [call("call")] && messages[6].blocks == [result("call")])
    }

    @Test("calls of one round are one message, whatever came between them")
    func roundOfCalls() {
        let messages = MessageList.messages(
            of: conversation([
                Turn(.user, [.text("q")]), Turn(.assistant, [call("a")]), Turn(.system, [.text("Now.")]),
                Turn(.assistant, [.text("And"), call("b")]), Turn(.user, [result("a"), result("b")]),
                Turn(.assistant, [.text("x")]), Turn(.assistant, [.text("y")]), Turn(.user, [.text("z")]),
            ]))
        #expect(
            messages.map(\.blocks) == [
                [.text("q")], [call("a"), .text("And"), call("b")],
                [result("a"), result("b"), .text("<system>\nNow.\n</system>")],
                [.text("x")], [.text("y")], [.text("z")],
            ])
    }

    @Test("an answer that only thought is left out without joining the texts around it")
    func onlyThought() {
        let thought = Block.thinking("hm", signature: "s")
        let messages = MessageList.messages(
            of: conversation([
                Turn(.user, [.text("q")]), Turn(.assistant, [thought]), Turn(.user, [.text("r")]),
                Turn(.assistant, [thought]), Turn(.assistant, [.text("a")]), Turn(.user, [.text("s")]),
            ]))
        #expect(
            messages.map(\.blocks) == [[.text("q"), .text("r")], [thought, .text("a")], [.text("s")]])
    }

    @Test("what is counted may end with the assistant, and what is asked may not")
    func endsWithTheAssistant() throws {
        let turns = [Turn(.user, [.text("q")]), Turn(.assistant, [.text("a")])]
        #expect(throws: Refusal.self) { try portions(conversation(turns)) }
        #expect(try portions(conversation(turns), counts: true).joined().contains { $0.contains("get_context_usage") })
    }

    @Test("the last block of the history that may be marked is marked, and no other")
    func cacheMark() throws {
        let history = conversation([
            Turn(.user, [.text("q1")]), Turn(.assistant, [.text("a1")]), Turn(.user, [.text("q2")]),
            Turn(.assistant, [.text("a2"), .text(" "), .thinking("hm", signature: "s")]), Turn(.user, [.text("q3")]),
        ])
        func text(_ conversation: Conversation, _ lifetime: CacheLifetime) throws -> String {
            let plan = try TurnPlan(answering: conversation, model: "m", cacheLifetime: lifetime)
            return String(decoding: plan.portions.joined().joined(), as: UTF8.self)
        }
        let hour = #"{"type":"text","text":"a2","cache_control":{"type":"ephemeral","ttl":"1h"}}"#
        let marked = try text(history, .oneHour)
        #expect(marked.contains(hour))
        #expect(marked.split(separator: "cache_control").count == 2)
        #expect(try text(history, .fiveMinutes).contains(#""a2","cache_control":{"type":"ephemeral"}}"#))
        #expect(try !text(history, .off).contains("cache_control"))
        #expect(try !text(conversation([Turn(.user, [.text("q")])]), .oneHour).contains("cache_control"))
    }

    @Test("counting asks no question")
    func counting() throws {
        let rows = try portions(conversation([Turn(.user, [.text("q")])]), counts: true)
        #expect(rows.count == 2)
        #expect(rows[0].allSatisfy { !$0.contains("\"type\":\"user\"") || $0.contains("\"shouldQuery\":false") })
        #expect(rows[1] == [#"{"type":"control_request","request_id":"u","request":{"subtype":"get_context_usage"}}"#])
    }

    @Test("parameters reach the extra body, and nothing else does")
    func extraBody() throws {
        var conversation = conversation([Turn(.user, [.text("q")])])
        conversation.sampling.maxTokens = 7
        conversation.sampling.temperature = JSONFragment("0.50")
        conversation.sampling.stopSequences = ["\n\n"]
        #expect(try TurnSettings(conversation, model: "m").extraBody.firstRange(of: Array("thinking".utf8)) == nil)
        conversation.thinking = .enabled(budgetTokens: 1024)
        conversation.outputFormat = .jsonSchema(JSONFragment("{\"type\":\"object\"}"))
        let settings = try TurnSettings(conversation, model: "m")
        #expect(
            String(decoding: settings.extraBody, as: UTF8.self)
                == #"{"max_tokens":7,"temperature":0.50,"stop_sequences":["\n\n"],"thinking":{"type":"enabled","budget_tokens":1024},"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}}"#
        )
        let row = try portions(conversation)[0][1]
        #expect(row.contains(#""CLAUDE_CODE_EXTRA_BODY":"{\"max_tokens\":7,"#))
    }

    @Test(
        "thinking reaches the extra body as it was asked for",
        arguments: [
            (.disabled, .summarized, #"{"type":"disabled"}"#),
            (.betweenTools, .omitted, #"{"type":"between_tools"}"#),
            (.adaptive, .updates, #"{"type":"adaptive","display":"updates"}"#),
            (.adaptive, .summarized, #"{"type":"adaptive","display":"summarized"}"#),
            (.enabled(budgetTokens: 2000), .omitted, #"{"type":"enabled","budget_tokens":2000,"display":"omitted"}"#),
        ] as [(Thinking, ThinkingDisplay?, String)])
    func thinkingBody(thinking: Thinking, display: ThinkingDisplay?, expected: String) throws {
        var conversation = conversation([Turn(.user, [.text("q")])])
        (conversation.thinking, conversation.thinkingDisplay) = (thinking, display)
        let settings = try TurnSettings(conversation, model: "m")
        #expect(String(decoding: settings.extraBody, as: UTF8.self) == #"{"thinking":"# + expected + "}")
    }

    @Test("tools are declared once and held open; the choice goes with the body")
    func tools() throws {
        var conversation = conversation([Turn(.user, [.text("q")])])
        conversation.tools = [
            Tool(name: "f", description: "d", schema: JSONFragment("{\"type\":\"object\"}")),
            Tool(name: "g", description: nil, schema: JSONFragment("{\"x\":{},\n\"type\":\"object\"}")),
        ]
        conversation.toolChoice = .named("g")
        conversation.allowsParallelToolCalls = false
        let rows = try portions(conversation)[0]
        #expect(
            rows[0].contains(
                #""tools":[{"name":"f","description":"d","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}},{"name":"g","inputSchema":{"x":{}, "type":"object"},"annotations":{"readOnlyHint":true}}]"#
            ))
        #expect(rows[1].contains(#"\"tool_choice\":{\"type\":\"tool\",\"name\":\"g\",\"disable_parallel_tool_use\":true}"#))
        conversation.toolChoice = .allowed(["f"], isRequired: true)
        let allowed = try portions(conversation)[0]
        #expect(!allowed[0].contains("\"name\":\"g\""))
        #expect(allowed[1].contains(#"\"type\":\"any\""#))
    }

    @Test("what cannot be carried is refused, not dropped")
    func refusals() {
        let question = Turn(.user, [.text("q")])
        func refusal(_ change: (inout Conversation) -> Void) -> String? {
            var conversation = conversation([question])
            change(&conversation)
            do throws(Refusal) {
                _ = try TurnPlan(answering: conversation, model: "m")
                return nil
            } catch { return error.param }
        }
        let object = JSONFragment("{\"type\":\"object\"}")
        func tool(_ name: String, _ schema: JSONFragment) -> Tool {
            Tool(name: JSONText(name), description: nil, schema: schema)
        }
        #expect(refusal { _ in } == nil)
        #expect(refusal { $0.turns.append(Turn(.assistant, [.text("begun")])) } == "messages")
        #expect(refusal { $0.turns = [] } == "messages")
        #expect(refusal { $0.tools = [tool("a b", object)] } == "tools[0].name")
        #expect(refusal { $0.tools = [tool("a", object), tool("a", object)] } == "tools[1].name")
        #expect(refusal { $0.tools = [tool("ToolSearch", object)] } == nil)
        #expect(refusal { $0.tools = [tool("a", JSONFragment("{}"))] } == nil)
        #expect(refusal { $0.tools = [tool("a", JSONFragment("{\"type\":\"string\"}"))] } == "tools[0]")
        let odd = JSONFragment(#"{"type":"object","properties":{"a.b_-9":{},"gr\u00f6\u00dfe":{}}}"#)
        #expect(refusal { $0.tools = [tool("a", odd)] } == "tools[0]")
        let plain = JSONFragment(#"{"type":"object","properties":{"a.b_-9":{}},"$defs":{"a b":{}}}"#)
        #expect(refusal { $0.tools = [tool("a", plain)] } == nil)
        #expect(refusal { $0.toolChoice = .any } == "tool_choice")
        #expect(refusal { $0.toolChoice = .named("a") } == "tool_choice")
    }

    @Test("a large value is referred to, not copied")
    func large() throws {
        let data = [UInt8](repeating: 0x41, count: 1 << 20)
        let text = JSONText(escaped: data[...], hasEscapes: false)
        let plan = try TurnPlan(
            answering: conversation([Turn(.user, [.text(text), .text("end")])]), model: "m")
        let pieces = try #require(plan.portions.first)
        #expect(pieces.count == 3)
        #expect(pieces[1] == data[...])
        #expect(pieces[0].count + pieces[2].count < 2000)
    }
}
