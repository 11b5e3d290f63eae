import Testing
import Vocabulary

@testable import ClaudeCLI

private let notes = MCPServer(
    name: "notes", definition: JSONFragment(#"{"command":"/bin/notes","env":{"TOKEN":"secret-1"}}"#),
    secrets: ["secret-1", "1"])
private let web = MCPServer(name: "web", definition: JSONFragment(#"{"type":"http"}"#), secrets: [])

/// Lines of the CLI, message by message.
private struct Script {
    var lines: [String] = []

    mutating func start(_ id: String, input: Int = 10) {
        event(
            #"{"type":"message_start","message":{"id":"\#(id)","model":"x","usage":{"input_tokens":\#(input)}}}"#)
    }

    mutating func text(_ index: Int, _ text: String) {
        event(
            #"{"type":"content_block_start","index":\#(index),"content_block":{"type":"text","text":"\#(text)"}}"#)
        stop(index)
    }

    mutating func call(_ index: Int, _ name: String, isOpen: Bool = false) {
        event(
            #"{"type":"content_block_start","index":\#(index),"content_block":{"type":"tool_use","id":"t","name":"\#(name)","input":{}}}"#
        )
        event(
            #"{"type":"content_block_delta","index":\#(index),"delta":{"type":"input_json_delta","partial_json":"{}"}}"#
        )
        if !isOpen { stop(index) }
    }

    mutating func stop(_ index: Int) { event(#"{"type":"content_block_stop","index":\#(index)}"#) }

    mutating func end(_ reason: String?, output: Int = 3) {
        let word = reason.map { "\"\($0)\"" } ?? "null"
        event(
            #"{"type":"message_delta","delta":{"stop_reason":\#(word)},"usage":{"output_tokens":\#(output)}}"#)
        event(#"{"type":"message_stop"}"#)
    }

    mutating func line(_ line: String) { lines.append(line) }

    private mutating func event(_ event: String) { lines.append(#"{"type":"stream_event","event":\#(event)}"#) }

    func trace(chunk: Int = .max, maxRounds: Int = 3) -> [String] {
        let bytes = Array((lines.joined(separator: "\n") + "\n").utf8)
        let servers = ActiveServers([notes, web], maxRounds: maxRounds)
        return CLITrace.of(bytes, chunk: chunk, servers: servers)
    }
}

private let success = #"{"type":"result","is_error":false,"num_turns":2,"result":"done"}"#

@Suite("Calls of registered servers' tools")
struct ServerCallTests {
    @Test("are followed by another message, whatever word ends theirs", arguments: [nil, "end_turn", "novel"])
    func oddWords(word: String?) {
        var script = Script()
        script.start("a")
        script.call(0, "mcp__notes__find")
        script.end(word)
        script.start("b", input: 20)
        script.text(0, "Found.")
        script.end("end_turn", output: 4)
        script.line(success)
        #expect(
            script.trace() == [
                "started b x in=30 write=0 read=0 out=3 think=0 tier=-",
                "block text", "text Found.", "stop", "finished end_turn - in=30 write=0 read=0 out=7 think=0 tier=-",
            ])
    }

    @Test("are left out, and the messages are one reply with the tokens of all", arguments: [1, .max])
    func oneRound(chunk: Int) {
        var script = Script()
        script.start("a")
        script.text(0, "Looking.")
        script.call(1, "mcp__notes__find")
        script.call(2, "mcp__web__get")
        script.end("tool_use")
        script.start("b", input: 20)
        script.text(0, "Found.")
        script.end("end_turn", output: 4)
        script.line(success)
        #expect(
            script.trace(chunk: chunk) == [
                "started a x in=10 write=0 read=0 out=0 think=0 tier=-",
                "block text", "text Looking.", "stop", "block text", "text Found.", "stop",
                "finished end_turn - in=30 write=0 read=0 out=7 think=0 tier=-",
            ])
    }

    @Test("begin no reply by themselves")
    func silentRound() {
        var script = Script()
        script.start("a")
        script.call(0, "mcp__notes__find")
        script.end("tool_use")
        #expect(script.trace() == ["(not over)"])
        script.start("b")
        script.end("end_turn")
        #expect(
            script.trace() == [
                "started b x in=20 write=0 read=0 out=3 think=0 tier=-",
                "finished end_turn - in=20 write=0 read=0 out=6 think=0 tier=-", "(kill)",
            ])
    }

    @Test("beside a call of the client's end the reply with the client's alone")
    func mixed() {
        var script = Script()
        script.start("a")
        script.call(0, "mcp__notes__find")
        script.call(1, "mine")
        script.call(2, "mcp__notes__find", isOpen: true)
        script.end("tool_use")
        #expect(
            script.trace().dropFirst() == [
                "block tool_use t mine", "input {}", "stop",
                "finished tool_use - in=10 write=0 read=0 out=3 think=0 tier=-", "(kill unless held)",
            ])
    }

    @Test(
        "belong to servers of this turn alone",
        arguments: ["mcp__other__find", "mcp__notes_find", "mcp__note__s", "notes", "mcp__notesy__find"])
    func strangers(name: String) {
        var script = Script()
        script.start("a")
        script.call(0, name)
        script.end("tool_use")
        #expect(script.trace().contains("block tool_use t \(name)"))
    }

    @Test("end the reply when the bound is passed, before they are run")
    func bound() {
        var script = Script()
        for round in 1...3 {
            script.start("m\(round)")
            script.call(0, "mcp__notes__find", isOpen: round == 3)
            if round < 3 {
                script.end("tool_use")
            }
        }
        let text = "The model called tools of MCP servers more than 2 times in a row (MCP_MAX_ROUNDS)."
        #expect(
            script.trace(maxRounds: 2) == ["failed 502 \(text) should-retry=false | notes, web", "(kill)"])
        #expect(script.trace() == ["(not over)"])
    }

    @Test("cut off by a limit end the reply without them")
    func cutOff() {
        var script = Script()
        script.start("a")
        script.text(0, "Look")
        script.call(1, "mcp__notes__find", isOpen: true)
        script.end("max_tokens")
        #expect(
            script.trace().suffix(3) == [
                "stop", "finished max_tokens - in=10 write=0 read=0 out=3 think=0 tier=-", "(kill)",
            ])
    }

    @Test("leave the next message free to be tried again")
    func laterRetry() {
        var script = Script()
        script.start("a")
        script.text(0, "Looking.")
        script.call(1, "mcp__notes__find")
        script.end("tool_use")
        script.line(#"{"type":"system","subtype":"api_retry","attempt":1,"retry_delay_ms":5}"#)
        script.start("b")
        script.text(0, "Found.")
        script.end("end_turn")
        script.line(success)
        #expect(script.trace().last == "finished end_turn - in=20 write=0 read=0 out=6 think=0 tier=-")
    }

    @Test("out of order end the reply")
    func disorder() {
        var early = Script()
        early.call(0, "mcp__notes__find")
        var nested = Script()
        nested.start("a")
        nested.call(0, "mcp__notes__find", isOpen: true)
        nested.call(1, "mcp__notes__find")
        for script in [early, nested] {
            #expect(script.trace().contains { $0.hasPrefix("failed 502 The CLI's answer came out of order.") })
        }
    }
}

@Suite("Registered servers in a plan")
struct ServerPlanTests {
    private func rows(_ change: (inout Conversation) -> Void = { _ in }) throws -> [String] {
        let plan = try plan(change)
        return plan.portions.map { String(decoding: $0.joined(), as: UTF8.self) }
    }

    private func plan(_ change: (inout Conversation) -> Void) throws -> TurnPlan {
        var conversation = Conversation(model: "sonnet")
        conversation.turns = [Turn(.user, [.text("Hi")])]
        change(&conversation)
        return try TurnPlan(
            answering: conversation, model: "sonnet", servers: ActiveServers([notes, web], maxRounds: 3))
    }

    private static func tool(_ name: String) -> Tool {
        Tool(name: JSONText(name), description: nil, schema: JSONFragment(#"{"type":"object"}"#))
    }

    @Test("are handed over and allowed in a portion of their own, before the question")
    func portions() throws {
        let rows = try rows()
        #expect(rows.count == 3 && rows[1].contains(#""subtype":"mcp_status""#))
        let set = #""subtype":"mcp_set_servers","servers":{"notes":{"command":"/bin/notes","#
        #expect(rows[0].contains(set))
        #expect(rows[0].contains(#""permissions":{"allow":["mcp__notes","mcp__web"]}"#))
        #expect(rows[2].contains(#""text":"Hi""#) && !rows[2].contains("secret-1"))
    }

    @Test("leave the client's own tools in place")
    func besideTools() throws {
        let rows = try rows { $0.tools = [Self.tool("mine")] }
        #expect(rows[0].contains(#""servers":{"c":{"type":"sdk","name":"c"},"notes":"#))
    }

    @Test("a client's tool must not pass for one of theirs")
    func collision() throws {
        let refusal = try #require(throws: Refusal.self) {
            try plan { $0.tools = [Self.tool("mine"), Self.tool("mcp__web__get")] }
        }
        #expect(refusal.param == "tools[1].name")
    }

    @Test("a forced call is lifted once they were called, and only then is there a row for it")
    func relief() throws {
        #expect(try plan { _ in }.relief == nil)
        #expect(try plan { $0.tools = [Self.tool("mine")] }.relief == nil)
        let forced = try plan {
            $0.toolChoice = .any
            $0.sampling.maxTokens = 7
        }
        let row = String(decoding: try #require(forced.relief), as: UTF8.self)
        #expect(row.contains(#"{\"max_tokens\":7}"#) && !row.contains("tool_choice"))
        let rows = forced.portions.map { String(decoding: $0.joined(), as: UTF8.self) }
        #expect(rows[0].contains(#"\"tool_choice\":{\"type\":\"any\"}"#))
    }

    @Test(
        "that are not connected or tell no tools are named",
        arguments: [
            (#"[{"name":"notes","status":"connected","tools":[{}]},{"name":"web","status":"connected","tools":[{}]}]"#, nil),
            (#"[{"name":"notes","status":"connected","tools":[]},{"name":"web","status":"connected","tools":[{}]}]"#, "'notes'"),
            (#"[{"name":"notes","status":"connected","tools":[{}]},{"name":"web","status":"failed","error":"secret-1"}]"#, "'web'"),
            (#"[{"name":"web","status":"connected","tools":[{}]}]"#, "'notes'"), ("[]", "'notes'"), ("[7]", "'notes'"),
            ("{}", "notes, web"), ("", "notes, web"),
        ] as [(String, String?)])
    func status(list: String, named: String?) {
        let line = Array(list.utf8)
        let slice = JSONSlice(start: 0, end: line.count, hasEscapes: false)
        let fault = ActiveServers([notes, web], maxRounds: 1).fault(fromStatus: slice, in: line.span)
        #expect((fault == nil) == (named == nil))
        if let named { #expect(fault?.message.contains(named) == true && fault?.detail.contains("secret") == false) }
    }

    @Test("that do not start are named, their secrets are not")
    func fault() throws {
        let active = ActiveServers([notes, web], maxRounds: 1)
        func fault(_ errors: String) -> Fault? {
            let line = Array(errors.utf8)
            let slice = JSONSlice(start: 0, end: line.count, hasEscapes: false)
            return active.fault(from: slice, in: line.span)
        }
        #expect(fault("{}") == nil)
        let found = try #require(fault(#"{"notes":"no use of secret-1, 1 time"}"#))
        #expect(found.kind == .badGateway && found.message.contains("'notes'"))
        #expect(found.detail == "no use of [redacted], 1 time")
        #expect(fault(#"{"strange":"x"}"#)?.message.contains("strange") == false)
    }
}
