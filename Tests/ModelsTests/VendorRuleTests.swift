import Dialects
import Models
import Testing
import Vocabulary

@Suite("What the vendor is certain to refuse in Messages")
struct VendorRuleTests {
    private static let tool = #""tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"any"}"#

    private func check(_ model: String, _ members: String, limit: Int = 9000) throws {
        let body = #"{"model":"m","max_tokens":\#(limit),"messages":[{"role":"user","content":"q"}],\#(members)}"#
        try ModelTraits.of(model).check(Dialect.anthropic.decode(Array(body.utf8)))
    }

    @Test(
        "refused in its own words",
        arguments: [
            ("claude-sonnet-5-5", #""temperature":0.2"#, "`temperature` is deprecated for this model."),
            ("claude-haiku-5-5", #""top_p":0.5"#, "`top_p` is deprecated for this model."),
            ("claude-opus-4-7", #""top_k":5"#, "`top_k` is deprecated for this model."),
            (
                "claude-sonnet-4-5", #""temperature":0.2,"top_p":0.5"#,
                "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
            ),
            (
                "claude-sonnet-5-5", #""thinking":{"type":"disabled"}"#,
                "\"thinking.type.disabled\" is not supported for this model. Use \"thinking.type.between_tools\" for the "
                    + "lowest thinking setting, or \"thinking.type.adaptive\" and \"output_config.effort\" to control "
                    + "thinking behavior."
            ),
            (
                "claude-opus-5-5", #""thinking":{"type":"disabled"}"#,
                "\"thinking.type.disabled\" is not supported for this model. Use \"thinking.type.adaptive\" and "
                    + "\"output_config.effort\" to control thinking behavior."
            ),
            (
                "claude-opus-4-8", #""thinking":{"type":"enabled","budget_tokens":2000}"#,
                "\"thinking.type.enabled\" is not supported for this model. Use \"thinking.type.adaptive\" and "
                    + "\"output_config.effort\" to control thinking behavior."
            ),
            (
                "claude-haiku-5-5", #""thinking":{"type":"between_tools"}"#,
                "\"thinking.type.between_tools\" is not supported for this model."
            ),
            (
                "claude-haiku-4-5", #""thinking":{"type":"adaptive"}"#,
                "adaptive thinking is not supported on this model"
            ),
            (
                "claude-haiku-4-5", #""output_config":{"effort":"low"}"#,
                "This model does not support the effort parameter."
            ),
            (
                "claude-opus-4-6", #""output_config":{"effort":"xhigh"}"#,
                "This model does not support effort level 'xhigh'. Supported levels: high, low, max, medium."
            ),
            (
                "claude-opus-5", #""output_config":{"effort":"max"},"thinking":{"type":"disabled"}"#,
                "output_config.effort 'max' is not supported when thinking is disabled on this model. Use effort 'high' "
                    + "or below, or enable thinking."
            ),
            (
                "claude-opus-5-5", tool,
                "tool_choice: type \"tool\" and \"any\" are not supported for this model."
            ),
            (
                "claude-sonnet-4-5", tool + #","thinking":{"type":"enabled","budget_tokens":2000}"#,
                "Thinking may not be enabled when tool_choice forces tool use."
            ),
            (
                "claude-sonnet-4-5", #""thinking":{"type":"enabled","budget_tokens":9000}"#,
                "`max_tokens` must be greater than `thinking.budget_tokens`."
            ),
            (
                "claude-sonnet-4-6", #""temperature":0.2,"thinking":{"type":"adaptive"}"#,
                "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode."
            ),
        ])
    func refused(model: String, members: String, message: String) {
        let refusal = #expect(throws: Refusal.self) { try check(model, members) }
        #expect(refusal?.message == message)
        #expect(refusal?.kind == .invalidRequest)
    }

    @Test(
        "what the vendor takes, or leaves open, is not refused",
        arguments: [
            ("claude-sonnet-5-5", #""temperature":1,"top_p":0.99"#), ("claude-haiku-4-5", #""temperature":0.2,"top_k":5"#),
            ("claude-haiku-5-5", #""thinking":{"type":"disabled"}"#), ("claude-haiku-5-5", tool),
            ("claude-opus-4-8", tool + #","thinking":{"type":"adaptive"}"#),
            ("claude-sonnet-5-5", #""thinking":{"type":"between_tools"},"output_config":{"effort":"high"}"#),
            ("claude-opus-4-5", #""output_config":{"effort":"high"}"#),
            ("claude-sonnet-9", #""temperature":0.2,"thinking":{"type":"disabled"}"#), ("sonnet", #""temperature":0.2"#),
            ("glm-5", #""temperature":0.2,"top_p":0.2"#),
        ])
    func taken(model: String, members: String) throws {
        try check(model, members)
    }

    @Test("a limit beyond the model's is refused with both numbers")
    func limit() {
        let refusal = #expect(throws: Refusal.self) { try check("claude-haiku-4-5", #""stream":true"#, limit: 64_001) }
        #expect(
            refusal?.message
                == "max_tokens: 64001 > 64000, which is the maximum allowed number of output tokens for claude-haiku-4-5")
    }
}
