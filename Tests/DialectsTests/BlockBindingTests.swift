import Dialects
import Testing
import Vocabulary

@Suite("What a Messages client says of thinking that is bound to its history")
struct BlockBindingTests {
    private func decode(
        _ thinking: String, betas: Set<VendorBeta> = [.thinkingBindingControls, .thinkingDisplayUpdates]
    ) throws(Refusal) -> Conversation {
        let body =
            #"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"q"}],"thinking":\#(thinking)}"#
        var context = RequestContext()
        context.betas = betas
        return try Dialect.anthropic.decode(Array(body.utf8), context: context)
    }

    @Test("with its beta the wish is taken, and the client is told what came of it", arguments: ["adaptive", "enabled"])
    func taken(type: String) throws {
        let budget = type == "enabled" ? #","budget_tokens":2000"# : ""
        for (word, binding) in [("error", BlockBinding.error), ("drop_block", .dropBlock)] {
            let found = try decode(
                #"{"type":"\#(type)"\#(budget),"block_binding":{"prefix_mismatch_behavior":"\#(word)"}}"#)
            #expect(found.blockBinding == binding && found.wantsTransformations && found.ignored.isEmpty)
        }
        for empty in ["{}", "null", #"{"prefix_mismatch_behavior":null}"#] {
            let found = try decode(#"{"type":"\#(type)"\#(budget),"block_binding":\#(empty)}"#)
            #expect(found.blockBinding == nil && found.wantsTransformations)
        }
    }

    @Test("without its beta it is refused as the vendor does, whatever it says")
    func withoutBeta() throws {
        for binding in ["{}", #"{"prefix_mismatch_behavior":"error"}"#, "7"] {
            let refusal = try #require(throws: Refusal.self) {
                try decode(#"{"type":"adaptive","block_binding":\#(binding)}"#, betas: [.thinkingDisplayUpdates])
            }
            #expect(refusal.message == "thinking.adaptive.block_binding: Extra inputs are not permitted")
        }
        #expect(try !decode(#"{"type":"adaptive"}"#, betas: []).wantsTransformations)
    }

    @Test(
        "what the vendor does not take beside a type of thinking is refused in its words",
        arguments: [
            ("adaptive", "budget_tokens", "2048"), ("disabled", "budget_tokens", "2048"),
            ("disabled", "display", #""omitted""#), ("disabled", "block_binding", "{}"),
            ("between_tools", "budget_tokens", "2048"), ("between_tools", "display", #""summarized""#),
            ("between_tools", "block_binding", #"{"prefix_mismatch_behavior":"error"}"#),
        ])
    func extras(type: String, field: String, value: String) throws {
        let refusal = try #require(throws: Refusal.self) {
            try decode(#"{"type":"\#(type)","\#(field)":\#(value)}"#)
        }
        #expect(refusal.message == "thinking.\(type).\(field): Extra inputs are not permitted")
        #expect(refusal.param == "thinking.\(type).\(field)")
        #expect(try decode(#"{"type":"\#(type)","\#(field)":null}"#).ignored.isEmpty)
    }

    @Test("a word that nobody knows is refused by its path")
    func unknown() throws {
        for (binding, type) in [(#"{"prefix_mismatch_behavior":"keep"}"#, "must be one of"), ("7", "expected object")] {
            let refusal = try #require(throws: Refusal.self) {
                try decode(#"{"type":"adaptive","block_binding":\#(binding)}"#)
            }
            #expect(refusal.message.contains(type) && refusal.message.hasPrefix("thinking.block_binding"))
        }
    }

    @Test("updates and highlights take their beta; without it they are named as ignored", arguments: ["updates", "highlights"])
    func displays(word: String) throws {
        let shown = try decode(#"{"type":"adaptive","display":"\#(word)"}"#)
        #expect(shown.thinkingDisplay == ThinkingDisplay(rawValue: word) && shown.ignored.isEmpty)
        let ignored = try decode(#"{"type":"adaptive","display":"\#(word)"}"#, betas: [.thinkingBindingControls])
        #expect(ignored.thinkingDisplay == nil && ignored.ignored == ["thinking.display"])
    }

    @Test("a limit of 0, which only warms the vendor's cache, is refused as what it is", arguments: ["0", "0.0"])
    func noTokens(limit: String) throws {
        let body = #"{"model":"m","max_tokens":\#(limit),"messages":[{"role":"user","content":"q"}]}"#
        let refusal = try #require(throws: Refusal.self) { try Dialect.anthropic.decode(Array(body.utf8)) }
        #expect(refusal.param == "max_tokens" && refusal.message.contains("only warms the prompt cache"))
    }
}
