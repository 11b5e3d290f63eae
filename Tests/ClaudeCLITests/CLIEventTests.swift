import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("One line of the CLI is read")
struct CLIEventTests {
    private func read(_ text: String) throws -> CLIEvent { try CLIEventReader.read(Array(text.utf8).span) }

    private func isIgnored(_ text: String) throws -> Bool {
        if case .ignored = try read(text) { true } else { false }
    }

    @Test(
        "lines of kinds nobody needs are passed over",
        arguments: [
            "{}", "{\"type\":\"novelty\",\"event\":\"ui.render\",\"message\":7,\"usage\":null}",
            "{\"type\":\"system\",\"subtype\":\"notice\",\"cwd\":\"/x\"}", "{\"type\":7}",
            "{\"type\":\"stream_event\",\"event\":{\"type\":\"ping\"}}",
            "{\"type\":\"stream_event\",\"event\":{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{}}}",
            "{\"type\":\"assistant\",\"message\":{\"model\":\"claude-x\",\"content\":[]}}",
            "{\"type\":\"control_request\"}",
        ])
    func ignored(text: String) throws {
        #expect(try isIgnored(text))
    }

    @Test("what a nested agent streams is not the answer")
    func nested() throws {
        let line = """
            {"type":"stream_event","event":{"type":"content_block_stop","index":0},"parent_tool_use_id":"toolu_1"}
            """
        #expect(try isIgnored(line))
    }

    @Test(
        "what is not one JSON object is an error",
        arguments: ["", "x", "[]", "7", "{", "{}{}", "{\"type\":\"result\"", "{\"type\":\"a\u{1}\"}", "Error: {}"])
    func garbage(text: String) {
        #expect(throws: JSONError.self) { try read(text) }
    }

    @Test("half a UTF-8 sequence is an error")
    func halfSequence() {
        let bytes = Array("{\"type\":\"x\",\"a\":\"".utf8) + [0xC3] + Array("\"}".utf8)
        #expect(throws: JSONError.self) { try CLIEventReader.read(bytes.span) }
    }

    @Test("arguments nested deeper than we read do not end the answer")
    func deep() throws {
        let line =
            "{\"type\":\"control_request\",\"request_id\":\"r\",\"request\":{\"arguments\":"
            + String(repeating: "[", count: 100) + String(repeating: "]", count: 100) + "}}"
        #expect(try isIgnored(line))
    }

    @Test("what the vendor has left out of a request comes with the message's beginning, as an array or not at all")
    func transformations() throws {
        for (value, expected) in [(#"[{"type":"thinking_dropped"}]"#, true), ("[]", true), ("null", false), ("7", false)] {
            let line =
                #"{"type":"stream_event","event":{"type":"message_start","message":{"id":"msg_1","model":"m","#
                + #""input_transformations":\#(value)}}}"#
            guard case .messageStart(_, _, _, let told) = try read(line) else {
                Issue.record("\(value)")
                continue
            }
            let bytes = told.map { Array(line.utf8)[$0.start..<$0.end] }
            #expect(bytes.map { String(decoding: $0, as: UTF8.self) } == (expected ? value : nil))
        }
    }

    @Test("the type may come last")
    func typeLast() throws {
        let line = "{\"event\":{\"delta\":{\"text\":\"a\\nb\"},\"index\":3,\"type\":\"content_block_delta\"},\"type\":\"stream_event\"}"
        guard case .delta(let index, .text, let slice) = try read(line) else {
            Issue.record("no delta")
            return
        }
        #expect(index == 3)
        #expect(slice.string(in: Array(line.utf8).span) == "a\nb")
    }

    @Test("the short way for deltas is taken, and agrees with the reader proper")
    func shortWay() throws {
        var count = 0
        for name in ["text_stream", "thinking", "tool_use_parallel_held_then_interrupt"] {
            for line in Fixture.bytes("\(name).ndjson").split(separator: 0x0A) {
                let isDelta = String(decoding: line, as: UTF8.self).contains("content_block_delta")
                let short = DeltaLine.read(line.span)
                guard case .delta(let index, let kind, let content) = try CLIEventReader.readInFull(line.span)
                else {
                    #expect(short == nil)
                    continue
                }
                guard case .delta(index, kind, content)? = short else {
                    #expect(kind == .signature && isDelta)
                    continue
                }
                count += 1
            }
        }
        #expect(count > 20)
    }

    @Test(
        "the short way leaves what it does not know to the reader proper",
        arguments: [
            #""type":"x""#, #""event":1"#, #""parent_tool_use_id":"toolu_1""#, #""a":{}"#, #""a":-1"#, #""a":01"#,
            #""a":"\u0041""#, #""a\n":1"#, #""abandoned_blocks":null"#,
        ])
    func shortWayRefuses(member: String) {
        let start = """
            {"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}
            """
        #expect(DeltaLine.read(Array((start + "}").utf8).span) != nil)
        #expect(DeltaLine.read(Array((start + "," + member + "}").utf8).span) == nil)
        #expect(DeltaLine.read(Array((start + "} ").utf8).span) == nil)
        #expect(DeltaLine.read(Array(start.utf8).span) == nil)
    }

    @Test("a request of the CLI's MCP client is told apart")
    func mcp() throws {
        let line = """
            {"type":"control_request","request_id":"q","request":{"subtype":"mcp_message","message":{"method":"tools/call","id":2}}}
            """
        guard case .controlRequest(let request) = try read(line) else {
            Issue.record("no request")
            return
        }
        let span = Array(line.utf8)
        #expect(request.method?.string(in: span.span) == "tools/call")
        #expect(request.messageID?.string(in: span.span) == "2")
        guard case .hold = ControlAnswer(to: request, in: span.span) else {
            Issue.record("a tool's call must stay open")
            return
        }
    }

    @Test("blocks out of order end the reply")
    func disorder() {
        let start = """
            {"type":"stream_event","event":{"type":"message_start","message":{"id":"m","model":"x","usage":{}}}}
            """
        let block = """
            {"type":"stream_event","event":{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}}
            """
        let delta = """
            {"type":"stream_event","event":{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"a"}}}
            """
        for lines in [[delta], [start, delta], [start, block, block], [start, block, delta], [block]] {
            let trace = CLITrace.of(Array((lines.joined(separator: "\n") + "\n").utf8), chunk: .max)
            #expect(trace.contains { $0.hasPrefix("failed 502 The CLI's answer came out of order.") })
        }
    }

    @Test("a broken attempt of which nothing was shown is forgotten")
    func silentRetry() {
        let lines = [
            "{\"type\":\"stream_event\",\"event\":{\"type\":\"message_start\",\"message\":{\"id\":\"a\",\"model\":\"x\",\"usage\":{}}}}",
            "{\"type\":\"stream_event\",\"event\":{\"type\":\"message_stop\"},\"abandoned_blocks\":{}}",
            "{\"type\":\"system\",\"subtype\":\"api_retry\",\"attempt\":1,\"retry_delay_ms\":5.5,\"error_status\":null,\"error\":\"unknown\"}",
            "{\"type\":\"stream_event\",\"event\":{\"type\":\"message_start\",\"message\":{\"id\":\"b\",\"model\":\"x\",\"usage\":{}}}}",
            "{\"type\":\"stream_event\",\"event\":{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"refusal\"},\"usage\":{\"output_tokens\":4}}}",
        ]
        let trace = CLITrace.of(Array((lines.joined(separator: "\n") + "\n").utf8), chunk: .max)
        #expect(
            trace == [
                "started b x in=0 write=0 read=0 out=0 think=0 tier=-",
                "finished refusal - in=0 write=0 read=0 out=4 think=0 tier=-", "(kill)",
            ])
    }

    @Test("a long announced wait ends the patience at once")
    func patience() {
        let line = """
            {"type":"system","subtype":"api_retry","attempt":1,"retry_delay_ms":30000,"error_status":529,"error":"overloaded"}

            """
        let trace = CLITrace.of(Array(line.utf8), chunk: .max)
        let told = "failed 529 The model's provider is overloaded and asks to wait for 30 seconds. retry-after=30"
        #expect(trace.first?.hasPrefix(told + " should-retry=false") == true)
        #expect(trace.last == "(kill)")
    }

    @Test("secrets and line ends do not reach the log")
    func redaction() {
        let text = "bad key sk-ant-oat01-abc\nAuthorization: Bearer abcdef end " + String(repeating: "x", count: 600)
        let clean = Redaction.clean(text)
        #expect(!clean.contains("oat01-abc"))
        #expect(!clean.contains("abcdef"))
        #expect(!clean.contains("\n"))
        #expect(clean.utf8.count <= 512)
    }
}
