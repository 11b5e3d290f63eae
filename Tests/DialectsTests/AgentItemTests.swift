import Dialects
import Testing
import Vocabulary

/// Calls of the CLI's own tools in Responses: in which order their items come, and how they end.
@Suite("Calls of the CLI's own tools are items of their own in Responses")
struct AgentItemTests {
    private static func conversation(isStored: Bool = false) -> Conversation {
        var conversation = Conversation(model: "claude-code")
        conversation.agent = AgentWish()
        conversation.agent?.workspace = "lab"
        conversation.isStored = isStored
        return conversation
    }

    private static func call(_ id: JSONText) -> [ReplyEvent] {
        let slice = JSONSlice(start: 0, end: 2, hasEscapes: false)
        return [.blockStarted(.agentCall(id: id, name: "Bash")), .toolInput(slice), .blockStopped]
    }

    private static func result(_ id: JSONText, isError: Bool = false) -> ReplyEvent {
        .callResult(CallResult(id: id, isError: isError, content: JSONFragment("\"it\"")))
    }

    private static let start = ReplyEvent.started(ReplyStart(id: "m", model: "x", usage: Usage()))
    private static func end(_ reason: StopReason) -> ReplyEvent { .finished(ReplyEnd(reason: reason, usage: Usage())) }

    private static func stream(_ events: [ReplyEvent], isStored: Bool = false) throws -> [JSONValue] {
        var stream = ReplyStream(
            dialect: .responses, conversation: conversation(isStored: isStored), identity: ReplyTests.identity)
        let line = Array("{}".utf8)
        var out: [UInt8] = []
        for event in events { stream.encode(event, of: line.span, into: &out) }
        return try String(decoding: out, as: UTF8.self).split(separator: "\n").filter { $0.hasPrefix("data: ") }.map {
            try JSONDocument(parsing: Array($0.dropFirst(6).utf8)).root
        }
    }

    private static func told(_ events: [JSONValue]) -> [String] {
        events.dropFirst(2).map { event in
            let name = event["type"]?.text?.string.dropFirst("response.".count) ?? ""
            let place = event["output_index"]?.integer.map { " \($0)" } ?? ""
            let status = event["item"]?["status"]?.text.map { " \($0.string)" } ?? ""
            return name + place + status
        }
    }

    @Test("calls that are made together are open together, and each is done when it is answered")
    func together() throws {
        let events = [Self.start] + Self.call("a") + Self.call("b") + [Self.result("b"), Self.result("a", isError: true)]
        #expect(
            Self.told(try Self.stream(events + [Self.end(.endTurn)])) == [
                "output_item.added 0 in_progress", "mcp_call.in_progress 0", "mcp_call_arguments.delta 0",
                "mcp_call_arguments.done 0",
                "output_item.added 1 in_progress", "mcp_call.in_progress 1", "mcp_call_arguments.delta 1",
                "mcp_call_arguments.done 1",
                "mcp_call.completed 1", "output_item.done 1 completed", "mcp_call.failed 0", "output_item.done 0 failed",
                "completed",
            ])
    }

    @Test("a call that is not answered before the end is incomplete, whatever the end", arguments: [true, false])
    func unanswered(fails: Bool) throws {
        let last = fails ? ReplyEvent.failed(Fault(.badGateway, "gone")) : Self.end(.maxTokens)
        let events = try Self.stream([Self.start] + Self.call("a") + Self.call("b") + [Self.result("a"), last])
        #expect(Self.told(events).suffix(2) == ["output_item.done 1 incomplete", fails ? "failed" : "incomplete"])
        let output = try #require(events.last?["response"]?["output"])
        #expect(output.elements.map { $0["status"]?.text?.string } == ["completed", "incomplete"])
        #expect(output.elements.map { $0["server_label"]?.text?.string } == ["lab", "lab"])
    }

    @Test("an answer to no call says nothing")
    func strayResult() throws {
        let events = [Self.start, Self.result("z")] + Self.call("a") + [Self.result("a"), Self.result("a"), Self.end(.endTurn)]
        #expect(Self.told(try Self.stream(events)).filter { $0.hasPrefix("output_item.done") }.count == 1)
    }

    @Test("what is stored has the items in their order")
    func stored() throws {
        var body = ReplyBody(
            dialect: .responses, conversation: Self.conversation(isStored: true), identity: ReplyTests.identity)
        let line = Array("{}".utf8)
        let text: [ReplyEvent] = [.blockStarted(.text), .text(JSONSlice(start: 0, end: 2, hasEscapes: false)), .blockStopped]
        let events = [Self.start] + text + Self.call("a") + Self.call("b") + [Self.result("b"), Self.result("a")] + text
        for event in events + [Self.end(.endTurn)] { body.take(event, of: line.span) }
        let answer = try #require(body.finish())
        let kept = try #require(body.keepsake(answer))
        let list = try JSONDocument(parsing: [UInt8(ascii: "[")] + kept.output + [UInt8(ascii: "]")]).root
        #expect(list.elements.map { $0["type"]?.text?.string } == ["message", "mcp_call", "mcp_call", "message"])
        #expect(list.elements.compactMap { $0["id"]?.text?.string } == ["msg_abc_0", "mcp_abc_1", "mcp_abc_2", "msg_abc_3"])
    }

    private static func decoded(_ item: String) throws -> Conversation {
        let user = #"{"role":"user","content":"hi"}"#
        return try Dialect.responses.decode(Array(#"{"model":"x","input":[\#(user),\#(item),\#(user)]}"#.utf8))
    }

    @Test("an item that comes back is the call and its answer")
    func comesBack() throws {
        let turns = try Self.decoded(
            #"{"type":"mcp_call","id":"mcp_abc_1","server_label":"lab","name":"Bash","arguments":"{\"command\":\"ls\"}","output":"a","error":null,"status":"completed"}"#
        ).turns
        #expect(
            turns[1].blocks == [.toolUse(id: "mcp_abc_1", name: "Bash", input: JSONFragment(#"{"command":"ls"}"#))])
        #expect(turns[2].blocks.first == .toolResult(id: "mcp_abc_1", content: [.text("a")], isError: false))
        let failed = try Self.decoded(
            #"{"type":"mcp_call","id":"mcp_abc_1","server_label":"lab","name":"Read","arguments":"{}","output":null,"error":{"type":"mcp_tool_execution_error","content":[{"type":"text","text":"no"}]}}"#
        ).turns
        #expect(failed[2].blocks.first == .toolResult(id: "mcp_abc_1", content: [.text("no")], isError: true))
    }

    @Test(
        "of a call without an answer, and of a sub-agent's, nothing comes back; another provider's is named",
        arguments: [
            (#""id":"mcp_abc_1","name":"Bash","output":null"#, []), (#""id":"mcp_abc_1","name":"Agent/Bash","output":"a""#, []),
            (#""id":"mcp_0123","name":"Bash","output":"a""#, ["input.mcp_call"]), (#""name":"Bash""#, ["input.mcp_call"]),
        ])
    func leftOut(members: String, ignored: [String]) throws {
        let conversation = try Self.decoded(#"{"type":"mcp_call","server_label":"lab","arguments":"{}",\#(members)}"#)
        #expect(conversation.ignored == ignored)
        #expect(conversation.turns.allSatisfy { $0.role == .user })
    }
}
