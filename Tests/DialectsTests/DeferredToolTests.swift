import Dialects
import Testing
import Vocabulary

@Suite("Tools that come later") struct DeferredToolTests {
    @Test(
        "what names a tool that is not there is refused",
        arguments: [
            (#"{"role":"user","content":[{"type":"tool_reference","tool_name":"f"}]}"#, "tool_name"),
            (
                #"{"role":"system","content":[{"type":"tool_removal","tool":{"type":"tool_reference","name":"f"}}]}"#,
                "tool.name"
            ),
            (
                #"{"role":"system","content":[{"type":"tool_addition","tool":{"type":"tool_definition"}}]}"#,
                "tool.type"
            ),
        ]
    )
    func unknown(message: String, field: String) {
        let body = #"{"model":"m","max_tokens":1,"messages":[\#(message),{"role":"user","content":"x"}]}"#
        let refusal = #expect(throws: Refusal.self) { try Dialect.anthropic.decode(Array(body.utf8)) }
        #expect(refusal?.param == "messages[0].content[0].\(field)")
    }
}
