import Dialects
import Testing
import Vocabulary

@Suite("Thinking and what excludes it")
struct ThinkingRuleTests {
    private func decode(_ members: String, dialect: Dialect = .chatCompletions) throws -> Conversation {
        let messages = #""messages":[{"role":"user","content":"q"}]"#
        let body = #"{"model":"m","max_tokens":9,"input":"q",\#(messages)\#(members.isEmpty ? "" : ",")\#(members)}"#
        return try dialect.decode(Array(body.utf8))
    }

    private static let tool = #""tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required""#

    @Test("an effort asks for thinking that can be read, and sampling gives way")
    func effort() throws {
        let conversation = try decode(#""reasoning_effort":"low","temperature":0.5,"top_p":0.9"#)
        #expect(conversation.thinking == .adaptive)
        #expect(conversation.thinkingDisplay == .summarized)
        #expect(conversation.sampling.temperature == nil && conversation.sampling.topP == nil)
        #expect(conversation.ignored == ["temperature", "top_p"])
    }

    @Test("sampling that thinking allows stays")
    func sampling() throws {
        let conversation = try decode(#""reasoning_effort":"low","temperature":1.0,"top_p":0.95"#)
        #expect(conversation.sampling.temperature?.bytes.elementsEqual("1.0".utf8) == true)
        #expect(conversation.sampling.topP != nil)
        #expect(conversation.ignored.isEmpty)
    }

    @Test("a forced call wins over an effort")
    func forced() throws {
        let conversation = try decode(#""reasoning_effort":"low",\#(Self.tool)"#)
        #expect(conversation.thinking == .disabled)
        #expect(conversation.ignored == ["reasoning_effort"])
    }

    @Test("the operator's default holds where nothing was said and nothing excludes it")
    func byDefault() throws {
        func thinks(_ members: String, _ dialect: Dialect = .chatCompletions) throws -> Thinking? {
            var conversation = try decode(members, dialect: dialect)
            conversation.thinkByDefault(in: dialect)
            return conversation.thinking
        }
        #expect(try thinks("") == .adaptive)
        #expect(try thinks("", .anthropic) == .adaptive)
        #expect(try thinks(#""reasoning_effort":"none""#) == .disabled)
        #expect(try thinks(#""temperature":0"#) == nil)
        #expect(try thinks(#""top_p":0.2"#) == nil)
        #expect(try thinks(#""top_k":5"#, .anthropic) == nil)
        #expect(try thinks(Self.tool) == nil)
    }

    @Test("calls in the older form are paired by order")
    func functions() throws {
        let messages = #"""
            [{"role":"user","content":"q"},
             {"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{\"a\":1}"}},
             {"role":"function","name":"f","content":"r1"},
             {"role":"assistant","function_call":{"name":"f","arguments":"{}"}},
             {"role":"function","name":"f","content":"r2"}]
            """#
        let conversation = try Dialect.chatCompletions.decode(Array(#"{"model":"m","messages":\#(messages)}"#.utf8))
        #expect(conversation.turns.count == 5)
        #expect(
            conversation.turns[1].blocks
                == [.toolUse(id: "call_function_1", name: "f", input: JSONFragment(#"{"a":1}"#))])
        #expect(
            conversation.turns[4].blocks
                == [.toolResult(id: "call_function_2", content: [.text("r2")], isError: false)])
        #expect(conversation.ignored.isEmpty)
    }
}
