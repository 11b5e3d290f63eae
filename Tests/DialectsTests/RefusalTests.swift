import Dialects
import Testing
import Vocabulary

/// One request that is refused, and how.
struct RefusalCase: Sendable, CustomTestStringConvertible {
    let dialect: Dialect
    let body: String
    let message: String
    let param: String?
    let code: String?

    init(
        _ dialect: Dialect,
        _ body: String,
        _ message: String,
        _ param: String? = nil,
        code: String? = nil
    ) {
        self.dialect = dialect
        self.body = body
        self.message = message
        self.param = param
        self.code = code
    }

    var testDescription: String { "\(dialect) \(body.prefix(120))" }
}

@Suite("Refused requests") struct RefusalTests {
    @Test("a wrong request is refused with its path", arguments: anthropic + chat + responses)
    func refuses(_ expected: RefusalCase) {
        let refusal = #expect(throws: Refusal.self) { try expected.dialect.decode(Array(expected.body.utf8)) }
        #expect(refusal?.kind == .invalidRequest)
        #expect(refusal?.message == expected.message)
        #expect(refusal?.param == expected.param)
        #expect(refusal?.code == expected.code)
    }

    @Test(
        "a body that is no JSON object is refused in words",
        arguments: Dialect.allCases,
        [
            ("", "The request has no body."),
            ("{", "The request body is not valid JSON: unexpected input at byte 1."),
            ("[]", "The request body must be a JSON object."),
            ("null", "The request body must be a JSON object."),
            ("{\"a\":1,}", "The request body is not valid JSON: unexpected input at byte 7."),
            ("nan", "The request body is not valid JSON: unexpected input at byte 1."),
            ("{} x", "The request body is not valid JSON: unexpected input at byte 3."),
            ("\u{FEFF}[]", "The request body must be a JSON object."),
            ("{\u{FEFF}}", "The request body is not valid JSON: unexpected input at byte 1."),
        ]
    )
    func notAnObject(dialect: Dialect, body: (String, String)) {
        let refusal = #expect(throws: Refusal.self) { try dialect.decode(Array(body.0.utf8)) }
        #expect(refusal == Refusal(.invalidRequest, body.1))
    }

    @Test("bytes that are not UTF-8 are refused with their place")
    func notUTF8() {
        let refusal = #expect(throws: Refusal.self) {
            try Dialect.anthropic.decode(Array("{\"a\":\"".utf8) + [0xFF] + Array("\"}".utf8))
        }
        #expect(refusal?.message == "The request body is not valid UTF-8 at byte 6.")
    }

    @Test("a body beyond its limits is refused")
    func limits() {
        let deep = String(repeating: "[", count: 70) + String(repeating: "]", count: 70)
        let refusal = #expect(throws: Refusal.self) { try Dialect.responses.decode(Array(deep.utf8)) }
        #expect(refusal?.message.contains("more than 64 levels") == true)
        let context = RequestContext(limits: JSONLimits(depth: 8, values: 4))
        let many = #expect(throws: Refusal.self) {
            try Dialect.responses.decode(Array("[1,2,3,4,5]".utf8), context: context)
        }
        #expect(many?.message == "The request body holds more than 4 JSON values.")
    }

    @Test("messages that say nothing are dropped, and the last one must say something")
    func empties() throws {
        let messages = #"""
            [{"role":"user","content":"a"},{"role":"assistant","content":""},{"role":"user","content":[]},
             {"role":"user","content":[{"type":"text","text":""},{"type":"text","text":"b"}]}]
            """#
        for dialect in [Dialect.anthropic, .chatCompletions] {
            let conversation = try dialect.decode(Array(Self.a("", messages: messages).utf8))
            #expect(conversation.turns.map(\.blocks) == [[.text("a")], [.text("b")]])
        }
        for last in [#""""#, #""\u00a0""#, #""\n\t ""#, "[]", #"[{"type":"text","text":" "}]"#] {
            #expect(throws: Refusal.self, "\(last)") {
                try Dialect.chatCompletions.decode(
                    Array(Self.c(messages: #"[{"role":"user","content":\#(last)}]"#).utf8)
                )
            }
        }
    }

    @Test("a data URL may have its slashes escaped")
    func escapedSlashes() throws {
        let part = #"{"type":"image_url","image_url":{"url":"data:image\/png;base64,AA\/\/"}}"#
        let file = #"{"type":"file","file":{"file_data":"data:text\/plain;base64,Pz8\/"}}"#
        let body = Self.c(messages: #"[{"role":"user","content":[\#(part),\#(file)]}]"#)
        let blocks = try Dialect.chatCompletions.decode(Array(body.utf8)).turns[0].blocks
        guard case .image(let source) = blocks[0], case .document(let document) = blocks[1] else {
            Issue.record("an image and a document were expected")
            return
        }
        let image = try JSONDocument(parsing: Array(source.bytes)).root
        #expect(image["media_type"]?.text?.string == "image/png" && image["data"]?.text?.string == "AA//")
        let text = try JSONDocument(parsing: Array(document.bytes)).root["source"]?["data"]
        #expect(text?.text?.string == "???")
    }

    @Test("counting tokens needs no limit and takes any last message")
    func countsTokens() throws {
        let body =
            #"{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#
        let conversation = try Dialect.anthropic.decode(
            Array(body.utf8),
            context: RequestContext(countsTokens: true)
        )
        #expect(conversation.turns.count == 2)
    }

    static func a(_ members: String, messages: String = #"[{"role":"user","content":"x"}]"#) -> String {
        #"{"model":"m","max_tokens":5,"messages":\#(messages)\#(members.isEmpty ? "" : ",")\#(members)}"#
    }

    static let anthropic: [RefusalCase] = [
        .init(.anthropic, "{}", "model: Field required", "model"),
        .init(.anthropic, #"{"model":5}"#, "model: expected string, got number", "model"),
        .init(.anthropic, #"{"model":""}"#, "model: must not be empty", "model"),
        .init(.anthropic, #"{"model":"m"}"#, "max_tokens: Field required", "max_tokens"),
        .init(
            .anthropic,
            #"{"model":"m","max_tokens":"5"}"#,
            "max_tokens: expected integer, got string",
            "max_tokens"
        ),
        .init(
            .anthropic,
            #"{"model":"m","max_tokens":-1}"#,
            "max_tokens: must be between 1 and 2147483647",
            "max_tokens"
        ),
        .init(.anthropic, #"{"model":"m","max_tokens":5}"#, "messages: Field required", "messages"),
        .init(.anthropic, a("", messages: "null"), "messages: Field required", "messages"),
        .init(.anthropic, a("", messages: "\"x\""), "messages: expected array, got string", "messages"),
        .init(.anthropic, a("", messages: "[]"), "messages: at least one message is required", "messages"),
        .init(.anthropic, a("", messages: "[5]"), "messages[0]: expected object, got number", "messages[0]"),
        .init(
            .anthropic,
            a("", messages: #"[{"role":"robot","content":"x"}]"#),
            "messages[0].role: must be one of: user, assistant, system",
            "messages[0].role"
        ),
        .init(
            .anthropic,
            a("", messages: #"[{"role":"user"}]"#),
            "messages[0].content: Field required",
            "messages[0].content"
        ),
        .init(
            .anthropic,
            a("", messages: #"[{"role":"user","content":5}]"#),
            "messages[0].content: expected string or array, got number",
            "messages[0].content"
        ),
        .init(
            .anthropic,
            a("", messages: #"[{"role":"user","content":[{"text":"x"}]}]"#),
            "messages[0].content[0].type: Field required",
            "messages[0].content[0].type"
        ),
        .init(
            .anthropic,
            a("", messages: #"[{"role":"user","content":[{"type":"text","text":null}]}]"#),
            "messages[0].content[0].text: Field required",
            "messages[0].content[0].text"
        ),
        .init(
            .anthropic,
            a("", messages: #"[{"role":"user","content":[{"type":"image","source":"x"}]}]"#),
            "messages[0].content[0].source: expected object, got string",
            "messages[0].content[0].source"
        ),
        .init(
            .anthropic,
            a(
                "",
                messages:
                    #"[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"n","input":"{}"}]}]"#
            ),
            "messages[1].content[0].input: expected object, got string",
            "messages[1].content[0].input"
        ),
        .init(
            .anthropic,
            a("", messages: #"[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]"#),
            "messages: the conversation must end with a user message or a tool result; prefilling the assistant's answer is not supported",
            "messages"
        ),
        .init(
            .anthropic,
            a("", messages: #"[{"role":"user","content":" \n"}]"#),
            "messages: the last user message must have non-empty content",
            "messages"
        ),
        .init(
            .anthropic,
            a("", messages: #"[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t9"}]}]"#),
            "messages: no tool call found for the tool result with id t9",
            "messages"
        ),
        .init(
            .anthropic,
            a(
                "",
                messages:
                    #"[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"n","input":{}}]},{"role":"user","content":"b"}]"#
            ),
            "messages: the tool call t1 is not followed by its result",
            "messages"
        ),
        .init(.anthropic, a(#""stream":"yes""#), "stream: expected boolean, got string", "stream"),
        .init(.anthropic, a(#""system":5"#), "system: expected string or array, got number", "system"),
        .init(
            .anthropic,
            a(#""temperature":1.5"#),
            "temperature: must be between 0.0 and 1.0",
            "temperature"
        ),
        .init(
            .anthropic,
            a(#""stop_sequences":["a",1]"#),
            "stop_sequences[1]: expected string, got number",
            "stop_sequences[1]"
        ),
        .init(
            .anthropic,
            a(#""tools":[{"name":"a b","input_schema":{}}]"#),
            "tools[0].name: must match ^[a-zA-Z0-9_-]{1,128}$",
            "tools[0].name"
        ),
        .init(
            .anthropic,
            a(#""tools":[{"name":"a","input_schema":{}},{"name":"a","input_schema":{}}]"#),
            "tools[1].name: tool names must be unique",
            "tools[1].name"
        ),
        .init(
            .anthropic,
            a(#""tools":[{"type":"bash_20250124","name":"bash"}]"#),
            "tools[0].type: tools of type bash_20250124 are not supported; only custom ones, with a name and an input_schema, and web_search_20250305 and later are",
            "tools[0].type"
        ),
        .init(
            .anthropic,
            a(#""tool_choice":{"type":"any"}"#),
            "tool_choice: is only allowed when tools are given",
            "tool_choice"
        ),
        .init(
            .anthropic,
            a(#""tools":[{"name":"a","input_schema":{}}],"tool_choice":{"type":"tool","name":"b"}"#),
            "tool_choice: there is no tool named b",
            "tool_choice"
        ),
        .init(
            .anthropic,
            a(#""thinking":{"type":"enabled"}"#),
            "thinking.budget_tokens: Field required",
            "thinking.budget_tokens"
        ),
        .init(
            .anthropic,
            a(#""thinking":{"type":"enabled","budget_tokens":5}"#),
            "thinking.budget_tokens: must be between 1024 and 2147483647",
            "thinking.budget_tokens"
        ),
        .init(
            .anthropic,
            a(#""output_config":{"effort":"huge"}"#),
            "output_config.effort: must be one of: low, medium, high, xhigh, max",
            "output_config.effort"
        ),
        .init(
            .anthropic,
            a(#""output_config":{"format":{"type":"json_schema"}}"#),
            "output_config.format.schema: Field required",
            "output_config.format.schema"
        ),
        .init(
            .anthropic,
            a(#""mcp_servers":[{"name":"x"}]"#),
            "mcp_servers: is not supported here",
            "mcp_servers"
        ),
        .init(
            .anthropic,
            a(#""thread":{"type":"create"}"#),
            "thread: message threads are not supported; send the whole conversation",
            "thread",
            code: "thread_unsupported_request"
        ),
    ]

    static func c(_ members: String) -> String {
        #"{"model":"m","messages":[{"role":"user","content":"x"}],\#(members)}"#
    }

    static func c(messages: String) -> String { #"{"model":"m","messages":\#(messages)}"# }

    static let chat: [RefusalCase] = [
        .init(.chatCompletions, "{}", "model: Field required", "model"),
        .init(.chatCompletions, #"{"model":"m"}"#, "messages: Field required", "messages"),
        .init(
            .chatCompletions,
            c(messages: "[]"),
            "messages: at least one message is required",
            "messages"
        ),
        .init(
            .chatCompletions,
            c(messages: #"["x"]"#),
            "messages[0]: expected object, got string",
            "messages[0]"
        ),
        .init(
            .chatCompletions,
            c(messages: #"[{"role":"robot","content":"x"}]"#),
            "messages[0].role: must be one of: system, developer, user, assistant, tool, function",
            "messages[0].role"
        ),
        .init(
            .chatCompletions,
            c(messages: #"[{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}]"#),
            "messages[0].content[0].type: audio input is not supported; send its transcript as text",
            "messages[0].content[0].type"
        ),
        .init(
            .chatCompletions,
            c(
                messages:
                    #"[{"role":"user","content":[{"type":"image_url","image_url":{"url":"file:///etc/passwd"}}]}]"#
            ),
            "messages[0].content[0].image_url.url: must be a data: URL or an https: URL",
            "messages[0].content[0].image_url.url"
        ),
        .init(
            .chatCompletions,
            c(
                messages:
                    #"[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png,x"}}]}]"#
            ),
            "messages[0].content[0].image_url.url: must be a data: URL with base64 content",
            "messages[0].content[0].image_url.url"
        ),
        .init(
            .chatCompletions,
            c(messages: #"[{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}]"#),
            "messages[0].content[0].file.file_id: files are not kept here; send the content in file_data or file_url",
            "messages[0].content[0].file.file_id"
        ),
        .init(
            .chatCompletions,
            c(
                messages:
                    #"[{"role":"user","content":[{"type":"file","file":{"file_data":"data:application/zip;base64,AA=="}}]}]"#
            ),
            "messages[0].content[0].file.file_data: files of type application/zip are not supported",
            "messages[0].content[0].file.file_data"
        ),
        .init(
            .chatCompletions,
            c(
                messages:
                    #"[{"role":"user","content":[{"type":"file","file":{"file_data":"data:text/plain;base64,/w=="}}]}]"#
            ),
            "messages[0].content[0].file.file_data: must be base64 of UTF-8 text",
            "messages[0].content[0].file.file_data"
        ),
        .init(
            .chatCompletions,
            c(messages: #"[{"role":"tool","tool_call_id":"c1","content":"x"}]"#),
            "messages: no tool call found for the tool result with id c1",
            "messages"
        ),
        .init(.chatCompletions, c(#""n":2"#), "n: only one choice for each request is supported", "n"),
        .init(.chatCompletions, c(#""stream":"yes""#), "stream: expected boolean, got string", "stream"),
        .init(
            .chatCompletions,
            c(#""temperature":3"#),
            "temperature: must be between 0.0 and 2.0",
            "temperature"
        ),
        .init(
            .chatCompletions,
            c(#""functions":[{"name":"f"}]"#),
            "functions: is not supported; use tools and tool_choice",
            "functions"
        ),
        .init(
            .chatCompletions,
            c(#""modalities":["text","audio"]"#),
            "modalities[1]: only text output is supported",
            "modalities[1]"
        ),
        .init(
            .chatCompletions,
            c(#""reasoning_effort":"huge""#),
            "reasoning_effort: must be one of: none, minimal, low, medium, high, xhigh, max",
            "reasoning_effort"
        ),
        .init(
            .chatCompletions,
            c(#""response_format":{"type":"json_schema"}"#),
            "response_format.json_schema: Field required",
            "response_format.json_schema"
        ),
        .init(
            .chatCompletions,
            c(#""tools":[{"type":"function","function":{"name":"a.b"}}]"#),
            "tools[0].function.name: must match ^[a-zA-Z0-9_-]{1,128}$",
            "tools[0].function.name"
        ),
        .init(
            .chatCompletions,
            c(#""tools":[{"type":"frobnicate","frobnicate":{"name":"x"}}]"#),
            "tools[0].type: only tools of type function and custom are supported",
            "tools[0].type"
        ),
        .init(
            .chatCompletions,
            c(#""tool_choice":"required""#),
            "tool_choice: is only allowed when tools are given",
            "tool_choice"
        ),
    ]

    static func r(_ members: String) -> String { #"{"model":"m","input":"x",\#(members)}"# }

    static let responses: [RefusalCase] = [
        .init(.responses, "{}", "model: Field required", "model"),
        .init(.responses, #"{"model":"m"}"#, "input: Field required", "input"),
        .init(
            .responses,
            r(#""tools":[{"type":"web_search"},{"type":"function","name":"a.b"}]"#),
            "tools[1].name: must match ^[a-zA-Z0-9_-]{1,128}$",
            "tools[1].name"
        ),
        .init(
            .responses,
            #"{"model":"m","input":5}"#,
            "input: expected string or array, got number",
            "input"
        ),
        .init(.responses, #"{"model":"m","input":[]}"#, "input: at least one item is required", "input"),
        .init(
            .responses,
            #"{"model":"m","input":[{"role":"user","content":[{"type":"text"}]}]}"#,
            "input[0].content[0].text: Field required",
            "input[0].content[0].text"
        ),
        .init(
            .responses,
            #"{"model":"m","input":[{"type":"item_reference","id":"msg_1"}]}"#,
            "input[0].id: Item with id 'msg_1' not found.",
            "input[0].id"
        ),
        .init(
            .responses,
            #"{"model":"m","input":[{"type":"function_call_output","call_id":"c","output":"x"}]}"#,
            "input: no tool call found for the tool result with id c",
            "input"
        ),
        .init(
            .responses,
            #"{"model":"m","input":[{"type":"computer_call"}]}"#,
            "input: at least one user message is required",
            "input"
        ),
        .init(
            .responses,
            r(#""previous_response_id":"resp_x""#),
            "Previous response with id 'resp_x' not found.",
            "previous_response_id",
            code: "previous_response_not_found"
        ),
        .init(
            .responses,
            r(#""conversation":"conv_1""#),
            "conversation: is not supported; use previous_response_id, or send the whole conversation",
            "conversation"
        ),
        .init(
            .responses,
            r(#""background":true"#),
            "background: background responses are not supported",
            "background"
        ),
        .init(
            .responses,
            r(#""metadata":{"a":1}"#),
            "metadata.a: expected string, got number",
            "metadata.a"
        ),
        .init(
            .responses,
            r(#""reasoning":{"summary":"long"}"#),
            "reasoning.summary: must be one of: auto, concise, detailed, none",
            "reasoning.summary"
        ),
    ]
}
