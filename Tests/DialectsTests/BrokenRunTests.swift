import Dialects
import Testing
import Vocabulary

/// What is told of a run that did not come to its end.
@Suite("Broken runs") struct BrokenRunTests {
    static let summary: RunSummary = {
        var usage = Usage()
        usage.outputTokens = 9
        let files = FileReport(paths: ["made"], isPartial: false)
        return RunSummary(cost: 1_500_000_000, milliseconds: 7, files: files, usage: usage)
    }()
    static let begun: [ReplyEvent] = [
        .started(ReplyStart(id: "msg_1", model: "claude-x", usage: Usage())), .blockStarted(.text),
        .text(JSONSlice(start: 0, end: 2, hasEscapes: false)), .blockStopped,
    ]
    static let line = Array("so".utf8)

    private func check(_ run: JSONValue?) throws {
        let run = try #require(run)
        #expect(run["success"]?.bool == false && run["stopReason"]?.text?.string == "error")
        #expect(run["text"]?.text?.string == "so" && run["turns"]?.integer == 1)
        #expect(run["usage"]?["output_tokens"]?.integer == 9 && run["filesChanged"]?.elements.map { $0.text?.string } == ["made"])
    }

    @Test("a body has what it had come to once that is known") func whole() throws {
        var body = ReplyBody(dialect: .agentRun, conversation: Conversation(model: "m"), identity: ReplyTests.identity)
        for event in Self.begun { body.take(event, of: Self.line.span) }
        #expect(body.remains() == nil)
        body.summary = Self.summary
        let run = try #require(body.remains())
        #expect(body.finish() == nil)
        let reply = ErrorReply(Fault(.forbidden, "Ended."), dialect: .agentRun, requestID: "req_1", run: run)
        let root = try JSONDocument(parsing: reply.body).root
        #expect(root["error"]?["message"]?.text?.string == "Ended." && reply.status == 403)
        try check(root["run"])
    }

    @Test("a run that has finished and could not be kept failed all the same, whole and streamed") func unkept() throws {
        let end = ReplyEvent.finished(ReplyEnd(reason: .endTurn, usage: Self.summary.usage))
        var body = ReplyBody(dialect: .agentRun, conversation: Conversation(model: "m"), identity: ReplyTests.identity)
        var stream = ReplyStream(dialect: .agentRun, conversation: Conversation(model: "m"), identity: ReplyTests.identity)
        var out: [UInt8] = []
        for event in Self.begun + [end] {
            body.take(event, of: Self.line.span)
            stream.encode(event, of: Self.line.span, into: &out)
        }
        (body.summary, stream.summary) = (Self.summary, Self.summary)
        try check(try JSONDocument(parsing: try #require(body.remains())).root)
        out = []
        stream.encode(.failed(Fault(.internalError, "Not kept.")), of: Self.line.span, into: &out)
        stream.release(into: &out)
        try check(try run(in: out))
    }

    private func run(in event: [UInt8]) throws -> JSONValue? {
        let data = try #require(String(decoding: event, as: UTF8.self).split(separator: "\n").last { $0.hasPrefix("data: ") })
        return try JSONDocument(parsing: Array(data.dropFirst(6).utf8)).root["run"]
    }

    @Test("a stream holds its error back until that is known, and says nothing in between") func streamed() throws {
        var stream = ReplyStream(dialect: .agentRun, conversation: Conversation(model: "m"), identity: ReplyTests.identity)
        var out: [UInt8] = []
        for event in Self.begun { stream.encode(event, of: Self.line.span, into: &out) }
        out = []
        stream.encode(.failed(Fault(.forbidden, "Ended.")), of: Self.line.span, into: &out)
        for event in Self.begun { stream.encode(event, of: Self.line.span, into: &out) }
        #expect(out.isEmpty)
        stream.summary = Self.summary
        stream.release(into: &out)
        let text = String(decoding: out, as: UTF8.self)
        #expect(text.hasPrefix("id: 3\nevent: error\ndata: {") && text.hasSuffix("}\n\n"))
        try check(try run(in: out))
    }
}
