import ClaudeCLI
import Dialects
import Testing
import Vocabulary

@testable import Gateway

@Suite("A conversation is known again by what reaches the vendor")
struct ConversationTraceTests {
    private static let noon = 1_795_219_200
    private static let tool = Tool(
        name: "get_weather", description: "Looks it up.",
        schema: JSONFragment(#"{"type":"object","properties":{"city":{"type":"string"}}}"#))

    private func trace(
        _ turns: [Turn], now: Int = noon, dialect: Dialect = .anthropic, _ change: (inout Conversation) -> Void = { _ in }
    ) throws -> ConversationTrace {
        var conversation = Conversation(model: "sonnet")
        conversation.system = ["Be brief."]
        conversation.tools = [Self.tool]
        conversation.turns = turns
        change(&conversation)
        let plan = try TurnPlan(answering: conversation, model: "claude-sonnet-5-5")
        return try #require(ConversationTrace(plan, of: conversation, in: dialect, now: now))
    }

    /// The events of an answer: texts and calls, in pieces of two characters.
    private func hear(_ trace: ConversationTrace, _ blocks: [Block]) {
        func say(_ event: ReplyEvent, _ line: [UInt8] = []) { trace.hear(event, of: line.span) }
        func pieces(_ text: JSONText, _ make: (JSONSlice) -> ReplyEvent) {
            var rest = Array(text.escaped)[...]
            while !rest.isEmpty {
                // An escape is never cut.
                let count = rest.first == UInt8(ascii: "\\") ? (rest.dropFirst().first == UInt8(ascii: "u") ? 6 : 2) : 1
                let piece = Array(rest.prefix(count))
                rest = rest.dropFirst(count)
                say(make(JSONSlice(start: 0, end: piece.count, hasEscapes: count > 1)), piece)
            }
        }
        say(.started(ReplyStart(id: "msg_1", model: "m", usage: Usage())))
        for block in blocks {
            switch block {
            case .text(let text):
                say(.blockStarted(.text))
                pieces(text) { .text($0) }
            case .thinking(let text, _):
                say(.blockStarted(.thinking))
                pieces(text) { .thinking($0) }
            case .toolUse(let id, let name, let input):
                say(.blockStarted(.toolUse(id: id, name: name)))
                pieces(JSONText(String(decoding: input.bytes, as: UTF8.self))) { .toolInput($0) }
            default: break
            }
            say(.blockStopped)
        }
        say(.finished(ReplyEnd(reason: .endTurn, usage: Usage())))
    }

    private let question = Turn(.user, [.text("What is the weather in Rome?")])
    private let call = Block.toolUse(id: "toolu_1", name: "get_weather", input: JSONFragment(#"{"city":"Rome","n":1.0}"#))

    /// True when a conversation that was answered with `answer` is known again by what a client sends back.
    private func isKnown(
        answered answer: [Block], sentBack: [Turn], dialect: Dialect = .anthropic,
        _ change: (inout Conversation) -> Void = { _ in }
    ) throws -> Bool {
        let before = try trace([question], dialect: dialect, change)
        hear(before, answer)
        let held = try #require(before.finish())
        return try trace(sentBack, dialect: dialect, change).held == held
    }

    private func back(_ answer: [Block], _ next: [Block] = [.text("And now?")]) -> [Turn] {
        [question, Turn(.assistant, answer), Turn(.user, next)]
    }

    @Test("an answer that comes back as it was given")
    func same() throws {
        #expect(try isKnown(answered: [.text("Sunny.")], sentBack: back([.text("Sunny.")])))
        #expect(try isKnown(answered: [call], sentBack: back([call])))
        #expect(try isKnown(answered: [.text("I look."), call, call], sentBack: back([.text("I look."), call, call])))
    }

    // MARK: - What counts as equal

    @Test("thinking that does not come back, or another's, in all its forms")
    func thinking() throws {
        let answer: [Block] = [.thinking("Hm.", signature: "sig"), .text("Sunny."), call]
        #expect(try isKnown(answered: answer, sentBack: back([.text("Sunny."), call])))
        #expect(try isKnown(answered: answer, sentBack: back(answer)))
        #expect(try isKnown(answered: answer, sentBack: back([.redactedThinking("x"), .text("Sunny."), call])))
        #expect(try isKnown(answered: [.text("Sunny.")], sentBack: back([.thinking("a", signature: "b"), .text("Sunny.")])))
    }

    @Test("arguments with other escapes, another order of keys, and numbers of one value")
    func arguments() throws {
        let answer = Block.toolUse(id: "t", name: "get_weather", input: JSONFragment(#"{"city":"Z\u00fcrich","n":1.0,"m":[1e2]}"#))
        let sent = Block.toolUse(id: "t", name: "get_weather", input: JSONFragment(#"{ "m" : [100], "n": 1, "city": "Zürich" }"#))
        #expect(try isKnown(answered: [answer], sentBack: back([sent])))
        let none = Block.toolUse(id: "t", name: "get_weather", input: JSONFragment(""))
        let empty = Block.toolUse(id: "t", name: "get_weather", input: JSONFragment("{}"))
        #expect(try isKnown(answered: [none], sentBack: back([empty])))
    }

    @Test("white space around an answer, and however its text is split")
    func texts() throws {
        let answer: [Block] = [.text("\n\n Sunny"), .text(" in Rome.\n")]
        for sent: [Block] in [
            [.text("Sunny in Rome.")], [.text("\n\n Sunny in Rome.\n")], [.text("Sunny"), .text(" in "), .text("Rome.")],
            [.text(" \t\r\n"), .text("Sunny in Rome.")],
        ] {
            #expect(try isKnown(answered: answer, sentBack: back(sent)))
        }
        // A client's own messages may be split otherwise too.
        let split = [Turn(.user, [.text("What is the "), .text("weather in Rome?")])] + back(answer).dropFirst()
        #expect(try isKnown(answered: answer, sentBack: Array(split)))
        #expect(try isKnown(answered: [.text("  "), call], sentBack: back([call])))
    }

    @Test("a text behind a call is one before it, as the CLI has it")
    func textBehindCall() throws {
        #expect(try isKnown(answered: [.text("I look."), call, .text(" So.")], sentBack: back([.text("I look. So."), call])))
    }

    @Test("tools in another order")
    func toolOrder() throws {
        let other = Tool(name: "a_tool", description: nil, schema: JSONFragment(#"{"type":"object","properties":{}}"#))
        let before = try trace([question]) { $0.tools = [Self.tool, other] }
        hear(before, [.text("Sunny.")])
        #expect(try trace(back([.text("Sunny.")])) { $0.tools = [other, Self.tool] }.held == before.finish())
    }

    @Test("sampling, effort, choice and limits, which each turn brings anew")
    func settings() throws {
        let before = try trace([question]) {
            $0.sampling.maxTokens = 5
            $0.effort = .low
            $0.toolChoice = .any
        }
        hear(before, [.text("Sunny.")])
        let after = try trace(back([.text("Sunny.")])) {
            $0.sampling.maxTokens = 9
            $0.sampling.stopSequences = ["x"]
            $0.allowsParallelToolCalls = false
            $0.thinking = .adaptive
        }
        #expect(after.held == before.finish())
    }

    // MARK: - What does not

    private typealias Change = @Sendable (inout Conversation) -> Void
    private static let grounds: [(String, Change)] = [
        ("system", { $0.system = ["Be long."] }), ("system left out", { $0.system = [] }),
        ("system split", { $0.system = ["Be", " brief."] }), ("a second part", { $0.system.append("Be kind.") }),
        ("no tool", { $0.tools = [] }), ("another name", { $0.tools[0].name = "weather" }),
        ("another description", { $0.tools[0].description = "Looks it up" }),
        ("no description", { $0.tools[0].description = nil }),
        ("an empty description", { $0.tools[0].description = "" }),
        ("another schema", { $0.tools[0].schema = JSONFragment(#"{"type":"object","properties":{}}"#) }),
        ("a JSON object", { $0.outputFormat = .jsonObject }),
        ("another tool's name", { $0.toolAliases = [ToolAlias("get_weather", as: "Weather")] }),
        (
            "a beta",
            {
                $0.thinking = .adaptive
                $0.blockBinding = .error
            }
        ),
    ]

    @Test("another ground: system prompt, tools, betas", arguments: grounds.indices)
    func ground(index: Int) throws {
        let (name, change) = Self.grounds[index]
        let before = try trace([question])
        hear(before, [.text("Sunny.")])
        #expect(try trace(back([.text("Sunny.")]), change).held != before.finish(), "\(name)")
        // And they differ among one another.
        let own = try trace([question], change).held
        for other in Self.grounds.indices where other != index {
            #expect(try trace([question], Self.grounds[other].1).held != own, "\(name), \(Self.grounds[other].0)")
        }
    }

    @Test("another model, and another day")
    func modelAndDay() throws {
        let turns = back([.text("Sunny.")])
        var conversation = Conversation(model: "sonnet")
        conversation.turns = turns
        func held(_ model: String) throws -> ConversationPrint? {
            let plan = try TurnPlan(answering: conversation, model: model)
            return ConversationTrace(plan, of: conversation, in: .anthropic, now: Self.noon)?.held
        }
        #expect(try held("claude-sonnet-5-5") != held("claude-opus-5-5"))
        // UTC's days, as the CLI's are.
        let midnight = Self.noon / 86_400 * 86_400
        #expect(try trace(turns, now: midnight).held == trace(turns, now: midnight + 86_399).held)
        #expect(try trace(turns, now: midnight).held != trace(turns, now: midnight - 1).held)
        #expect(try trace(turns, now: midnight).held != trace(turns, now: midnight + 86_400).held)
    }

    @Test("every other answer")
    func otherAnswers() throws {
        let answers: [[Block]] = [
            [.text("Sunny.")], [.text("sunny.")], [.text("Sunny .")], [.text("Sunny.\u{A0}")], [.text("Sun"), .text(" ny.")],
            [call], [call, call], [.text("Sunny."), call],
            [.toolUse(id: "toolu_1", name: "get_weather", input: JSONFragment(#"{"city":"Rome"}"#))],
            [.toolUse(id: "toolu_1", name: "get_weather", input: JSONFragment(#"{"city":"Rome","n":"1"}"#))],
            [.toolUse(id: "toolu_1", name: "get_weather_", input: JSONFragment(#"{"city":"Rome","n":1}"#))],
            [.text(#"get_weather{"city":"Rome","n":1}"#)],
        ]
        for (index, answer) in answers.enumerated() {
            for (other, sent) in answers.enumerated() {
                #expect(try isKnown(answered: answer, sentBack: back(sent)) == (index == other), "\(index) \(other)")
            }
        }
    }

    @Test("every other history")
    func histories() throws {
        let image = Block.image(source: JSONFragment(#"{"type":"base64","media_type":"image/png","data":"AA=="}"#))
        let otherImage = Block.image(source: JSONFragment(#"{"type":"base64","media_type":"image/png","data":"AB=="}"#))
        let document = Block.document(JSONFragment(#"{"type":"document","source":{"type":"text","data":"a"}}"#))
        func result(_ id: JSONText, _ content: [Block], isError: Bool = false) -> Block {
            .toolResult(id: id, content: content, isError: isError)
        }
        let next = Turn(.user, [.text("And now?")])
        let answer = Turn(.assistant, [.text("A.")])
        func user(_ blocks: Block...) -> [Turn] { [Turn(.user, blocks), answer, next] }
        func calls(_ results: Block...) -> [Turn] {
            let two: [Block] = [call, .toolUse(id: "toolu_2", name: "get_weather", input: JSONFragment("{}"))]
            return [question, Turn(.assistant, two), Turn(.user, results), answer, next]
        }
        let histories: [[Turn]] = [
            [next], user(.text("")), user(.text("a")), user(.text("a "), .text("b")), user(.text("ab")), user(image),
            user(otherImage), user(.text("a"), image), user(image, .text("a")), user(.text("a"), image, .text("b")),
            user(document), user(.other(JSONFragment(#"{"type":"x"}"#))),
            user(.text("a")) + [answer, next], [Turn(.user, [.text("a")]), Turn(.assistant, [.text("A.A.")]), next],
            [Turn(.user, [.text("a")]), answer, Turn(.assistant, [.text("A.")]), next],
            [Turn(.system, [.text("a")]), answer, next],
            calls(result("toolu_1", [.text("r")]), result("toolu_2", [.text("s")])),
            calls(result("toolu_1", [.text("s")]), result("toolu_2", [.text("r")])),
            calls(result("toolu_1", [.text("r")])), calls(result("toolu_2", [.text("r")])),
            calls(result("toolu_1", [.text("r")], isError: true)), calls(result("toolu_1", [])),
            calls(result("toolu_1", [.text("")])), calls(result("toolu_1", [image])), calls(result("toolu_9", [.text("r")])),
            calls(result("toolu_1", [.text("r")]), .text("x")), calls(result("toolu_1", [.text("r"), .text("x")]), .text("")),
            calls(result("toolu_1", [.text("r"), image])), calls(.text("r")),
        ]
        let prints = try histories.map { try #require(try trace($0).held) }
        for (index, print) in prints.enumerated() {
            for other in prints.indices.dropFirst(index + 1) { #expect(prints[other] != print, "\(index) \(other)") }
        }
    }

    @Test("what else an answer of the history holds, which a replay would bring to the vendor")
    func otherBlocks() throws {
        func held(_ word: String) throws -> ConversationPrint? {
            let block = JSONFragment(validated: Array(#"{"type":"server_tool_use","input":{"query":"\#(word)"}}"#.utf8)[...])
            return try trace(back([.other(block), .text("Found.")])).held
        }
        #expect(try held("one") == held("one"))
        #expect(try held("one") != held("two"))
        // An answer with one is not known again.
        let heard = try trace([question])
        let line: [UInt8] = []
        heard.hear(.blockStarted(.other(JSONFragment(#"{"type":"x"}"#))), of: line.span)
        hear(heard, [.text("Found.")])
        #expect(heard.finish() == nil)
    }

    // MARK: - Ids of calls

    private func answered(_ given: JSONText, _ sent: JSONText) throws -> Bool {
        let answer = Block.toolUse(id: given, name: "get_weather", input: JSONFragment("{}"))
        let back = Block.toolUse(id: sent, name: "get_weather", input: JSONFragment("{}"))
        let result = Block.toolResult(id: sent, content: [.text("sunny")], isError: false)
        return try isKnown(answered: [answer], sentBack: self.back([back], [result]))
    }

    @Test("ids of calls, which stand for one another by their order")
    func renamedCall() throws {
        #expect(try answered("toolu_1", "toolu_1") && answered("toolu_1", "call_1") && answered("toolu.1", "toolu.1"))
    }

    // MARK: - Its life

    @Test("an answer that is not whole is known by nothing, and nothing that follows the end counts")
    func wholeness() throws {
        let trace = try trace([question])
        #expect(trace.finish() == nil && trace.isFirst)
        hear(trace, [.text("Sunny.")])
        let print = try #require(trace.finish())
        hear(trace, [.text("More.")])
        #expect(trace.finish() == print && trace.held != print)
        #expect(try !self.trace(back([.text("Sunny.")])).isFirst)
        let failed = try self.trace([question])
        let line: [UInt8] = []
        failed.hear(.failed(Fault(.badGateway, "No.")), of: line.span)
        #expect(failed.finish() == nil)
    }

    @Test("a turn whose process holds more than the client knows has no trace")
    func untraced() throws {
        var conversation = Conversation(model: "sonnet")
        conversation.turns = [question]
        let count = try TurnPlan(counting: conversation, model: "sonnet")
        #expect(ConversationTrace(count, of: conversation, in: .anthropic, now: Self.noon) == nil)
        let tagged = try TurnPlan(answering: conversation, model: "sonnet", features: CLIFeatures(missing: [.history]))
        #expect(ConversationTrace(tagged, of: conversation, in: .anthropic, now: Self.noon) == nil)
    }

    @Test("what models say between calls comes back as the text that each dialect's clients were given", arguments: Dialect.allCases)
    func notes(dialect: Dialect) throws {
        let answer: [Block] = [.thinking("I look.", signature: ""), .thinking("", signature: "s"), .text("Now."), call]
        let gap = dialect == .chatCompletions ? "\n\n" : ""
        let sent: [Block] = [.text(JSONText("I look.\(gap)Now.")), call]
        #expect(try isKnown(answered: answer, sentBack: back(sent), dialect: dialect) { $0.thinkingShown = .asText })
        #expect(try !isKnown(answered: answer, sentBack: back(sent), dialect: dialect))
        #expect(try isKnown(answered: answer, sentBack: back([.text("Now."), call]), dialect: dialect))
    }

    @Test("a long conversation goes on, turn by turn")
    func long() throws {
        var turns: [Turn] = []
        var held: ConversationPrint?
        for number in 0..<30 {
            turns.append(Turn(.user, [.text(JSONText("q\(number)"))]))
            let trace = try trace(turns)
            if number > 0 { #expect(trace.held == held) }
            let answer: [Block] = [.text(JSONText("a\(number) "))]
            hear(trace, answer)
            held = trace.finish()
            turns.append(Turn(.assistant, answer))
        }
    }

    // MARK: - Digests

    @Test("the digest is SHA-256 however the bytes are cut, and more may follow it")
    func digest() {
        let hash = ConversationHash()
        let abc = Array("abc".utf8)
        for byte in abc { hash.add([byte].span) }
        let expected: [UInt8] = [0xBA, 0x78, 0x16, 0xBF, 0x8F, 0x01, 0xCF, 0xEA]
        #expect(hash.digest()?.prefix(8) == expected[...] && hash.digest()?.count == 32)
        let long = [UInt8](repeating: 0x61, count: 5000)
        let (first, second) = (ConversationHash(), ConversationHash())
        first.add(long.span)
        for size in [511, 512, 513, 1, 3463] { second.add(long.span.extracting(first: size)) }
        #expect(first.digest() == second.digest())
        second.add(abc.span)
        #expect(first.digest() != second.digest())
    }
}
