import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("The answer of which a call is demanded")
struct DemandedCallReaderTests {
    private static let single: DemandedCall = {
        var demand = DemandedCall(names: ["f"], isNamed: false)
        demand.forms = [DemandedCall.Form(name: "f", arguments: JSONFragment("{\"type\":\"object\"}"))]
        return demand
    }()
    private static let several: DemandedCall = {
        var demand = DemandedCall(names: ["f", "g"], isNamed: false)
        demand.forms = ["f", "g"].map { DemandedCall.Form(name: $0, arguments: JSONFragment("{\"type\":\"object\"}")) }
        return demand
    }()
    private static let inWords = DemandedCall(names: ["f"], isNamed: true)

    /// One block of an answer: its kind or a call's name, and its content.
    private enum Piece { case thinking(String), text(String), call(String, String), other }

    private struct Feed {
        var reader: CallTranslator
        let chunk: Int
        var seen: [String] = []
        /// How many events had come out before the last one went in.
        var early = 0

        mutating func event(_ event: ReplyEvent, of line: [UInt8] = []) {
            early = seen.count
            reader.pass(event, of: line.span) { seen.append(CLITrace.describe($0, $1)) }
        }

        mutating func pieces(_ text: String, _ make: (JSONSlice) -> ReplyEvent) {
            var rest = Array(text.unicodeScalars)[...]
            while !rest.isEmpty {
                var piece = String.UnicodeScalarView()
                piece.append(contentsOf: rest.prefix(chunk))
                rest = rest.dropFirst(chunk)
                let escaped = JSONText(String(piece))
                // As in a line of the CLI: the slice is somewhere within it.
                let line = Array("{\"x\":\"".utf8) + Array(escaped.escaped)
                event(make(JSONSlice(start: 6, end: line.count, hasEscapes: escaped.hasEscapes)), of: line)
            }
        }
    }

    private static let usage = "in=1 write=0 read=0 out=0 think=0 tier=-"

    private func run(
        _ demand: DemandedCall, _ blocks: [Piece], _ reason: StopReason = .endTurn, chunk: Int = .max,
        names: ToolNames = ToolNames(), serverCall: Bool = false
    ) -> Feed {
        var feed = Feed(reader: CallTranslator(names, demanding: demand), chunk: chunk)
        var usage = Usage()
        usage.inputTokens = 1
        feed.event(.started(ReplyStart(id: "msg_01XFDUDYJgAACzvnptVvoYEL", model: "m", usage: usage)))
        if serverCall { feed.reader.noteServerCall() }
        for block in blocks {
            switch block {
            case .thinking(let text):
                feed.event(.blockStarted(.thinking))
                feed.pieces(text) { .thinking($0) }
                feed.event(.signature(JSONSlice(start: 0, end: 1, hasEscapes: false)), of: Array("s".utf8))
            case .text(let text):
                feed.event(.blockStarted(.text))
                feed.pieces(text) { .text($0) }
            case .call(let name, let arguments):
                feed.event(.blockStarted(.toolUse(id: "t", name: JSONText(name))))
                feed.pieces(arguments) { .toolInput($0) }
            case .other: feed.event(.blockStarted(.other(JSONFragment("{}"))))
            }
            feed.event(.blockStopped)
        }
        feed.event(.finished(ReplyEnd(reason: reason, usage: usage)))
        return feed
    }

    private func joined(_ lines: [String], _ kind: String) -> String {
        lines.filter { $0.hasPrefix(kind + " ") }.map { String($0.dropFirst(kind.count + 1)) }.joined()
    }

    private func kinds(_ lines: [String]) -> [String] {
        lines.map { String($0.prefix { $0 != " " }) }.reduce(into: []) { if $0.last != $1 { $0.append($1) } }
    }

    @Test("a call passes as it comes, behind all that came before it", arguments: [1, 2, Int.max])
    func call(chunk: Int) {
        let blocks: [Piece] = [.thinking("h\"m 😀"), .text("Let me\nsee"), .other, .call("f", "{\"a\":\"ö\"}")]
        let feed = run(Self.single, blocks, .toolUse, chunk: chunk)
        #expect(joined(feed.seen, "thinking") == "h\"m 😀" && joined(feed.seen, "text") == "Let me\nsee")
        #expect(joined(feed.seen, "input") == "{\"a\":\"ö\"}")
        #expect(
            kinds(feed.seen) == [
                "started", "block", "thinking", "signature", "stop", "block", "text", "stop", "block", "stop", "block",
                "input", "stop", "finished",
            ])
        #expect(feed.seen.last == "finished tool_use - \(Self.usage)")
        #expect(feed.early == feed.seen.count - 1, "once there is a call nothing is held")
    }

    @Test("a text in the format becomes the call", arguments: [1, 3, Int.max])
    func text(chunk: Int) {
        let arguments = #"{"a":"\"é\\n\ud83d\ude00","b":[1.50]}"#
        let feed = run(Self.single, [.thinking("hm"), .text(" \(arguments)\n")], chunk: chunk)
        #expect(
            feed.seen.suffix(4) == [
                "block tool_use toolu_01XFDUDYJgAACzvnptVvoYEL f", "input \(arguments)", "stop",
                "finished tool_use - \(Self.usage)",
            ])
        #expect(kinds(feed.seen) == ["started", "block", "thinking", "signature", "stop", "block", "input", "stop", "finished"])
        #expect(feed.early == 0, "nothing was told before it was known")
    }

    @Test("a text in the format beside a call is not told twice")
    func both() {
        let seen = run(Self.single, [.text("{\"a\":1}"), .call("f", "{\"a\":2}")], .toolUse).seen
        #expect(joined(seen, "text") == "" && joined(seen, "input") == "{\"a\":2}")
        #expect(kinds(seen) == ["started", "block", "input", "stop", "finished"])
    }

    @Test("a text that names one of several tools becomes its call", arguments: [1, Int.max])
    func wrapped(chunk: Int) {
        let feed = run(Self.several, [.text(#"{"call":{"tool":"g","arguments":{"x":null}}}"#)], chunk: chunk)
        #expect(joined(feed.seen, "input") == #"{"x":null}"#)
        #expect(feed.seen.dropFirst().first?.hasSuffix(" g") == true)
    }

    @Test(
        "a text that is not the call fails before anything was told",
        arguments: [
            (single, "Sorry."), (single, "[1]"), (single, "{\"a\":1} and more"), (single, ""), (inWords, "{\"a\":1}"),
            (several, "{\"a\":1}"), (several, #"{"call":{"tool":"h","arguments":{}}}"#),
            (several, #"{"call":{"tool":"f","arguments":[]}}"#), (several, #"{"call":{"tool":"f"}}"#),
        ])
    func silence(demand: DemandedCall, text: String) {
        for reason in [StopReason.endTurn, .stopSequence, .pauseTurn] {
            let seen = run(demand, [.text(text)], reason).seen
            #expect(seen.count == 1)
            #expect(seen.first?.hasPrefix("failed 502 The model answered") == true)
            #expect(seen.first?.hasSuffix("should-retry=false") == true)
        }
    }

    @Test("a call that was cut off keeps what came of it", arguments: [1, Int.max])
    func cut(chunk: Int) {
        for reason in [StopReason.maxTokens, .contextWindowExceeded] {
            let end = "finished \(reason.rawValue) - \(Self.usage)"
            let feed = run(Self.single, [.text("{\"a\":\"b")], reason, chunk: chunk)
            #expect(joined(feed.seen, "input") == "{\"a\":\"b" && feed.seen.last == end)
            let wrapped = run(Self.several, [.text(#"{"call":{"tool":"g","arguments":{"x":[1,"#)], reason, chunk: chunk)
            #expect(joined(wrapped.seen, "input") == #"{"x":[1,"# && wrapped.seen.last == end)
            #expect(joined(wrapped.seen, "block") == "tool_use toolu_01XFDUDYJgAACzvnptVvoYEL g")
            for text in ["{\"ca", #"{"call":{"tool":"#, #"{"call":{"tool":"h","arguments":{"#, #"{"call":{"tool":"g","arguments":"#] {
                let failed = run(Self.several, [.text(text)], reason, chunk: chunk).seen
                #expect(failed.count == 1 && failed.first?.hasPrefix("failed 502 The answer reached") == true)
            }
            #expect(run(Self.single, [.text("Well, I")], reason).seen.first?.hasPrefix("failed 502") == true)
            // All went into thinking: as it is with a call that is forced.
            #expect(kinds(run(Self.single, [.thinking("hm")], reason).seen).last == "finished")
        }
    }

    @Test("a refusal stays as it is")
    func refusal() {
        let seen = run(Self.single, [.text("No.")], .refusal).seen
        #expect(joined(seen, "text") == "No." && seen.last == "finished refusal - \(Self.usage)")
        #expect(kinds(seen) == ["started", "block", "text", "stop", "finished"])
    }

    @Test("calls of tools that were not demanded are left out")
    func others() {
        let alone = run(Self.single, [.call("g", "{}")], .toolUse).seen
        #expect(alone.count == 1 && alone.first?.hasPrefix("failed 502 The model called another tool") == true)
        let blocks: [Piece] = [.call("g", "{\"no\":1}"), .call("f", "{\"yes\":1}"), .call("g", "{\"no\":1}"), .text("t")]
        let seen = run(Self.single, blocks, .toolUse, chunk: 2).seen
        #expect(joined(seen, "input") == "{\"yes\":1}" && joined(seen, "text") == "t")
        #expect(kinds(seen) == ["started", "block", "input", "stop", "block", "text", "stop", "finished"])
        #expect(joined(run(Self.single, [.call("g", "{}"), .text("{}")]).seen, "input") == "{}")
    }

    @Test("a fault passes, and nothing of what was held")
    func fault() {
        var feed = Feed(reader: CallTranslator(demanding: Self.single), chunk: 1)
        feed.event(.started(ReplyStart(id: "m", model: "m", usage: Usage())))
        feed.event(.blockStarted(.text))
        feed.pieces("{}") { .text($0) }
        feed.event(.failed(Fault(.overloaded, "busy")))
        feed.event(.finished(ReplyEnd(reason: .endTurn, usage: Usage())))
        #expect(feed.seen == ["failed 529 busy"])
    }

    @Test("what may come before the call is bounded")
    func bound() {
        for isText in [true, false] {
            var reader = DemandedCallReader(Self.single, mostHeldBytes: 4096)
            var seen: [String] = []
            let line = [UInt8](repeating: UInt8(ascii: "a"), count: 100)
            let slice = JSONSlice(start: 0, end: line.count, hasEscapes: false)
            for _ in 0..<200 {
                let event: ReplyEvent = isText ? .text(slice) : .blockStopped
                reader.pass(event, of: line.span) { event, line in seen.append(CLITrace.describe(event, line)) }
            }
            #expect(seen.count == 1 && seen.first?.hasPrefix("failed 502 The model said too much") == true)
        }
    }

    @Test("a registered server's call meets a demand that names no tool")
    func servers() {
        let text: [Piece] = [.text("Found it.")]
        #expect(joined(run(Self.single, text, serverCall: true).seen, "text") == "Found it.")
        #expect(run(Self.inWords, text, serverCall: true).seen.count == 1)
    }

    @Test("the call has its client's names")
    func names() {
        var conversation = Conversation(model: "m")
        conversation.tools = [Tool(name: "edit", description: nil, schema: JSONFragment("{}"))]
        conversation.toolAliases = [ToolAlias("edit", as: "f", arguments: [.init("path", as: "file_path")])]
        let names = ToolNames(conversation)
        for block in [Piece.text("{\"file_path\":1}"), .call("f", "{\"file_path\":1}")] {
            let seen = run(Self.single, [block], names: names).seen
            #expect(joined(seen, "input") == "{\"path\":1}")
            #expect(seen.contains { $0.hasPrefix("block tool_use") && $0.hasSuffix(" edit") })
        }
    }

    @Test(
        "an id is made of its message's",
        arguments: [
            ("msg_01XFDUDYJgAACzvnptVvoYEL", "toolu_01XFDUDYJgAACzvnptVvoYEL"),
            ("msg_7", "toolu_000000000000000000000007"), ("", "toolu_000000000000000000000000"),
            ("msg_bdrk_0123456789012345678901234", "toolu_123456789012345678901234"),
        ])
    func ids(message: String, call: String) {
        #expect(DemandedCallReader.callID(message) == call)
    }
}
