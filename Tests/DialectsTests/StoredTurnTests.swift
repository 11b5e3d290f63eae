import Dialects
import Testing
import Vocabulary

@Suite("Messages are stored and read again")
struct StoredTurnTests {
    private static let blocks: [Block] = [
        .text("plain \"quoted\" \u{1} 😀"),
        .text(JSONText(escaped: Array(#"é\n"#.utf8)[...], hasEscapes: true)),
        .text(""),
        .image(source: JSONFragment(#"{"type":"base64","media_type":"image/png","data":"AA=="}"#)),
        .document(JSONFragment(#"{"type":"document","source":{"type":"url","url":"https://x"},"title":"t"}"#)),
        .toolUse(id: "t1", name: "f", input: JSONFragment("{\"b\":1.0,\n\"a\":[]}")),
        .toolResult(
            id: "t1",
            content: [.text("sunny"), .image(source: JSONFragment(#"{"type":"url","url":"https://x"}"#))], isError: false),
        .toolResult(id: "t2", content: [], isError: true),
        .thinking("", signature: "sig"), .redactedThinking("data"),
        .other(JSONFragment(#"{"type":"server_tool_use","id":"s1"}"#)),
    ]

    @Test("every kind of block", arguments: [Turn.Role.user, .assistant, .system])
    func roundTrip(role: Turn.Role) throws {
        let bytes = StoredTurn.bytes(of: Turn(role, Self.blocks))
        #expect(!bytes.contains(0x0A))
        let turn = try StoredTurn.turn(of: bytes)
        #expect(turn.role == role)
        let spaced = Self.blocks.map { block in
            if case .toolUse(let id, let name, _) = block {
                Block.toolUse(id: id, name: name, input: JSONFragment("{\"b\":1.0, \"a\":[]}"))
            } else {
                block
            }
        }
        #expect(turn.blocks == spaced)
    }

    @Test("what they stand on")
    func ground() throws {
        var ground = StoredGround()
        #expect(try StoredGround(ground.bytes).system.isEmpty)
        ground.system = ["one \"", "two"]
        ground.metadata = JSONFragment(#"{"topic":"x"}"#)
        let again = try StoredGround(ground.bytes)
        #expect(again.system == ground.system && again.metadata == ground.metadata)
    }

    @Test(
        "what is no message is refused, never trapped on",
        arguments: ["", "{", "[]", "{}", #"{"role":"user"}"#, #"{"role":"x","content":[]}"#, #"{"role":"user","content":[1]}"#])
    func damaged(text: String) {
        #expect(throws: Refusal.self) { try StoredTurn.turn(of: Array(text.utf8)) }
    }

    @Test("a conversation begins with the items that it is given")
    func beginning() throws {
        let body = #"""
            {"metadata":{"topic":"x"},"items":[{"role":"developer","content":"Be brief."},{"role":"user","content":"Hi"},
            {"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},
            {"type":"function_call_output","call_id":"c1","output":"ok"}]}
            """#
        let beginning = try ConversationBeginning(Array(body.utf8), limits: JSONLimits())
        #expect(beginning.turns.map(\.role) == [.user, .assistant, .user])
        #expect(beginning.ground.system == ["Be brief."] && beginning.ground.metadata != nil)
        for empty in ["", "{}", #"{"items":[]}"#, #"{"items":null,"metadata":null}"#] {
            #expect(try ConversationBeginning(Array(empty.utf8), limits: JSONLimits()).turns.isEmpty)
        }
        let many = (0...16).map { #""k\#($0)":"v""# }.joined(separator: ",")
        let long = String(repeating: "x", count: 513)
        for wrong in ["{\"metadata\":{\(many)}}", #"{"metadata":{"a":"\#(long)"}}"#, "[]", #"{"items":{}}"#, #"{"items":[7]}"#, #"{"metadata":{"a":1}}"#] {
            #expect(throws: Refusal.self) { try ConversationBeginning(Array(wrong.utf8), limits: JSONLimits()) }
        }
    }
}
