import Testing

@testable import Dialects
@testable import Vocabulary

/// What Codex and its kin are answered: calls in the form that their client runs, summaries, and final words.
@Suite("Codex") struct CodexTests {
    private static let request = """
        {"model":"m","stream":true,"store":false,"input":"hi","tools":[
        {"type":"namespace","name":"mcp__tiny","tools":[{"type":"function","name":"add"},{"type":"custom","name":"run"}]},
        {"type":"custom","name":"apply_patch"},
        {"type":"tool_search","execution":"client","parameters":{"type":"object","properties":{}}}]}
        """

    @Test("a call comes back under the client's name, in the form in which its client runs it", arguments: [
        ("mcp__tiny__add", #"{"a":1}"#, "function_call", "mcp__tiny", "add", "arguments", #""{\"a\":1}""#),
        ("mcp__tiny__run", #"{"input":"x\ny"}"#, "custom_tool_call", "mcp__tiny", "run", "input", #""x\ny""#),
        ("apply_patch", #"{"input":"*** \"B\""}"#, "custom_tool_call", nil, "apply_patch", "input", #""*** \"B\"""#),
        ("tool_search", #"{"query":"q"}"#, "tool_search_call", nil, nil, "arguments", #"{"query":"q"}"#),
    ] as [(String, String, String, String?, String?, StaticString, String)])
    func calls(
        model: String, input: String, type: String, namespace: String?, name: String?, key: StaticString, value: String
    ) throws {
        let pieces = input.map { String($0) }
        let (events, body) = try answer(Self.request, [.call(model, pieces), .end(.toolUse)])
        let done = try #require(events.last { $0["type"]?.text?.matches("response.output_item.done") == true }?["item"])
        let whole = try #require(body?.root["output"]?.elements.first { _ in true })
        for item in [done, whole] {
            #expect(item["type"]?.text?.string == type)
            #expect(item["namespace"]?.text?.string == namespace)
            #expect(item["name"]?.text?.string == name)
            #expect(item["status"]?.text?.string == "completed")
            #expect(item["call_id"]?.text?.string == "toolu_1")
            #expect(try item[key]?.fragment == JSONDocument(parsing: Array(value.utf8)).root.fragment)
        }
    }

    @Test("a client's tool of an unknown kind is refused by its name", arguments: [
        (#"{"type":"computer_use_preview"}"#, "tools[0].type"),
        (#"{"type":"namespace","name":"n","tools":[{"type":"frobnicate","name":"f"}]}"#, "tools[0].tools[0].type"),
    ])
    func unknownTool(tool: String, path: String) throws {
        let refusal = #expect(throws: Refusal.self) {
            try Dialect.responses.decode(Array(#"{"model":"m","input":"hi","tools":[\#(tool)]}"#.utf8))
        }
        #expect(refusal?.param == path)
    }

    @Test("the text of a custom call comes as it is written") func customDeltas() throws {
        let (events, _) = try answer(
            Self.request, [.call("apply_patch", [#"{"in"#, #"put":"a\"#, #"nb"#, #"c"}"#]), .end(.toolUse)])
        let deltas = events.filter { $0["type"]?.text?.matches("response.custom_tool_call_input.delta") == true }
        #expect(deltas.compactMap { $0["delta"]?.text?.string } == ["a", "\nb", "c"])
        let done = events.first { $0["type"]?.text?.matches("response.custom_tool_call_input.done") == true }
        #expect(done?["input"]?.text?.string == "a\nbc")
    }

    @Test("a search that was cut off is not handed to its client, nor for Codex any call")
    func cutOffSearch() throws {
        for (name, isCodex) in [("tool_search", false), ("tool_search", true), ("mcp__tiny__add", true)] {
            let (events, _) = try answer(Self.request, [.call(name, [#"{"q"#]), .end(.maxTokens)], isCodex: isCodex)
            #expect(!events.contains { $0["type"]?.text?.matches("response.output_item.done") == true })
        }
    }

    @Test("a custom call that was cut off is not handed to its client", arguments: [true, false])
    func cutOffCall(isCodex: Bool) throws {
        let (events, body) = try answer(
            Self.request, [.call("apply_patch", [#"{"input":"*** Begin"#]), .end(.maxTokens)], isCodex: isCodex)
        #expect(!events.contains { $0["type"]?.text?.matches("response.output_item.done") == true })
        #expect(body?.root["output"]?.elements.first { _ in true } == nil)
    }

    // MARK: - Compaction

    private static let compaction = #"{"model":"m","stream":true,"store":false,"input":["#
        + #"{"type":"message","role":"user","content":"mauve"},{"type":"compaction_trigger"}]}"#

    @Test("a compaction is answered with one sealed item and nothing else") func compaction() throws {
        let (events, body) = try answer(
            Self.compaction, [.thinking("hm"), .text("It was "), .text("mauve."), .end(.endTurn)])
        let done = events.filter { $0["type"]?.text?.matches("response.output_item.done") == true }
        #expect(done.map { $0["item"]?["type"]?.text?.string } == ["compaction"])
        #expect(events.last?["type"]?.text?.string == "response.completed")
        let output = try #require(body?.root["output"])
        #expect(output.elements.map { $0["type"]?.text?.string } == ["compaction"])

        let item = try #require(done.first?["item"]?.fragment)
        let next = #"{"model":"m","store":false,"input":[\#(String(decoding: item.bytes, as: UTF8.self)),"#
            + #"{"type":"message","role":"user","content":"go on"}]}"#
        let conversation = try decode(next)
        let texts = conversation.turns.flatMap(\.blocks).compactMap { if case .text(let text) = $0 { text.string } else { nil } }
        #expect(texts.first?.hasSuffix("It was mauve.") == true)
        #expect(conversation.ignored.isEmpty)
    }

    @Test("a summary that another key sealed is left out and named") func foreignSummary() throws {
        let conversation = try decode(
            #"{"model":"m","input":[{"type":"compaction","encrypted_content":"other:x"},{"role":"user","content":"hi"}]}"#)
        #expect(conversation.ignored == ["input.compaction"])
        #expect(conversation.turns.count == 1)
    }

    @Test("the tools of a compaction stay and none may be called") func compactionKeepsTools() throws {
        let request = Self.request.replacing(
            #""input":"hi""#,
            with: #""text":{"format":{"type":"json_object"}},"input":[{"role":"user","content":"a"},{"type":"compaction_trigger"}]"#)
        let conversation = try decode(request)
        #expect(conversation.tools.count == 4)
        #expect(conversation.toolChoice == .none)
        #expect(conversation.outputFormat == nil)
    }

    @Test("a compaction without a whole summary has failed", arguments: [(" \\n", .endTurn), ("Half a", .maxTokens)] as [(String, StopReason)])
    func emptyCompaction(text: String, reason: StopReason) throws {
        let (events, body) = try answer(Self.compaction, [.text(text), .end(reason)])
        #expect(events.last?["type"]?.text?.string == "response.failed")
        #expect(body == nil)
    }

    @Test("only a trigger at the end asks for a summary") func oldTrigger() throws {
        let conversation = try decode(
            #"{"model":"m","input":[{"role":"user","content":"a"},{"type":"compaction_trigger"},{"role":"user","content":"b"}]}"#)
        #expect(!conversation.isCompaction)
    }

    @Test("of a stored conversation the newest readable summary takes the place of what came before, but for its tools")
    func storedSummary() throws {
        let before = #"{"type":"message","role":"user","content":"I am Bo"},"#
            + #"{"type":"additional_tools","tools":[{"type":"function","name":"late"}]}"#
        for (sealed, texts) in [("mine:Bo", ["Bo", "hi"]), ("other:x", ["I am Bo", "hi"])] {
            let history = before + #",{"type":"compaction","encrypted_content":"\#(sealed)"}"#
            var context = RequestContext()
            context.summaries = TestSeal()
            let draft = try ResponsesDraft(Array(#"{"model":"m","input":"hi","previous_response_id":"resp_1"}"#.utf8), context: context)
            let conversation = try draft.conversation(with: StoredItems(history: Array(history.utf8)))
            let said = conversation.turns.flatMap(\.blocks).compactMap { if case .text(let text) = $0 { text.string } else { nil } }
            #expect(zip(said, texts).allSatisfy { $0.hasSuffix($1) } && said.count == texts.count)
            #expect(conversation.tools.map(\.name) == ["late"])
        }
    }

    @Test("what a search has found never ends a conversation, and the request's own tools stay what they are")
    func foundTools() throws {
        let found = #"[{"type":"frobnicate"},{"type":"function"},{"type":"function","name":"f","description":"old"},"#
            + #"{"type":"namespace","name":"n","description":"said","tools":[{"type":"function","name":"t"}]}]"#
        let conversation = try decode(
            #"{"model":"m","tools":[{"type":"function","name":"f","description":"new"}],"input":[{"role":"user","content":"a"},"#
                + #"{"type":"tool_search_call","call_id":"c","arguments":{}},{"type":"tool_search_output","call_id":"c","tools":\#(found)}]}"#)
        #expect(conversation.tools.map(\.name) == ["f", "n__t"])
        #expect(conversation.tools.first?.description == "new")
        #expect(conversation.ignored == ["input.tools"])
        #expect(conversation.system.isEmpty)
        guard case .toolResult(_, let content, _) = conversation.turns.last?.blocks.last, case .text(let text) = content.first
        else { return #expect(Bool(false), "the search has no result") }
        #expect(text.string.contains("f, n__t") && text.string.contains("said"))
    }

    @Test("a part of a tool's answer that cannot be read does not end the conversation") func unreadableParts() throws {
        let conversation = try decode(
            #"{"model":"m","input":[{"role":"user","content":"a"},{"type":"function_call","call_id":"c","name":"f"},"#
                + #"{"type":"function_call_output","call_id":"c","output":[{"type":"input_audio","audio_url":"data:"},{"type":"input_text","text":"b"}]}]}"#)
        #expect(conversation.ignored == ["input.input_audio"])
        #expect(conversation.turns.last?.blocks == [.toolResult(id: "c", content: [.text("b")], isError: false)])
    }

    @Test("names that come to the same one are told apart, in whatever order they come", arguments: [
        #"{"type":"namespace","name":"functions","tools":[{"type":"function","name":"wait"}]},{"type":"function","name":"wait"}"#,
        #"{"type":"function","name":"wait"},{"type":"namespace","name":"functions","tools":[{"type":"function","name":"wait"}]}"#,
        #"{"type":"tool_search","execution":"client"},{"type":"function","name":"tool_search"}"#,
    ])
    func equalNames(tools: String) throws {
        let conversation = try decode(#"{"model":"m","input":"a","tools":[\#(tools)]}"#)
        #expect(Set(conversation.tools.map(\.name.string)).count == 2)
    }

    @Test("a namespace's name may not be long, since each of its tools repeats it") func longNames() throws {
        let name = String(repeating: "n", count: 257)
        let refusal = #expect(throws: Refusal.self) {
            try decode(#"{"model":"m","input":"a","tools":[{"type":"namespace","name":"\#(name)","tools":[]}]}"#)
        }
        #expect(refusal?.param == "tools[0].name")
    }

    // MARK: - Ends

    @Test("an end that Codex would ask about again is told as a failure", arguments: [
        (StopReason.refusal, "invalid_prompt"), (.maxTokens, "invalid_prompt"),
        (.contextWindowExceeded, "context_length_exceeded"),
    ])
    func ends(reason: StopReason, code: String) throws {
        let (events, _) = try answer(Self.request, [.text("Hel"), .end(reason)], isCodex: true)
        let response = try #require(events.last?["response"])
        #expect(response["status"]?.text?.string == "failed")
        #expect(response["error"]?["code"]?.text?.string == code)
        let (others, _) = try answer(Self.request, [.text("Hel"), .end(reason)])
        #expect(others.last?["type"]?.text?.string == "response.incomplete")
    }

    @Test("a failure has the code by which Codex goes on or gives up", arguments: [
        (Fault(.invalidRequest, "The prompt is too long for this model."), false, "context_length_exceeded"),
        (Fault(.paymentRequired, "no credit"), false, "insufficient_quota"),
        (Fault(.overloaded, "overloaded"), false, "server_is_overloaded"),
        (Fault(.unavailable, "not logged in", shouldRetry: false), false, "invalid_prompt"),
        (Fault(.badGateway, "lost"), false, "invalid_prompt"),
        (Fault(.badGateway, "lost"), true, "server_error"),
        (Fault(.modelNotFound, "no such model"), false, "invalid_prompt"),
        (momentary, false, "rate_limit_exceeded"),
    ])
    func codes(fault: Fault, afterBeginning: Bool, code: String) throws {
        let (events, _) = try answer(Self.request, afterBeginning ? [.text("Hel"), .fault(fault)] : [.fault(fault)], isCodex: true)
        let error = try #require(events.last?["response"]?["error"])
        #expect(error["code"]?.text?.string == code)
        #expect(error["message"]?.text?.string.hasPrefix(fault.message) == true)
        // What is done stays in its history: a text that was torn must not.
        #expect(!events.contains { $0["type"]?.text?.matches("response.output_item.done") == true })
    }

    private static let momentary: Fault = {
        var fault = Fault(.overloaded, "The gateway is busy.", retryAfterSeconds: 3)
        fault.isMomentary = true
        return fault
    }()

    @Test("a gateway that is busy says when to come back in the words that Codex looks for") func busy() throws {
        let (events, _) = try answer(Self.request, [.fault(Self.momentary)], isCodex: true)
        #expect(events.last?["response"]?["error"]?["message"]?.text?.string == "The gateway is busy. Please try again in 3s.")
    }

    @Test("a reached limit has Codex' own type and its end, and no retry-after") func limit() throws {
        let reply = try #require(Codex.limitReply(.usageLimit("five_hour", end: 1_795_837_569, now: 1_795_830_000)))
        let error = try #require(try JSONDocument(parsing: reply.body).root["error"])
        #expect(reply.status == 429)
        #expect(error["type"]?.text?.string == "usage_limit_reached")
        #expect(error["resets_at"]?.integer == 1_795_837_569)
        #expect(!reply.fields.contains { "\($0.name)" == "retry-after" })
        #expect(Codex.limitReply(.rateLimit(wait: 2)) == nil)
    }

    // MARK: - An answer

    private enum Step { case text(String), thinking(String), call(String, [String]), end(StopReason), fault(Fault) }

    private func decode(_ request: String, isCodex: Bool = false) throws -> Conversation {
        var context = RequestContext()
        context.isCodex = isCodex
        context.summaries = TestSeal()
        return try Dialect.responses.decode(Array(request.utf8), context: context)
    }

    /// The events of a stream and the whole body that the same answer gives.
    private func answer(
        _ request: String, _ steps: [Step], isCodex: Bool = false
    ) throws -> (events: [JSONValue], body: JSONDocument?) {
        let conversation = try decode(request, isCodex: isCodex)
        var identity = ReplyIdentity(requestID: "req_1", suffix: "abc", created: 1)
        identity.summaries = TestSeal()
        var stream = ReplyStream(dialect: .responses, conversation: conversation, identity: identity)
        var body = ReplyBody(dialect: .responses, conversation: conversation, identity: identity)
        var out: [UInt8] = []
        let take = { (event: ReplyEvent, text: String) in
            let line = Array(text.utf8)
            stream.encode(event, of: line.span, into: &out)
            body.take(event, of: line.span)
        }
        if steps.count > 1 { take(.started(ReplyStart(id: "msg_1", model: "m", usage: Usage())), "") }
        for step in steps { play(step, take) }
        let events = try String(decoding: out, as: UTF8.self).split(separator: "\n").filter { $0.hasPrefix("data: ") }
            .map { try JSONDocument(parsing: Array($0.dropFirst(6).utf8)).root }
        return (events, try body.finish().map { try JSONDocument(parsing: $0) })
    }

    private func play(_ step: Step, _ take: (ReplyEvent, String) -> Void) {
        switch step {
        case .text(let text): block(.text, [text], take) { .text($0) }
        case .thinking(let text): block(.thinking, [text], take) { .thinking($0) }
        case .call(let name, let pieces):
            block(.toolUse(id: "toolu_1", name: JSONText(name)), pieces.map { String(decoding: JSONText($0).escaped, as: UTF8.self) }, take) {
                .toolInput($0)
            }
        case .end(let reason): take(.finished(ReplyEnd(reason: reason, usage: Usage())), "")
        case .fault(let fault): take(.failed(fault), "")
        }
    }

    private func block(
        _ block: ReplyBlock, _ pieces: [String], _ take: (ReplyEvent, String) -> Void, _ event: (JSONSlice) -> ReplyEvent
    ) {
        take(.blockStarted(block), "")
        for piece in pieces {
            take(event(JSONSlice(start: 0, end: piece.utf8.count, hasEscapes: piece.contains("\\"))), piece)
        }
        take(.blockStopped, "")
    }
}

/// A seal that can be read: what counts here is who opens what.
private struct TestSeal: SummarySeal {
    func seal(_ text: String) -> String? { "mine:" + text }
    func open(_ sealed: String) -> String? { sealed.hasPrefix("mine:") ? String(sealed.dropFirst(5)) : nil }
}
