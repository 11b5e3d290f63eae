import Dialects
import Testing
import Vocabulary

/// Bodies from public reports about gateways of this dialect, each of which some gateway choked on.
@Suite("Reported shapes of chat completions") struct ReportedShapeTests {
    private static let user = #"{"role":"user","content":"x"}"#
    private static let schema = #"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}"#

    private func decode(_ members: String) throws -> Conversation {
        try Dialect.chatCompletions.decode(Array(#"{"model":"m",\#(members)}"#.utf8))
    }

    private func ask(_ members: String) throws -> Conversation { try decode(#""messages":[\#(Self.user)],\#(members)"#) }

    @Test("what other products add is passed over", arguments: [
        // Open WebUI
        #""chat_id":"1","session_id":"2","features":{},"variables":{},"background_tasks":{},"model_item":{},"options":{"num_ctx":2048},"keep_alive":"5m","tool_servers":[]"#,
        // OpenRouter's, which Roo and Cline send
        #""provider":{"order":["Anthropic"]},"route":"fallback","transforms":[],"plugins":[],"usage":{"include":true},"include_reasoning":true,"models":["m"]"#,
        // vLLM's and SGLang's
        #""min_p":0,"repetition_penalty":1,"chat_template_kwargs":{"enable_thinking":false},"enable_thinking":false,"think":false"#,
        // Gemini's
        #""extra_body":{"google":{"thinking_config":{"include_thoughts":true}}},"safety_settings":[],"cached_content":null"#,
        #""cache_control":{"type":"ephemeral"},"safety_identifier":"s","prompt_cache_key":"k","prompt_cache_retention":"24h","moderation":{}"#,
    ]) func extras(members: String) throws {
        #expect(try ask(members).ignored.isEmpty)
    }

    @Test("what other products add to messages is passed over", arguments: [
        #"{"id":"m","role":"user","content":"x","parts":[{"type":"text","text":"x"}],"createdAt":"2026-01-01","timestamp":1}"#,
        #"{"role":"user","content":[{"type":"text","text":"x","cache_control":{"type":"ephemeral","ttl":"1h"},"annotations":null}],"cache_control":{"type":"ephemeral"}}"#,
    ]) func messageExtras(message: String) throws {
        let conversation = try decode(#""messages":[\#(message)]"#)
        #expect(conversation.turns.map(\.blocks) == [[.text("x")]] && conversation.ignored.isEmpty)
    }

    @Test("an answer of another gateway's may come back as it was", arguments: [
        #""reasoning_content":"r","reasoning":"r","reasoning_details":[{"type":"reasoning.text","text":"t"}],"thinking_blocks":[],"provider_specific_fields":{}"#,
        #""id":"chatcmpl-1","index":0,"logprobs":null,"usage":{},"tool_call_id":null,"function_call":null"#,
    ]) func answers(members: String) throws {
        let assistant = #"{"role":"assistant","content":"b",\#(members)}"#
        let conversation = try decode(#""messages":[\#(Self.user),\#(assistant),\#(Self.user)]"#)
        #expect(conversation.turns.map(\.blocks) == [[.text("x")], [.text("b")], [.text("x")]])
    }

    @Test("a call is understood however much of it is left", arguments: [
        #"{"id":"c","type":"function","index":0,"function":{"name":"f","arguments":"{}"}}"#,
        #"{"id":"c","type":"","function":{"name":"f","arguments":""}}"#,
        #"{"id":"c","type":null,"function":{"name":"f","arguments":null}}"#,
        #"{"id":"c","function":{"name":"f","arguments":{}}}"#,
        #"{"id":"c","type":"function","name":"f","arguments":"{}"}"#,
        #"{"id":"c","name":"f"}"#,
        #"{"id":"c","type":"function","function":{"name":"f","description":null,"parameters":null}}"#,
    ]) func calls(call: String) throws {
        let assistant = #"{"role":"assistant","content":"","tool_calls":[\#(call)]}"#
        let result = #"{"role":"tool","tool_call_id":"c","content":[{"type":"text","text":"r"}]}"#
        let turns = try decode(#""messages":[\#(Self.user),\#(assistant),\#(result)]"#).turns
        #expect(turns[1].blocks == [.toolUse(id: "c", name: "f", input: JSONFragment("{}"))])
        #expect(turns[2].blocks == [.toolResult(id: "c", content: [.text("r")], isError: false)])
    }

    @Test("a flat call of a free-text tool is understood")
    func flatCustomCall() throws {
        let assistant = #"{"role":"assistant","tool_calls":[{"id":"c","type":"custom","name":"p","input":"t"}]}"#
        let turns = try decode(#""messages":[\#(Self.user),\#(assistant),{"role":"tool","tool_call_id":"c","content":"r"}]"#).turns
        #expect(turns[1].blocks == [.toolUse(id: "c", name: "p", input: JSONFragment(#"{"input":"t"}"#))])
    }

    @Test("a call that is written twice, as a part and as a call, is one")
    func twoSpellings() throws {
        let assistant = #"{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":{"a b":"c \" d"}}],"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a b\": \"c \\\" d\"}"}}]}"#
        let turns = try decode(#""messages":[\#(Self.user),\#(assistant),{"role":"tool","tool_call_id":"c","content":"r"}]"#).turns
        #expect(turns[1].blocks == [.toolUse(id: "c", name: "f", input: JSONFragment(#"{"a b":"c \" d"}"#))])
    }

    @Test("a schema is understood wherever a product puts it", arguments: [
        #"{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":\#(schema)}}"#,
        // Without a name (Cerebras, Cloudflare), and empty ones (Azure's samples)
        #"{"type":"json_schema","json_schema":{"schema":\#(schema)}}"#,
        #"{"type":"json_schema","json_schema":{"name":"","description":null,"strict":null,"schema":\#(schema)}}"#,
        // As in Responses
        #"{"type":"json_schema","name":"n","schema":\#(schema)}"#,
        // Together's, Fireworks' and llama.cpp's
        #"{"type":"json_object","schema":\#(schema)}"#,
    ]) func schemas(format: String) throws {
        #expect(try ask(#""response_format":\#(format)"#).outputFormat == .jsonSchema(fragment(Self.schema)))
    }

    private func fragment(_ text: String) -> JSONFragment { JSONFragment(validated: Array(text.utf8)[...]) }

    @Test("a schema that is missing is missed", arguments: [
        (#"{"type":"json_schema"}"#, "response_format.json_schema"),
        (#"{"type":"json_schema","json_schema":{"name":"n"}}"#, "response_format.json_schema.schema"),
        (#"{"type":"json_object","schema":"x"}"#, "response_format.schema"),
    ]) func noSchema(format: String, path: String) {
        let refusal = #expect(throws: Refusal.self) { try ask(#""response_format":\#(format)"#) }
        #expect(refusal?.param == path)
    }

    @Test("thinking is asked for in other vendors' words", arguments: [#"{"type":"enabled"}"#, #"{"type":"auto"}"#])
    func thinking(value: String) throws {
        let conversation = try ask(#""thinking":\#(value)"#)
        #expect((conversation.thinking, conversation.thinkingDisplay) == (.adaptive, .summarized))
        #expect(conversation.fields.thinking == "thinking")
        let budget = try ask(#""thinking":{"type":"enabled","budget_tokens":2048}"#)
        #expect(budget.thinking == .enabled(budgetTokens: 2048))
    }

    @Test("the vendor's own word for a tier is taken")
    func tier() throws {
        #expect(try ask(#""service_tier":"standard_only""#).sampling.serviceTier == JSONFragment(#""standard_only""#))
        let refusal = #expect(throws: Refusal.self) { try ask(#""service_tier":"x""#) }
        #expect(refusal?.message == "service_tier: must be one of: auto, default, flex, scale, priority, fast, standard_only")
    }
}
