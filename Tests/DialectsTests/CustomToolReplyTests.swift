import Dialects
import Testing
import Vocabulary

/// Calls of free-text tools in chat completions.
@Suite("Answers with calls of free-text tools") struct CustomToolReplyTests {
    private static let identity = ReplyIdentity(requestID: "req_1", suffix: "abc", created: 1_795_000_000)

    private func conversation(usage: Bool = false) throws -> Conversation {
        let tools = #"[{"type":"custom","custom":{"name":"patch"}},{"type":"function","function":{"name":"f"}}]"#
        let options = usage ? #","stream_options":{"include_usage":true}"# : ""
        let body = #"{"model":"m","messages":[{"role":"user","content":"x"}],"tools":\#(tools)\#(options)}"#
        return try Dialect.chatCompletions.decode(Array(body.utf8))
    }

    /// The events of an answer with these calls, whose arguments come in the given pieces.
    private func each(_ calls: [(name: String, pieces: [String])], _ take: (ReplyEvent, Span<UInt8>) -> Void) {
        let none: [UInt8] = []
        var usage = Usage()
        (usage.inputTokens, usage.cacheReadTokens, usage.cacheCreationTokens) = (3, 20, 100)
        take(.started(ReplyStart(id: "msg_9", model: "claude-x", usage: usage)), none.span)
        for (index, call) in calls.enumerated() {
            take(.blockStarted(.toolUse(id: JSONText("toolu_\(index)"), name: JSONText(call.name))), none.span)
            for piece in call.pieces {
                let line = Array(JSONText(piece).escaped)
                let slice = JSONSlice(start: 0, end: line.count, hasEscapes: line.contains(UInt8(ascii: "\\")))
                take(.toolInput(slice), line.span)
            }
            take(.blockStopped, none.span)
        }
        take(.finished(ReplyEnd(reason: .toolUse, usage: usage)), none.span)
    }

    private func body(_ calls: [(name: String, pieces: [String])]) throws -> JSONValue {
        var body = ReplyBody(dialect: .chatCompletions, conversation: try conversation(), identity: Self.identity)
        each(calls) { body.take($0, of: $1) }
        return try JSONDocument(parsing: try #require(body.finish())).root
    }

    /// The chunks of a stream, without its end.
    private func chunks(_ calls: [(name: String, pieces: [String])], usage: Bool = false) throws -> [JSONValue] {
        var stream = ReplyStream(
            dialect: .chatCompletions, conversation: try conversation(usage: usage), identity: Self.identity)
        var out: [UInt8] = []
        each(calls) { stream.encode($0, of: $1, into: &out) }
        let events = String(decoding: out, as: UTF8.self).split(separator: "\n\n").map { $0.dropFirst("data: ".count) }
        #expect(events.last == "[DONE]")
        return try events.dropLast().map { try JSONDocument(parsing: Array($0.utf8)).root }
    }

    private func calls(_ chunk: JSONValue) -> [JSONValue] {
        chunk["choices"]?.elements.flatMap { $0["delta"]?["tool_calls"].map { Array($0.elements) } ?? [] } ?? []
    }

    private func text(_ value: JSONValue?) -> String? {
        value.map { String(decoding: $0.fragment.bytes, as: UTF8.self) }
    }

    private static let two: [(name: String, pieces: [String])] = [
        ("patch", [#"{"inp"#, #"ut": "a\n"#, "", #"\"b\" 🙂\\"#, #""}"#]), ("f", [#"{"x":"#, "1}"]),
    ]

    @Test("a body holds the call's text as input")
    func body() throws {
        let message = try #require(try body(Self.two)["choices"]?.elements.first { _ in true }?["message"])
        #expect(text(message["content"]) == "null")
        #expect(
            text(message["tool_calls"])
                == #"[{"id":"toolu_0","type":"custom","custom":{"name":"patch","input":"a\n\"b\" 🙂\\"}},{"id":"toolu_1","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]"#
        )
    }

    @Test("a stream begins with the tool's name and adds the text in pieces")
    func stream() throws {
        let pieces = try chunks(Self.two).flatMap(calls)
        #expect(
            text(pieces.first) == #"{"index":0,"id":"toolu_0","type":"custom","custom":{"name":"patch","input":""}}"#)
        let custom = pieces.filter { $0["index"]?.integer == 0 }
        #expect(custom.dropFirst().allSatisfy { $0["custom"] != nil && $0["function"] == nil && $0["type"] == nil })
        #expect(custom.compactMap { $0["custom"]?["input"]?.text?.string }.joined() == "a\n\"b\" 🙂\\")
        let function = pieces.filter { $0["index"]?.integer == 1 }
        #expect(function.compactMap { $0["function"]?["arguments"]?.text?.string }.joined() == #"{"x":1}"#)
        #expect(function.first?["type"]?.text == "function")
    }

    @Test("no text is no text, while arguments are an object", arguments: [[], [""], ["{}"], [#"{"input":""}"#]])
    func noText(pieces: [String]) throws {
        let body = try body([("patch", pieces), ("f", [])])
        let calls = Array(try #require(body["choices"]?.elements.first { _ in true }?["message"]?["tool_calls"]).elements)
        #expect(calls.first?["custom"]?["input"]?.text == "")
        #expect(calls.last?["function"]?["arguments"]?.text == "{}")
        let streamed = try chunks([("patch", pieces), ("f", [])]).flatMap(self.calls)
        #expect(streamed.compactMap { $0["custom"]?["input"]?.text?.string }.joined() == "")
        #expect(streamed.compactMap { $0["function"]?["arguments"]?.text?.string }.joined() == "{}")
    }

    @Test("what the cache did stands where each client looks for it")
    func cacheCounts() throws {
        let usages = [try body(Self.two)["usage"], try chunks(Self.two, usage: true).last?["usage"]]
        for usage in usages {
            let usage = try #require(usage)
            #expect(usage["prompt_tokens"]?.integer == 123)
            #expect(usage["cache_read_input_tokens"]?.integer == 20)
            #expect(usage["cache_creation_input_tokens"]?.integer == 100)
            #expect(usage["prompt_tokens_details"]?["cached_tokens"]?.integer == 20)
            #expect(usage["prompt_tokens_details"]?["cache_write_tokens"]?.integer == 100)
        }
    }
}
