import Dialects
import Testing
import Vocabulary

@Suite("Responses that are stored and continued") struct StoredResponseTests {
    private static let context = {
        var context = RequestContext()
        context.storesResponses = true
        return context
    }()

    private func draft(_ body: String) throws -> ResponsesDraft {
        try ResponsesDraft(Array(body.utf8), context: Self.context)
    }

    private func stored(_ history: String, others: String = "") -> StoredItems {
        StoredItems(history: Array(history.utf8), others: Array(others.utf8))
    }

    /// The texts of a conversation with who says them.
    private func said(_ conversation: Conversation) -> [String] {
        conversation.turns.flatMap { turn in
            turn.blocks.map { block in
                switch block {
                case .text(let text): "\(turn.role): \(text.string)"
                case .toolUse(let id, let name, _): "\(turn.role) calls \(name.string) as \(id.string)"
                case .toolResult(let id, _, _): "\(turn.role) answers \(id.string)"
                case .thinking(let text, let seal): "\(turn.role) thinks \(text.string), \(seal.string)"
                case .redactedThinking(let seal): "\(turn.role) thinks \(seal.string)"
                default: "\(turn.role): something else"
                }
            }
        }
    }

    /// What an answer with these events leaves to be stored, streamed and whole.
    private func replies(
        to conversation: Conversation, _ events: String
    ) throws -> (stream: StoredReply, body: StoredReply, sent: String, end: String) {
        let identity = ReplyFixtureTests.identity
        var stream = ReplyStream(dialect: .responses, conversation: conversation, identity: identity)
        var body = ReplyBody(dialect: .responses, conversation: conversation, identity: identity)
        stream.completedAt = 1_795_000_001
        body.completedAt = 1_795_000_001
        var out: [UInt8] = []
        try EventLines.each(Fixtures.read("events/\(events).ndjson")) { event, line in
            stream.encode(event, of: line, into: &out)
            body.take(event, of: line)
        }
        let sent = String(decoding: out, as: UTF8.self)
        let streamed = try #require(stream.keepsake)
        out = []
        stream.release(into: &out)
        let whole = try #require(body.finish())
        let kept = try #require(body.keepsake(whole))
        return (streamed, kept, sent, String(decoding: out, as: UTF8.self))
    }

    @Test("stored items come before those of the request")
    func continues() throws {
        let draft = try draft(#"{"model":"m","previous_response_id":"resp_1","instructions":"new","input":"next"}"#)
        #expect(draft.previousResponseID == "resp_1")
        let conversation = try draft.conversation(
            with: stored(
                #"{"type":"message","role":"developer","content":"first rule"},"#
                    + #"{"type":"message","role":"user","content":[{"type":"input_text","text":"one"}]},"#
                    + #"{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"thinking:sig"},"#
                    + #"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"two"}]}"#))
        #expect(said(conversation) == ["user: one", "assistant thinks hm, sig", "assistant: two", "user: next"])
        #expect(conversation.system.map(\.string) == ["new", "first rule"])
        let echo = conversation.echo.first { $0.key == "previous_response_id" }
        #expect(echo?.value == JSONFragment("\"resp_1\""))
    }

    @Test("a result answers the call that is stored")
    func answersStoredCall() throws {
        let output = #"{"type":"function_call_output","call_id":"c","output":"sunny"}"#
        let draft = try draft(#"{"model":"m","previous_response_id":"resp_1","input":[\#(output)]}"#)
        let call = #"{"type":"function_call","id":"fc_1","call_id":"c","name":"f","arguments":"{}"}"#
        let conversation = try draft.conversation(
            with: stored(#"{"type":"message","role":"user","content":"weather?"},\#(call)"#))
        #expect(said(conversation) == ["user: weather?", "assistant calls f as c", "user answers c"])
        #expect(throws: Refusal.self) { try draft.conversation() }
    }

    @Test("a reference stands for the item it names, wherever that is stored")
    func references() throws {
        let draft = try draft(
            #"{"model":"m","input":[{"type":"item_reference","id":"msg_aaa_i0"},{"id":"own"},"#
                + #"{"id":"msg_bbb_0","type":"item_reference"},{"role":"user","content":"go"}]}"#)
        #expect(draft.referencedResponses == ["resp_aaa", "resp_bbb"])
        let conversation = try draft.conversation(
            with: stored(
                #"{"id":"own","type":"message","role":"user","content":"mine"}"#,
                others: #"{"id":"msg_aaa_i0","role":"user","content":"a"},{"id":"msg_bbb_0","role":"assistant","content":"b"}"#))
        #expect(said(conversation) == ["user: mine", "user: a", "user: mine", "assistant: b", "user: go"])
    }

    @Test("a reference to what is not there is refused by its id", arguments: ["msg_aaa_0", "own"])
    func unknownReference(id: String) throws {
        let draft = try draft(
            #"{"model":"m","input":[{"type":"item_reference","id":"\#(id)"},{"role":"user","content":"go"}]}"#)
        let refusal = #expect(throws: Refusal.self) { try draft.conversation() }
        #expect(refusal?.param == "input[0].id")
        #expect(refusal?.message == "input[0].id: Item with id '\(id)' not found.")
    }

    @Test("a stored conversation beyond the limits of JSON is refused in words that name it")
    func tooManyValues() throws {
        var context = Self.context
        context.limits = JSONLimits(depth: 16, values: 20)
        let draft = try ResponsesDraft(
            Array(#"{"model":"m","previous_response_id":"resp_1","input":"x"}"#.utf8), context: context)
        let items = Array(repeating: #"{"role":"user","content":"x"}"#, count: 10).joined(separator: ",")
        let refusal = #expect(throws: Refusal.self) { try draft.conversation(with: stored(items)) }
        #expect(refusal?.param == "previous_response_id")
    }

    @Test(
        "what is stored is said, whatever was asked",
        arguments: [
            ("", true, "true", false), (#""store":true,"#, true, "true", false), (#""store":false,"#, true, "false", false),
            ("", false, "false", false), (#""store":true,"#, false, "false", true),
        ])
    func store(field: String, isOn: Bool, echo: String, isIgnored: Bool) throws {
        var context = RequestContext()
        context.storesResponses = isOn
        let body = Array("{\"model\":\"m\",\(field)\"input\":\"x\"}".utf8)
        let conversation = try ResponsesDraft(body, context: context).conversation()
        #expect(conversation.isStored == (echo == "true"))
        let said = try #require(conversation.echo.first { $0.key == "store" })
        #expect(String(decoding: said.value.bytes, as: UTF8.self) == echo)
        #expect(conversation.ignored.contains("store") == isIgnored)
    }

    @Test("counting stores nothing")
    func counting() throws {
        var context = Self.context
        context.countsTokens = true
        let conversation = try ResponsesDraft(Array(#"{"model":"m","input":"x"}"#.utf8), context: context).conversation()
        #expect(!conversation.isStored)
    }

    @Test("a stream holds its end back until it is stored; body and stream leave the same")
    func holdsBack() throws {
        let conversation = try draft(#"{"model":"m","input":"x"}"#).conversation()
        let replies = try replies(to: conversation, "text")
        #expect(!replies.sent.contains("event: response.completed"))
        #expect(replies.sent.contains("event: response.output_item.done"))
        #expect(replies.end.hasPrefix("event: response.completed\n"))
        #expect(replies.end.contains(String(decoding: replies.stream.answer, as: UTF8.self)))
        #expect(replies.stream.answer == replies.body.answer)
        #expect(replies.stream.output == replies.body.output)
        #expect(replies.stream.id == "resp_" + ReplyFixtureTests.identity.suffix)
    }

    @Test("a stream that could not be stored fails, and says nothing of success")
    func fails() throws {
        let conversation = try draft(#"{"model":"m","input":"x"}"#).conversation()
        var stream = ReplyStream(dialect: .responses, conversation: conversation, identity: ReplyFixtureTests.identity)
        var out: [UInt8] = []
        try EventLines.each(Fixtures.read("events/text.ndjson")) { stream.encode($0, of: $1, into: &out) }
        let noLine: [UInt8] = []
        stream.encode(.failed(Fault(.internalError, "no room")), of: noLine.span, into: &out)
        stream.release(into: &out)
        let text = String(decoding: out, as: UTF8.self)
        #expect(text.contains("event: response.failed") && text.contains("no room"))
        #expect(!text.contains("response.completed"))
    }

    @Test("sealed thinking is stored though the client did not ask for it", arguments: ["thinking", "redacted-thinking"])
    func keepsSeals(events: String) throws {
        let shown = try draft(#"{"model":"m","input":"x","reasoning":{"summary":"auto"}}"#).conversation()
        let replies = try replies(to: shown, events)
        #expect(!String(decoding: replies.stream.answer, as: UTF8.self).contains("encrypted_content"))
        #expect(String(decoding: replies.stream.output, as: UTF8.self).contains("\"encrypted_content\":\""))
        #expect(replies.stream.output == replies.body.output)
        let next = try draft(#"{"model":"m","input":"next"}"#).conversation(
            with: StoredItems(history: Array(#"{"role":"user","content":"x"},"#.utf8) + replies.stream.output))
        #expect(said(next).contains { $0.hasPrefix("assistant thinks") })
    }

    @Test("items are listed in full form with ids of their own")
    func listed() throws {
        let draft = try draft(
            #"{"model":"m","input":[{"role":"user","content":"a"},{"role":"assistant","content":"b","id":"msg_own"},"#
                + #"{"type":"function_call","call_id":"c","name":"f"},"#
                + #"{"type":"function_call_output","call_id":"c","output":"x","id":null},"#
                + #"{"role":"user","content":[{"type":"text","text":"t"},{"type":"input_image","image_url":"https://x/y"}]}]}"#)
        let reply = try replies(to: draft.conversation(), "text").body
        let suffix = ReplyFixtureTests.identity.suffix
        let text = String(decoding: draft.items(for: reply), as: UTF8.self)
        #expect(
            text == #"{"id":"msg_\#(suffix)_i0","type":"message","status":"completed","role":"user","content":[{"type":"input_text","text":"a"}]},"#
                + #"{"id":"msg_own","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"b","annotations":[]}]},"#
                + #"{"id":"fc_\#(suffix)_i2","type":"function_call","call_id":"c","name":"f","status":"completed","arguments":"{}"},"#
                + #"{"id":"fco_\#(suffix)_i3","type":"function_call_output","call_id":"c","output":"x","status":"completed"},"#
                + #"{"id":"msg_\#(suffix)_i4","type":"message","status":"completed","role":"user","content":[{"type":"input_text","text":"t"},{"type":"input_image","image_url":"https://x/y","detail":"auto"}]}"#
        )
    }

    @Test("pages go either way, from and to any item")
    func pages() throws {
        let items = Array((0..<5).map { #"{"id":"i\#($0)"}"# }.joined(separator: ",").utf8)
        let ids = { (parameters: [(name: String, value: String)]) in
            let page = try StoredAnswers.page(of: items, ItemPage(parameters))
            let root = try JSONDocument(parsing: page).root
            let list = try #require(root["data"]).elements.compactMap { $0["id"]?.text?.string }
            return list.joined(separator: " ") + (root["has_more"]?.bool == true ? " …" : "")
        }
        #expect(try ids([]) == "i4 i3 i2 i1 i0")
        #expect(try ids([("limit", "2")]) == "i4 i3 …")
        #expect(try ids([("limit", "2"), ("after", "i3")]) == "i2 i1 …")
        #expect(try ids([("order", "asc"), ("limit", "3"), ("after", "i1")]) == "i2 i3 i4")
        #expect(try ids([("order", "asc"), ("before", "i3"), ("limit", "2")]) == "i1 i2 …")
        #expect(try ids([("after", "i0")]) == "")
        #expect(throws: Refusal.self) { try ids([("after", "other")]) }
        for wrong in ["0", "101", "x", "", "+5"] { #expect(throws: Refusal.self) { try ids([("limit", wrong)]) } }
    }

    @Test("a deleted response is named")
    func deleted() {
        let text = String(decoding: StoredAnswers.deleted("resp_\""), as: UTF8.self)
        #expect(text == #"{"id":"resp_\"","object":"response","deleted":true}"#)
    }
}
