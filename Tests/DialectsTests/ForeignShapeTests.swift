import Dialects
import Testing
import Vocabulary

/// What agents send to chat completions in the shapes of the other dialects; Cursor's agent mode is one of them.
@Suite("Foreign shapes in chat completions") struct ForeignShapeTests {
    private static let user = #"{"role":"user","content":"x"}"#

    private func decode(_ members: String) throws -> Conversation {
        try Dialect.chatCompletions.decode(Array(#"{"model":"m","messages":\#(members)}"#.utf8))
    }

    private func body(_ members: String) throws -> Conversation {
        try Dialect.chatCompletions.decode(Array(#"{"model":"m",\#(members)}"#.utf8))
    }

    private func text(_ fragment: JSONFragment) -> String { String(decoding: fragment.bytes, as: UTF8.self) }

    // MARK: - Tools

    @Test("a function is understood in every dialect's shape", arguments: [
        #"{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}}"#,
        #"{"function":{"name":"f","description":"d","parameters":{"type":"object"}}}"#,
        #"{"type":"function","name":"f","description":"d","parameters":{"type":"object"}}"#,
        #"{"name":"f","description":"d","parameters":{"type":"object"}}"#,
        #"{"name":"f","description":"d","input_schema":{"type":"object"}}"#,
        #"{"type":"custom","name":"f","description":"d","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}}"#,
    ]) func functions(tool: String) throws {
        let conversation = try decode(members(tools: tool))
        let known = try #require(conversation.tools.first)
        #expect(conversation.tools.count == 1 && conversation.ignored.isEmpty)
        #expect((known.name, known.description) == ("f", "d"))
        #expect((known.form, text(known.schema)) == (.function, #"{"type":"object"}"#))
    }

    @Test("a tool for free text is understood nested and flat", arguments: [
        (#"{"type":"custom","custom":{"name":"p","description":"d"}}"#, ""),
        (#"{"type":"custom","name":"p","description":"d","format":{"type":"text"}}"#, ""),
        (
            #"{"type":"custom","custom":{"name":"p","description":"d","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"start: X"}}}}"#,
            "start: X"
        ),
        (
            #"{"type":"custom","name":"p","description":"d","format":{"type":"grammar","syntax":"lark","definition":"start: X"}}"#,
            "start: X"
        ),
    ]) func freeText(tool: String, grammar: String) throws {
        let known = try #require(try decode(members(tools: tool)).tools.first)
        #expect((known.name, known.form) == ("p", .freeText))
        let description = try #require(known.description?.string)
        #expect(description.hasPrefix("d\n\n") && description.contains(grammar))
    }

    @Test("tools that the vendor would run are left out and named", arguments: [
        "web_search", "web_search_preview", "web_search_preview_2025_03_11", "web_search_20250305", "file_search",
        "code_interpreter", "image_generation", "mcp",
    ]) func vendorRun(type: String) throws {
        let own = #"{"type":"function","function":{"name":"f"}}"#
        let conversation = try decode(members(tools: #"{"type":"\#(type)","name":"n"},\#(own)"#))
        #expect(conversation.tools.map(\.name) == ["f"])
        #expect(conversation.ignored == ["tools[0]"])
        #expect(throws: Refusal.self) { try decode(members(tools: #"{"type":"\#(type)"}"#) + #","tool_choice":"required""#) }
    }

    @Test("what is no tool is refused by its path", arguments: [
        (#"{"type":"frobnicate","name":"f"}"#, "tools[0].type: only tools of type function and custom are supported"),
        (#"{"type":"local_shell"}"#, "tools[0].type: only tools of type function and custom are supported"),
        (#"{"type":"web_fetch","name":"f"}"#, "tools[0].type: only tools of type function and custom are supported"),
        (#"{"type":"bash_20250124","name":"bash"}"#, "tools[0].type: only tools of type function and custom are supported"),
        (#"{"type":"custom","function":{"name":"f"}}"#, "tools[0].type: only tools of type function and custom are supported"),
        (#"{"type":"function","custom":{"name":"f"}}"#, "tools[0].type: only tools of type function and custom are supported"),
        (#"{"name":"f"}"#, "tools[0].type: Field required"),
        (#"{"type":"function"}"#, "tools[0].function: Field required"),
        (#"{"type":"custom"}"#, "tools[0].custom: Field required"),
        (#"{"type":"function","function":{}}"#, "tools[0].function.name: Field required"),
        (#"{"name":"f","input_schema":[]}"#, "tools[0].input_schema: expected object, got array"),
        (#"{"type":"custom","custom":{"name":"f","format":{"type":"json"}}}"#, "tools[0].custom.format.type: must be one of: text, grammar"),
        (#""f""#, "tools[0]: expected object, got string"),
    ]) func noTool(tool: String, message: String) {
        #expect(throws: Refusal(.invalidRequest, message, param: String(message.prefix { $0 != ":" }))) {
            try decode(members(tools: tool))
        }
    }

    @Test("a choice is understood in every dialect's shape", arguments: [
        (#""required""#, ToolChoice.any), (#""any""#, .any), (#""none""#, .none), (#""auto""#, .auto), (#""""#, .auto),
        ("null", .auto), (#"{"type":"any"}"#, .any), (#"{"type":"auto"}"#, .auto), (#"{"type":"none"}"#, .none),
        (#"{"type":"tool","name":"f"}"#, .named("f")), (#"{"type":"function","name":"f"}"#, .named("f")),
        (#"{"type":"function","function":{"name":"f"}}"#, .named("f")),
        (#"{"type":"custom","custom":{"name":"p"}}"#, .named("p")), (#"{"type":"custom","name":"p"}"#, .named("p")),
        (
            #"{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"custom","custom":{"name":"p"}},{"type":"function","function":{"name":"f"}}]}}"#,
            .allowed(["p", "f"], isRequired: true)
        ),
        (
            #"{"type":"allowed_tools","mode":"auto","tools":[{"type":"custom","name":"p"},{"type":"function","name":"f"}]}"#,
            .allowed(["p", "f"], isRequired: false)
        ),
    ]) func choices(choice: String, expected: ToolChoice) throws {
        let tools = #"{"type":"function","function":{"name":"f"}},{"type":"custom","custom":{"name":"p"}}"#
        #expect(try decode(members(tools: tools) + #","tool_choice":\#(choice)"#).toolChoice == expected)
    }

    @Test("a choice says that one call at a time is enough")
    func oneCall() throws {
        let tools = members(tools: #"{"name":"f","input_schema":{"type":"object"}}"#)
        let choice = #","tool_choice":{"type":"auto","disable_parallel_tool_use":true}"#
        #expect(try !decode(tools + choice).allowsParallelToolCalls)
        #expect(try decode(tools).allowsParallelToolCalls)
    }

    @Test("a wrong choice is refused by its path", arguments: [
        (#"{"type":"tool"}"#, "tool_choice.name: Field required"),
        (#"{"type":"function"}"#, "tool_choice.function: Field required"),
        (#"{"type":"custom"}"#, "tool_choice.custom: Field required"),
        (#"{"type":"custom","custom":{"name":"f2"}}"#, "tool_choice: there is no tool named f2"),
        (#""perhaps""#, "tool_choice: must be one of: auto, none, required"),
    ]) func wrongChoice(choice: String, message: String) {
        let tools = members(tools: #"{"name":"f","input_schema":{"type":"object"}}"#)
        let refusal = #expect(throws: Refusal.self) { try decode(tools + #","tool_choice":\#(choice)"#) }
        #expect(refusal?.message == message)
    }

    private func members(tools: String) -> String { "[\(Self.user)],\"tools\":[\(tools)]" }

    // MARK: - Messages

    @Test("calls and results in Anthropic's blocks are calls and results")
    func anthropicBlocks() throws {
        let conversation = try decode(#"""
            [{"role":"user","content":"go"},
             {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"redacted_thinking","data":"r"},{"type":"text","text":"I look."},{"type":"tool_use","id":"a","name":"f","input":{"x":1}},{"type":"tool_use","id":"b","name":"f"}]},
             {"role":"user","content":[{"type":"text","text":"and?"},{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"one"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]},{"type":"tool_result","tool_use_id":"b","content":"two","is_error":true}]}]
            """#)
        let image = JSONFragment(#"{"type":"base64","media_type":"image/png","data":"AAAA"}"#)
        #expect(conversation.turns.map(\.role) == [.user, .assistant, .user])
        #expect(conversation.turns[1].blocks == [
            .thinking("hm", signature: "s"), .redactedThinking("r"), .text("I look."),
            .toolUse(id: "a", name: "f", input: JSONFragment(#"{"x":1}"#)),
            .toolUse(id: "b", name: "f", input: JSONFragment("{}")),
        ])
        #expect(conversation.turns[2].blocks == [
            .toolResult(id: "a", content: [.text("one"), .image(source: image)], isError: false),
            .toolResult(id: "b", content: [.text("two")], isError: true), .text("and?"),
        ])
    }

    @Test("results in messages of their own belong to one message, whichever way they are written")
    func severalResults() throws {
        let conversation = try decode(#"""
            [{"role":"user","content":"go"},
             {"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"custom","custom":{"name":"p","input":"x \"y\""}},{"id":"c","function":{"name":"f"}}]},
             {"role":"user","content":[{"type":"tool_result","tool_use_id":"a"}]},
             {"role":"tool","tool_call_id":"b","content":[{"type":"text","text":"t"},{"type":"input_image","image_url":"https://e.org/a.png"}]},
             {"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":null},{"type":"text","text":"on"}]}]
            """#)
        #expect(conversation.turns.map(\.role) == [.user, .assistant, .user])
        #expect(conversation.turns[1].blocks.contains(
            .toolUse(id: "b", name: "p", input: JSONFragment(#"{"input":"x \"y\""}"#))))
        #expect(conversation.turns[2].blocks == [
            .toolResult(id: "a", content: [], isError: false),
            .toolResult(
                id: "b",
                content: [.text("t"), .image(source: JSONFragment(#"{"type":"url","url":"https://e.org/a.png"}"#))],
                isError: false),
            .toolResult(id: "c", content: [], isError: false), .text("on"),
        ])
    }

    @Test("thinking without a signature is left out and named")
    func unsignedThinking() throws {
        let parts = #"{"type":"thinking","thinking":"hm"},{"type":"reasoning","text":"hm"},{"type":"thinking","thinking":"hm","signature":""},{"type":"output_text","text":"b"}"#
        let conversation = try decode(#"[\#(Self.user),{"role":"assistant","content":[\#(parts)]},\#(Self.user)]"#)
        #expect(conversation.turns[1].blocks == [.text("b")])
        #expect(conversation.ignored == ["messages.content.thinking", "messages.content.reasoning"])
        let signed = #"{"type":"reasoning","text":"hm","signature":"s"},{"type":"text","text":"b"}"#
        let kept = try decode(#"[\#(Self.user),{"role":"assistant","content":[\#(signed)]},\#(Self.user)]"#)
        #expect(kept.turns[1].blocks == [.thinking("hm", signature: "s"), .text("b")])
    }

    @Test("images and documents are understood in every dialect's shape", arguments: [
        (#"{"type":"image","source":{"type":"url","url":"https://e.org/a.png"}}"#, #"{"type":"url","url":"https://e.org/a.png"}"#),
        (#"{"type":"input_image","image_url":"https://e.org/a.png","detail":"auto"}"#, #"{"type":"url","url":"https://e.org/a.png"}"#),
        (#"{"type":"image_url","image_url":"https://e.org/a.png"}"#, #"{"type":"url","url":"https://e.org/a.png"}"#),
    ]) func images(part: String, source: String) throws {
        let blocks = try decode(#"[{"role":"user","content":[{"type":"input_text","text":"see"},\#(part)]}]"#).turns[0].blocks
        guard case .image(let seen) = blocks.last else {
            Issue.record("\(blocks)")
            return
        }
        #expect(text(seen) == source && blocks.first == .text("see"))
    }

    @Test("documents arrive without their cache marks")
    func documents() throws {
        let part = #"{"type":"document","source":{"type":"text","media_type":"text/plain","data":"d"},"cache_control":{"type":"ephemeral"}}"#
        let blocks = try decode(#"[{"role":"user","content":[\#(part)]}]"#).turns[0].blocks
        #expect(blocks == [.document(JSONFragment(#"{"type":"document","source":{"type":"text","media_type":"text/plain","data":"d"}}"#))])
        let file = #"{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,AAAA"}"#
        guard case .document = try decode(#"[{"role":"user","content":[\#(file)]}]"#).turns[0].blocks[0] else {
            Issue.record("no document")
            return
        }
    }

    @Test("a part that means nothing is refused by its path", arguments: [
        (#"{"role":"user","content":[{"type":"tool_use","id":"a","name":"f","input":{}}]}"#, "messages[0].content[0].type: must be one of: text, image_url, file"),
        (#"{"role":"user","content":[{"type":"image","image":"AAAA"}]}"#, "messages[0].content[0].source: Field required"),
        (#"{"role":"user","content":[{"type":"tool_result","content":"x"}]}"#, "messages[0].content[0].tool_use_id: Field required"),
        (#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"q","content":"x"}]}"#, "messages: no tool call found for the tool result with id q"),
        (#"{"role":"user","content":[{"type":"input_image","file_id":"f"}]}"#, "messages[0].content[0].file_id: files are not kept here; send the content in image_url"),
        (#"{"role":"assistant","content":[{"type":"tool_use","id":"a","input":{}}]}"#, "messages[0].content[0].name: Field required"),
        (#"{"role":"assistant","content":[{"type":"server_tool_use","id":"a","name":"f","input":{}}]}"#, "messages[0].content[0].type: must be one of: text, refusal, tool_use, thinking, redacted_thinking, reasoning"),
        (#"{"role":"system","content":[{"type":"image_url","image_url":"https://e.org/a.png"}]}"#, "messages[0].content[0].type: only text parts are supported here"),
        (#"{"role":"assistant","tool_calls":[{"id":"a","type":"mcp"}]}"#, "messages[0].tool_calls[0].type: only calls of type function and custom are supported"),
        (#"{"role":"assistant","tool_calls":[{"id":"a","type":"custom"}]}"#, "messages[0].tool_calls[0].custom: Field required"),
    ]) func wrongPart(message: String, expected: String) {
        let refusal = #expect(throws: Refusal.self) { try decode("[\(message),\(Self.user)]") }
        #expect(refusal?.message == expected)
    }

    @Test("Anthropic's fields of the request are taken")
    func anthropicFields() throws {
        let conversation = try decode(#"""
            [{"role":"system","content":"b"},\#(Self.user)],"max_tokens":7,"stop_sequences":["END"," "],"stop":["X"],
            "system":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]
            """#)
        #expect(conversation.system == ["a", "b"])
        #expect(conversation.sampling.stopSequences == ["X", "END"])
        #expect((conversation.sampling.maxTokens, conversation.ignored) == (7, ["stop_sequences"]))
        #expect(throws: Refusal(.invalidRequest, "system: expected string or array, got number", param: "system")) {
            try decode("[\(Self.user)],\"system\":5")
        }
    }

    // MARK: - A Responses body

    @Test("a Responses body is understood as one")
    func responsesBody() throws {
        let conversation = try body(#"""
            "instructions":"Be kind.","input":[{"role":"user","content":[{"type":"input_text","text":"x"}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"1"}],
            "tools":[{"type":"function","name":"f","parameters":{"type":"object"}}],"max_output_tokens":9,"store":true,"stream":true,"stream_options":{"include_usage":true},
            "reasoning":{"effort":"low","summary":"auto"},"include":["reasoning.encrypted_content"],"text":{"format":{"type":"json_object"}},"metadata":{"a":"b"}
            """#)
        #expect(conversation.system == ["Be kind."])
        #expect(conversation.turns.map(\.role) == [.user, .assistant, .user])
        #expect((conversation.tools.map(\.name), conversation.sampling.maxTokens) == (["f"], 9))
        #expect((conversation.effort, conversation.outputFormat) == (.low, .jsonObject))
        #expect(conversation.streams && conversation.wantsUsageInStream && !conversation.isStored)
        #expect(conversation.echo.isEmpty && conversation.ignored == ["store"])
        #expect(try body(#""input":"x""#).turns.map(\.blocks) == [[.text("x")]])
    }

    @Test("nothing of a Responses body is stored, where responses are")
    func notStored() throws {
        var context = RequestContext()
        context.storesResponses = true
        let body = Array(#"{"model":"m","input":"x","store":true}"#.utf8)
        let conversation = try Dialect.chatCompletions.decode(body, context: context)
        #expect(!conversation.isStored && conversation.ignored == ["store"])
    }

    @Test("what a Responses body refers to is refused by name")
    func references() {
        let previous = #expect(throws: Refusal.self) { try body(#""input":"x","previous_response_id":"resp_1""#) }
        #expect(previous?.param == "previous_response_id")
        let item = #expect(throws: Refusal.self) { try body(#""input":[{"type":"item_reference","id":"msg_1_1"}]"#) }
        #expect(item?.param == "input[0].id")
        let nothing = #expect(throws: Refusal.self) { try body(#""input":null"#) }
        #expect(nothing?.message == "messages: Field required")
    }

    @Test("messages win over input, which is named")
    func both() throws {
        #expect(try decode(#"[\#(Self.user)],"input":"y""#).ignored == ["input"])
        #expect(try decode(#"[\#(Self.user)],"input":"""#).ignored.isEmpty)
        #expect(try decode(#"[\#(Self.user)],"input":"y""#).turns.map(\.blocks) == [[.text("x")]])
        #expect(throws: Refusal.self) { try decode(#"[],"input":"y""#) }
    }

    @Test("a Responses body on the path of chat completions may use the fields of its path")
    func foreignBodyFields() throws {
        let body = #"{"model":"m","input":"a","max_tokens":10,"stop":["x"],"response_format":{"type":"json_object"},"#
            + #""reasoning_effort":"low","previous_response_id":""}"#
        let conversation = try Dialect.chatCompletions.decode(Array(body.utf8))
        #expect(conversation.sampling.maxTokens == 10)
        #expect(conversation.sampling.stopSequences == ["x"])
        #expect(conversation.outputFormat == .jsonObject)
        #expect(conversation.effort == .low)
        let both = #"{"model":"m","input":"a","max_tokens":10,"max_output_tokens":20}"#
        #expect(try Dialect.chatCompletions.decode(Array(both.utf8)).sampling.maxTokens == 20)
    }
}
