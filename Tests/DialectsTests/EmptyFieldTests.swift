import Dialects
import Testing
import Vocabulary

/// Fields that are there and say nothing, as programs write them that fill in every member of a structure.
@Suite("Empty fields") struct EmptyFieldTests {
    private func decode(_ dialect: Dialect, _ members: String) throws -> Conversation {
        let limit = dialect == .anthropic ? #""max_tokens":5,"# : ""
        return try dialect.decode(Array(#"{"model":"m",\#(limit)\#(members)}"#.utf8))
    }

    private func texts(_ conversation: Conversation) -> [String] {
        conversation.turns.flatMap(\.blocks).map { block in
            if case .text(let text) = block { text.string } else { "?" }
        }
    }

    // MARK: - Messages

    @Test("a message of chat without content says nothing", arguments: [
        #","content":null"#, "", #","content":"""#, #","content":[]"#, #","content":[{"type":"text","text":""}]"#,
    ]) func noContent(content: String) throws {
        for role in ["user", "assistant", "system", "developer"] {
            let messages = #"[{"role":"user","content":"a"},{"role":"\#(role)"\#(content)},{"role":"user","content":"b"}]"#
            let conversation = try decode(.chatCompletions, #""messages":\#(messages)"#)
            #expect(texts(conversation) == ["a", "b"] && conversation.system.isEmpty, "\(role)")
            let first = #"[{"role":"\#(role)"\#(content)},{"role":"user","content":"b"}]"#
            #expect(try texts(decode(.chatCompletions, #""messages":\#(first)"#)) == ["b"], "\(role)")
        }
        let refusal = #expect(throws: Refusal.self) {
            try decode(.chatCompletions, #""messages":[{"role":"user"\#(content)}]"#)
        }
        #expect(refusal?.message == "messages: the last user message must have non-empty content")
    }

    @Test("the user speaks first where the first message says nothing", arguments: [Dialect.chatCompletions, .responses])
    func emptyFirst(dialect: Dialect) throws {
        let messages = #"[{"role":"user","content":""},{"role":"assistant","content":"a"},{"role":"user","content":"b"}]"#
        let conversation = try decode(dialect, (dialect == .responses ? #""input":"# : #""messages":"#) + messages)
        #expect(texts(conversation) == ["The assistant speaks first.", "a", "b"])
    }

    @Test("a message's other members may be empty", arguments: [
        #""tool_calls":[],"function_call":null,"refusal":null,"audio":null,"annotations":[]"#,
        #""tool_calls":null,"refusal":"","name":"""#, #""refusal":"","reasoning_content":"","reasoning":null,"name":null"#,
    ]) func otherMembers(members: String) throws {
        let messages = #"[{"role":"user","content":"a","name":""},{"role":"assistant","content":"b",\#(members)},{"role":"user","content":"c"}]"#
        let conversation = try decode(.chatCompletions, #""messages":\#(messages)"#)
        #expect(texts(conversation) == ["a", "b", "c"] && conversation.ignored.isEmpty)
    }

    @Test("a tool's result may be empty", arguments: [
        #","content":null"#, "", #","content":"""#, #","content":[]"#, #","content":[{"type":"text","text":""}]"#,
    ]) func emptyResult(content: String) throws {
        let calls = [
            (Dialect.chatCompletions, #""messages":[{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{"id":"c","type":"","function":{"name":"f","arguments":""}}]},{"role":"tool","tool_call_id":"c"\#(content)}]"#),
            (.anthropic, #""messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","is_error":null\#(content)}]}]"#),
        ]
        for (dialect, members) in calls {
            let turns = try decode(dialect, members).turns
            #expect(turns.last?.blocks == [.toolResult(id: "c", content: [], isError: false)], "\(dialect)")
        }
    }

    // MARK: - Settings

    @Test("settings that are null or empty ask for nothing", arguments: [
        #""tools":null,"tool_choice":null,"parallel_tool_calls":null,"response_format":null,"stop":null,"user":null"#,
        #""tools":[],"tool_choice":"","response_format":"","stop":"","user":"","reasoning_effort":"","service_tier":"""#,
        #""tools":[],"tool_choice":"auto","stop":[],"functions":[],"function_call":"none","modalities":[],"metadata":{}"#,
        #""tools":[],"tool_choice":"none","stop":[""],"functions":null,"function_call":"auto","audio":null,"n":null,"stream_options":{}"#,
        #""temperature":null,"top_p":null,"max_tokens":null,"seed":null,"logit_bias":{},"logprobs":false,"top_logprobs":null,"reasoning":{},"thinking":null"#,
        #""system":"","stop_sequences":[],"input":null,"reasoning":{"effort":null},"stream":null,"prediction":null,"store":null"#,
    ]) func settings(members: String) throws {
        let conversation = try decode(.chatCompletions, #""messages":[{"role":"user","content":"x"}],\#(members)"#)
        #expect(conversation.ignored.isEmpty && conversation.tools.isEmpty && conversation.system.isEmpty)
        #expect((conversation.sampling, conversation.thinking, conversation.effort) == (Sampling(), nil, nil))
        #expect((conversation.toolChoice.forcesCall, conversation.outputFormat, conversation.streams) == (false, nil, false))
    }

    @Test("settings of the other dialects may be null or empty too", arguments: [
        (Dialect.anthropic, #""messages":[{"role":"user","content":"x"}],"system":null,"tools":null,"tool_choice":null,"stop_sequences":null,"thinking":null,"metadata":null,"service_tier":null,"container":null,"mcp_servers":null"#),
        (.anthropic, #""messages":[{"role":"user","content":[{"type":"text","text":""},{"type":"text","text":"x"}]}],"system":[{"type":"text","text":""}],"tools":[],"stop_sequences":[],"metadata":{},"mcp_servers":[]"#),
        (.responses, #""input":"x","instructions":null,"tools":null,"tool_choice":null,"include":null,"reasoning":null,"text":null,"previous_response_id":null,"conversation":null,"prompt":null,"store":null"#),
        (.responses, #""input":"x","instructions":"","tools":[],"tool_choice":"","include":[],"reasoning":{"effort":""},"text":{},"metadata":{},"user":"","service_tier":"""#),
    ]) func otherSettings(dialect: Dialect, members: String) throws {
        let conversation = try decode(dialect, members)
        #expect(texts(conversation) == ["x"])
        #expect(conversation.ignored.isEmpty && conversation.tools.isEmpty && conversation.system.isEmpty)
        #expect((conversation.thinking, conversation.effort, conversation.outputFormat) == (nil, nil, nil))
    }

    @Test("a tool may say little about itself", arguments: [
        #""description":"","parameters":{"type":"object"}"#, #""description":null,"parameters":null,"strict":null"#,
        #""parameters":{},"strict":false"#, #""parameters":{"type":"object","properties":{},"required":[]}"#,
    ]) func tools(members: String) throws {
        let tool = #"{"type":"function","function":{"name":"f",\#(members)}}"#
        let conversation = try decode(.chatCompletions, #""messages":[{"role":"user","content":"x"}],"tools":[\#(tool)]"#)
        #expect(conversation.tools.map(\.name) == ["f"] && conversation.ignored.isEmpty)
    }

    @Test("what is wrong rather than empty is refused by its path", arguments: [
        (#""messages":[{"role":"user","content":{}}]"#, "messages[0].content"),
        (#""messages":[{"role":"user","content":["x"]}]"#, "messages[0].content[0]"),
        (#""messages":[{"role":"User","content":"x"}]"#, "messages[0].role"),
        (#""messages":[{"role":"user","content":"x"}],"tools":"""#, "tools"),
        (#""messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":""}}]"#, "tools[0].function.parameters"),
        (#""messages":[{"role":"user","content":"x"}],"response_format":{}"#, "response_format.type"),
        (#""messages":[{"role":"user","content":"x"}],"stop":[null]"#, "stop[0]"),
        (#""messages":[{"role":"user","content":"x"}],"functions":{}"#, "functions"),
        (#""messages":[{"role":"user","content":"x"}],"max_tokens":0"#, "max_tokens"),
        (#""messages":[{"role":"user","content":"x"}],"service_tier":"cheap""#, "service_tier"),
    ]) func wrong(members: String, path: String) {
        let refusal = #expect(throws: Refusal.self) { try decode(.chatCompletions, members) }
        #expect(refusal?.param == path)
    }
}
