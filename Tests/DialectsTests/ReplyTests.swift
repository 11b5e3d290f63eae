import Dialects
import Testing
import Vocabulary

@Suite("Replies") struct ReplyTests {
    static let identity = ReplyIdentity(requestID: "req_1", suffix: "abc", created: 1_795_000_000)

    static let thinkingThenText: [ReplyEvent] = {
        let slice = JSONSlice(start: 0, end: 2, hasEscapes: false)
        return [
            .started(ReplyStart(id: "msg_9", model: "claude-x", usage: Usage())),
            .blockStarted(.thinking), .thinking(slice), .signature(slice), .blockStopped,
            .blockStarted(.redactedThinking(data: "d")), .blockStopped,
            .blockStarted(.text), .text(slice), .blockStopped,
            .finished(ReplyEnd(reason: .endTurn, usage: Usage())),
        ]
    }()

    private func stream(_ dialect: Dialect, _ conversation: Conversation, _ events: [ReplyEvent]) -> String {
        var stream = ReplyStream(dialect: dialect, conversation: conversation, identity: Self.identity)
        let line = Array("hi".utf8)
        var out: [UInt8] = []
        for event in events { stream.encode(event, of: line.span, into: &out) }
        return String(decoding: out, as: UTF8.self)
    }

    private func body(_ dialect: Dialect, _ conversation: Conversation, _ events: [ReplyEvent]) throws
        -> JSONValue
    {
        var body = ReplyBody(dialect: dialect, conversation: conversation, identity: Self.identity)
        let line = Array("hi".utf8)
        for event in events { body.take(event, of: line.span) }
        return try JSONDocument(parsing: try #require(body.finish())).root
    }

    @Test("thinking that is not to be seen leaves no gap", arguments: [Dialect.chatCompletions, .responses])
    func hidden(dialect: Dialect) throws {
        var conversation = Conversation(model: "m")
        conversation.thinkingShown = .hidden
        let text = stream(dialect, conversation, Self.thinkingThenText)
        #expect(!text.contains("\"thinking\"") && !text.contains("reasoning_content"))
        #expect(!text.contains("\"type\":\"reasoning\""))
        #expect(!text.contains("\"index\":1") && !text.contains("\"output_index\":1"))
        #expect(text.contains(":\"hi\""))
        let body = try body(dialect, conversation, Self.thinkingThenText)
        #expect(body["output"]?.elements.map { $0 }.count ?? 1 == 1)
    }

    @Test("notes between calls that come as thinking are text of their own", arguments: [Dialect.chatCompletions, .responses])
    func notes(dialect: Dialect) throws {
        var conversation = Conversation(model: "m")
        conversation.thinkingShown = .asText
        let text = stream(dialect, conversation, Self.thinkingThenText)
        #expect(!text.contains("reasoning_content") && !text.contains("\"type\":\"reasoning\""))
        let body = try body(dialect, conversation, Self.thinkingThenText)
        let said = body["choices"]?.elements.map { $0["message"]?["content"]?.text?.string ?? "" }
            ?? body["output"]?.elements.map { $0["content"]?.elements.map { $0["text"]?.text?.string ?? "" }.joined() ?? "" }
        #expect(said == (dialect == .chatCompletions ? ["hi\n\nhi"] : ["hi", "hi"]))
    }

    @Test("a block of thinking without words is left out of the text", arguments: [Dialect.chatCompletions, .responses])
    func silentNotes(dialect: Dialect) throws {
        var conversation = Conversation(model: "m")
        conversation.thinkingShown = .asText
        let events = Self.thinkingThenText.filter { if case .thinking = $0 { false } else { true } }
        let body = try body(dialect, conversation, events)
        let said = body["choices"]?.elements.map { $0["message"]?["content"]?.text?.string ?? "" }
            ?? body["output"]?.elements.map { $0["content"]?.elements.map { $0["text"]?.text?.string ?? "" }.joined() ?? "" }
        #expect(said == ["hi"])
    }

    @Test("thinking whose text is to be omitted keeps its signature")
    func omitted() throws {
        var conversation = Conversation(model: "m")
        conversation.thinking = .adaptive
        conversation.thinkingDisplay = .omitted
        let text = stream(.anthropic, conversation, Self.thinkingThenText)
        #expect(!text.contains("thinking_delta") && text.contains("signature_delta"))
        let block = try body(.anthropic, conversation, Self.thinkingThenText)["content"]?.elements.first {
            _ in true
        }
        #expect(block?["thinking"]?.text?.string == "" && block?["signature"]?.text?.string == "hi")
    }

    @Test("sealed thinking is only in a response that asked for it")
    func sealed() throws {
        var conversation = Conversation(model: "m")
        conversation.thinking = .adaptive
        #expect(!stream(.responses, conversation, Self.thinkingThenText).contains("encrypted_content"))
        conversation.wantsSealedThinking = true
        let output = try body(.responses, conversation, Self.thinkingThenText)["output"]
        let sealed = output?.elements.map { $0["encrypted_content"]?.text?.string }
        #expect(sealed == ["thinking:hi", "redacted:d", nil])
    }

    @Test("a chat stream has a usage chunk only when asked")
    func usage() {
        let text = stream(.chatCompletions, Conversation(model: "m"), Self.thinkingThenText)
        #expect(!text.contains("usage") && !text.contains("\"choices\":[]"))
        #expect(text.hasSuffix("data: [DONE]\n\n"))
    }

    @Test(
        "stop reasons in each dialect's words",
        arguments: [
            (StopReason.endTurn, "end_turn", "stop", "completed"),
            (.stopSequence, "stop_sequence", "stop", "completed"),
            (.maxTokens, "max_tokens", "length", "incomplete"),
            (.refusal, "refusal", "content_filter", "incomplete"),
            (.pauseTurn, "pause_turn", "stop", "completed"),
            (.contextWindowExceeded, "model_context_window_exceeded", "length", "incomplete"),
            (.other("a \"new\" word"), "a \"new\" word", "stop", "completed"),
        ]
    )
    func stops(reason: StopReason, anthropic: String, chat: String, status: String) throws {
        let start = ReplyEvent.started(ReplyStart(id: "msg_9", model: "m", usage: Usage()))
        let events = [start, .finished(ReplyEnd(reason: reason, usage: Usage()))]
        let conversation = Conversation(model: "m")
        #expect(try body(.anthropic, conversation, events)["stop_reason"]?.text?.string == anthropic)
        let choice = try body(.chatCompletions, conversation, events)["choices"]?.elements.first { _ in true }
        #expect(choice?["finish_reason"]?.text?.string == chat)
        #expect(try body(.responses, conversation, events)["status"]?.text?.string == status)
    }

    @Test(
        "a call is a call, whatever word ends the message",
        arguments: [StopReason.toolUse, .endTurn, .stopSequence, .other("novel")])
    func callsWithOddWords(reason: StopReason) throws {
        let events: [ReplyEvent] = [
            .started(ReplyStart(id: "msg_9", model: "m", usage: Usage())),
            .blockStarted(.toolUse(id: "t", name: "f")), .blockStopped,
            .finished(ReplyEnd(reason: reason, usage: Usage())),
        ]
        let conversation = Conversation(model: "m")
        #expect(try body(.anthropic, conversation, events)["stop_reason"]?.text?.string == reason.rawValue)
        #expect(stream(.anthropic, conversation, events).contains("\"stop_reason\":\"\(reason.rawValue)\""))
        let choice = try body(.chatCompletions, conversation, events)["choices"]?.elements.first { _ in true }
        #expect(choice?["finish_reason"]?.text?.string == "tool_calls")
        #expect(stream(.chatCompletions, conversation, events).contains("\"finish_reason\":\"tool_calls\""))
        let response = try body(.responses, conversation, events)
        let item = response["output"]?.elements.first { _ in true }
        #expect(item?["type"]?.text?.string == "function_call" && item?["status"]?.text?.string == "completed")
        #expect(response["status"]?.text?.string == "completed")
        #expect(stream(.responses, conversation, events).contains("event: response.completed"))
    }

    @Test("of what a failure tears nothing is told to be whole", arguments: [false, true])
    func torn(hasEnded: Bool) {
        let slice = JSONSlice(start: 0, end: 2, hasEscapes: false)
        let blocks: [(ReplyBlock, ReplyEvent)] = [
            (.text, .text(slice)), (.thinking, .thinking(slice)), (.toolUse(id: "t", name: "f"), .toolInput(slice)),
        ]
        var conversation = Conversation(model: "m")
        conversation.thinking = .adaptive
        for (block, delta) in blocks {
            var events: [ReplyEvent] = [
                .started(ReplyStart(id: "msg_9", model: "m", usage: Usage())),
                .blockStarted(.text), .text(slice), .blockStopped, .blockStarted(block), delta,
            ]
            if hasEnded { events.append(.blockStopped) }
            events.append(.failed(Fault(.overloaded, "Overloaded")))
            let lines = stream(.responses, conversation, events).split(separator: "\n")
            let done = lines.filter { $0.contains("\"type\":\"response.output_item.done\"") }
            #expect(done.count == (block == .text ? 2 : 1))
            #expect(done.dropFirst().allSatisfy { $0.contains("\"status\":\"incomplete\"") })
            #expect(lines.count { $0.contains("\"type\":\"response.output_text.done\"") } == (block == .text ? 2 : 1))
            #expect(!lines.contains { $0.contains("arguments.done") || $0.contains("summary_text.done") })
            #expect(lines.last?.contains("\"type\":\"response.failed\"") == true)
        }
    }

    @Test("an item in which the answer was cut off is incomplete, those before it are not", arguments: [false, true])
    func cutOff(isStored: Bool) throws {
        let slice = JSONSlice(start: 0, end: 2, hasEscapes: false)
        let events: [ReplyEvent] = [
            .started(ReplyStart(id: "msg_9", model: "m", usage: Usage())),
            .blockStarted(.text), .text(slice), .blockStopped,
            .blockStarted(.toolUse(id: "t", name: "f")), .toolInput(slice), .blockStopped,
            .finished(ReplyEnd(reason: .maxTokens, usage: Usage())),
        ]
        var conversation = Conversation(model: "m")
        conversation.isStored = isStored
        let output = try body(.responses, conversation, events)["output"]?.elements.map { $0["status"]?.text?.string }
        #expect(output == ["completed", "incomplete"])
        let streamed = stream(.responses, conversation, events)
        let done = streamed.split(separator: "\n").filter { $0.contains("\"type\":\"response.output_item.done\"") }
        #expect(done.count == 2 && done[0].contains("completed") && done[1].contains("\"status\":\"incomplete\""))
    }

    @Test("what the vendor says of a refusal reaches clients that speak its language")
    func stopDetails() throws {
        let details = JSONFragment(#"{"type":"refusal","category":"x"}"#)
        let events: [ReplyEvent] = [
            .started(ReplyStart(id: "msg_9", model: "m", usage: Usage())),
            .finished(ReplyEnd(reason: .refusal, stopDetails: details, usage: Usage())),
        ]
        let conversation = Conversation(model: "m")
        #expect(try body(.anthropic, conversation, events)["stop_details"]?.fragment == details)
        let streamed = stream(.anthropic, conversation, events)
        #expect(streamed.contains(#""stop_sequence":null,"stop_details":{"type":"refusal","category":"x"}}"#))
    }

    @Test("what the vendor has left out of the messages is told to those who asked for it, as it stands")
    func transformations() throws {
        let told = JSONFragment(#"[{"type":"thinking_dropped","path":"messages.1.content.0","reason":"r"}]"#)
        var start = ReplyStart(id: "msg_9", model: "m", usage: Usage())
        var conversation = Conversation(model: "m")
        func shown() throws -> (JSONFragment?, Bool) {
            let events: [ReplyEvent] = [.started(start), .finished(ReplyEnd(reason: .endTurn, usage: Usage()))]
            let streamed = stream(.anthropic, conversation, events)
            let first = streamed.split(separator: "\n").first { $0.contains("message_start\"") } ?? ""
            let isStreamed = first.contains(#","input_transformations":"# + String(decoding: told.bytes, as: UTF8.self) + "}}")
            return (try body(.anthropic, conversation, events)["input_transformations"]?.fragment, isStreamed)
        }
        #expect(try shown() == (nil, false))
        start.inputTransformations = told
        #expect(try shown() == (nil, false), "nobody asked")
        conversation.wantsTransformations = true
        #expect(try shown() == (told, true))
    }

    @Test("signs of life come at any time but after the end", arguments: Dialect.allCases)
    func keepAlive(dialect: Dialect) {
        var stream = ReplyStream(
            dialect: dialect,
            conversation: Conversation(model: "m"),
            identity: Self.identity
        )
        let line: [UInt8] = []
        var out: [UInt8] = []
        stream.keepAlive(into: &out)
        let expected =
            dialect == .anthropic ? "event: ping\ndata: {\"type\":\"ping\"}\n\n" : ": keepalive\n\n"
        #expect(String(decoding: out, as: UTF8.self) == expected)
        stream.encode(.failed(Fault(.overloaded, "Overloaded")), of: line.span, into: &out)
        let end = out.count
        stream.keepAlive(into: &out)
        stream.encode(.blockStarted(.text), of: line.span, into: &out)
        #expect(out.count == end)
    }

    @Test("an unfinished answer is no body", arguments: Dialect.allCases)
    func unfinished(dialect: Dialect) {
        var body = ReplyBody(
            dialect: dialect,
            conversation: Conversation(model: "m"),
            identity: Self.identity
        )
        let line = Array("hi".utf8)
        for event in Self.thinkingThenText.dropLast() { body.take(event, of: line.span) }
        #expect(body.finish() == nil)
    }

    @Test("arguments cut short stay whole in a message body")
    func brokenArguments() throws {
        let line = Array(#"{\"a\": \"b"#.utf8)
        var body = ReplyBody(
            dialect: .anthropic,
            conversation: Conversation(model: "m"),
            identity: Self.identity
        )
        let events: [ReplyEvent] = [
            .started(ReplyStart(id: "", model: "m", usage: Usage())),
            .blockStarted(.toolUse(id: "t", name: "n")),
            .toolInput(JSONSlice(start: 0, end: line.count, hasEscapes: true)), .blockStopped,
            .finished(ReplyEnd(reason: .maxTokens, usage: Usage())),
        ]
        for event in events { body.take(event, of: line.span) }
        let root = try JSONDocument(parsing: try #require(body.finish())).root
        let block = root["content"]?.elements.first { _ in true }
        #expect(block?["input"]?["INVALID_JSON"]?.text?.string == #"{"a": "b"#)
        #expect(root["id"]?.text?.string == "msg_abc")
    }
}
