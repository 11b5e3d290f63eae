import Platform
import Testing
import Vocabulary

@testable import ClaudeCLI

/// The recordings are three turns of one process: a question answered with two calls, their results, and another
/// conversation after the process has forgotten the first.
@Suite("A turn's talk with the CLI, on recorded lines")
struct RelayTurnTests {
    private static let weather = Tool(
        name: "weather", description: "Tells the weather.", schema: JSONFragment(#"{"type":"object","properties":{}}"#))
    private static let send = Tool(
        name: "send", description: "Sends.", schema: JSONFragment(#"{"type":"object","properties":{}}"#))
    private static let pieces = [1, 7, .max]

    private static func plan(_ turns: [Turn], tools: [Tool], system: [JSONText] = ["You are terse."]) throws -> TurnPlan {
        var conversation = Conversation(model: "sonnet")
        conversation.system = system
        conversation.tools = tools
        conversation.turns = turns
        return try TurnPlan(answering: conversation, model: "claude-sonnet-5-5")
    }

    private static let question = Turn(.user, [.text("Rome and Oslo?")])
    private static func call(_ id: JSONText, _ city: String) -> Block {
        .toolUse(id: id, name: "weather", input: JSONFragment(validated: Array("{\"city\":\"\(city)\"}".utf8)[...]))
    }
    private static func result(_ id: JSONText, _ text: JSONText) -> Block {
        .toolResult(id: id, content: [.text(text)], isError: false)
    }

    private static func first() throws -> TurnPlan { try plan([question], tools: [weather]) }

    private static func second() throws -> TurnPlan {
        let answer = Turn(.assistant, [.text("Let me look."), call("toolu_A", "Rome"), call("toolu_B", "Oslo")])
        return try plan(
            [question, answer, Turn(.user, [result("toolu_A", "sunny"), result("toolu_B", "rain")])], tools: [weather])
    }

    private static func other() throws -> TurnPlan {
        try plan(
            [
                Turn(.user, [.text("Hello.")]), Turn(.assistant, [.text("Good day.")]),
                Turn(.user, [.text("Who are you?")]),
            ], tools: [send], system: ["Another."])
    }

    /// What the process holds after the first turn, and after the second.
    private static func memories() throws -> (first: ProcessMemory, second: ProcessMemory) {
        let first = try first().script(from: .fresh).memory
        return (first, try second().script(from: .kept(first)).memory)
    }

    private static let callEvents = [
        "started msg_call claude-sonnet-5-5 in=10 write=0 read=0 out=1 think=0 tier=-", "block text", "text Let me look.",
        "stop", "block tool_use toolu_A weather", #"input {"city": "Rome"}"#, "stop",
        "block tool_use toolu_B weather", #"input {"city": "Oslo"}"#, "stop",
    ]

    // MARK: - A fresh process

    @Test("calls are put off, and the process waits for its next message", arguments: pieces)
    func calls(pieces: Int) throws {
        var run = TurnRun(try Self.first())
        try run.take(Fixture.bytes("deferred_call.ndjson"), pieces: pieces)
        #expect(run.events.dropLast() == Self.callEvents[...])
        #expect(run.events.last?.hasPrefix("finished tool_use") == true)
        // The first portion, and an answer for each call.
        #expect(run.written.count == 3)
        for answer in run.written.dropFirst() {
            #expect(answer.contains(#""permissionDecision":"defer""#) && answer.hasSuffix("\n"))
        }
        #expect(Set(run.written).count == 3)
        #expect(!run.isKilled && run.machine.isOver && run.machine.rest == .idle && !run.machine.isUnfit)
        #expect(run.machine.spending.requests == 1)
        #expect(run.machine.takeQuotaCount == 1 && run.machine.callIDs == ["toolu_A", "toolu_B"])
    }

    @Test("the answer is over with its calls, and what becomes of the process known with the result")
    func lateResult() throws {
        let lines = TurnRun.lines("deferred_call.ndjson")
        let result = try #require(lines.firstIndex { $0.contains(#""type":"result""#) })
        var run = TurnRun(try Self.first())
        run.take(Array(lines[..<result]))
        #expect(run.machine.isOver && run.machine.rest == .unknown && !run.machine.expectsLateWord)
        var good = TurnRun(try Self.first())
        good.take(Array(lines[...result]))
        #expect(good.machine.rest == .idle && !good.isKilled)
        // The CLI has put a result of its own into the conversation.
        run.take([#"{"type":"result","subtype":"error_max_turns","is_error":true,"num_turns":2}"#])
        #expect(run.machine.rest == .spent)
        #expect(run.events == good.events)
    }

    @Test("a process that does not ask before it calls is killed with its answer")
    func noQuestion() throws {
        var run = TurnRun(try Self.first())
        run.take(TurnRun.lines("deferred_call.ndjson").filter { !$0.contains("control_request") })
        #expect(run.events.last?.hasPrefix("finished tool_use") == true)
        #expect(run.isKilled && run.machine.rest == .spent && !run.machine.expectsLateWord)
    }

    @Test("what follows an answer and is no JSON spends the process, not the answer")
    func lateGarbage() throws {
        var run = TurnRun(try Self.first())
        run.take(TurnRun.lines("deferred_call.ndjson"))
        let events = run.events
        run.take(["Segmentation fault"])
        #expect(run.isKilled && run.machine.rest == .spent && run.events == events)
    }

    @Test("a turn that is given up on is spent, and another process would do no better")
    func failed() throws {
        var run = TurnRun(try Self.first())
        run.fail(Fault(.gatewayTimeout, "Too late."))
        run.fail(Fault(.gatewayTimeout, "Again."))
        #expect(run.events == ["failed 504 Too late."])
        #expect(run.machine.rest == .spent && !run.machine.isUnfit && run.machine.deadline == nil)
    }

    // MARK: - A process that holds the conversation

    @Test("a process goes on with one message, and says nothing of its last answer", arguments: pieces)
    func kept(pieces: Int) throws {
        var run = TurnRun(try Self.second(), from: .kept(try Self.memories().first))
        #expect(run.written.count == 1)
        #expect(run.written[0].split(separator: "\n").count == 1)
        // Late lines of the turn before: its events, rows, and word on limits, but for its beginning and its end.
        let late = TurnRun.lines("deferred_call.ndjson").filter {
            !$0.contains(#""subtype":"init""#) && !$0.contains(#""type":"result""#) && !$0.contains("control_re")
        }
        run.take(late)
        #expect(run.events.isEmpty && !run.isKilled && !run.machine.isOver)
        try run.take(Fixture.bytes("kept_turn.ndjson"), pieces: pieces)
        #expect(run.events.contains("text Sunny in Rome."))
        #expect(run.events.first?.hasPrefix("started msg_kept") == true)
        #expect(run.events.last?.hasPrefix("finished end_turn - in=10 write=0 read=0 out=7") == true)
        #expect(run.machine.rest == .idle && !run.isKilled && run.written.count == 1 && run.machine.callIDs.isEmpty)
    }

    @Test("one that refuses its settings, dies or hangs before its turn begins is unfit, and not afterwards")
    func unfit() throws {
        let memory = try Self.memories().first
        var refused = TurnRun(try Self.second(), from: .kept(memory))
        refused.take(TurnRun.lines("settings_refused.ndjson"))
        #expect(refused.isKilled && refused.machine.isUnfit)
        #expect(refused.events.count == 1 && refused.events[0].hasPrefix("failed 502 The CLI did not accept"))

        var hung = TurnRun(try Self.second(), from: .kept(memory))
        let fault = try #require(hung.machine.deadline?.fault)
        hung.fail(fault)
        #expect(hung.machine.isUnfit && hung.events == ["failed 502 The CLI does not go on. | a kept process hangs"])

        var begun = TurnRun(try Self.second(), from: .kept(memory))
        let lines = TurnRun.lines("kept_turn.ndjson")
        let start = try #require(lines.firstIndex { $0.contains(#""subtype":"init""#) })
        begun.take(Array(lines[...start]))
        #expect(begun.machine.deadline == nil)
        begun.fail(Fault(.badGateway, "It died."))
        #expect(!begun.machine.isUnfit && begun.machine.rest == .spent)
    }

    // MARK: - A process that forgets another

    @Test("nothing is told before the old is forgotten, and no message before all else was taken", arguments: pieces)
    func rewound(pieces: Int) throws {
        let plan = try Self.other()
        let start = StartingPoint.rewound(try Self.memories().second)
        let portions = plan.script(from: start).portions.map { String(decoding: $0.rows.joined(), as: UTF8.self) }
        #expect(portions.count == 4)
        var run = TurnRun(plan, from: start)
        #expect(run.written == [portions[0]])
        #expect(portions[0].contains("rewind_conversation") && !portions[0].contains("Another."))
        try run.take(Fixture.bytes("rewound_turn.ndjson"), pieces: pieces)
        #expect(run.written == portions)
        #expect(run.events.first?.hasPrefix("started msg_rewound") == true)
        #expect(run.events.contains("text I am another.") && run.machine.rest == .idle)
        #expect(!run.isKilled && !run.machine.isUnfit)
    }

    @Test("each portion waits for its own sign", arguments: 0..<24)
    func signs(count: Int) throws {
        let lines = TurnRun.lines("rewound_turn.ndjson")
        #expect(lines.count == 24)
        var run = TurnRun(try Self.other(), from: .rewound(try Self.memories().second))
        run.take(Array(lines[..<count]))
        let isForgotten = count > 0
        let isSet = lines[..<count].contains { $0.contains(#""request_id":"p""#) }
        let isTaken = lines[..<count].contains { $0.contains(#""type":"result""#) }
        #expect(run.written.count == 1 + [isForgotten, isSet, isTaken].count { $0 })
    }

    @Test("a process that does not forget is unfit, and is told nothing")
    func notForgotten() throws {
        var run = TurnRun(try Self.other(), from: .rewound(try Self.memories().second))
        run.take(TurnRun.lines("rewind_refused.ndjson"))
        #expect(run.isKilled && run.machine.isUnfit && run.machine.rest == .spent && run.written.count == 1)
        #expect(run.events.count == 1 && run.events[0].contains("did not forget"))
    }

    @Test("it has as long again for each portion as for the first")
    func patience() throws {
        let lines = TurnRun.lines("rewound_turn.ndjson")
        var run = TurnRun(try Self.other(), from: .rewound(try Self.memories().second))
        let first = try #require(run.machine.deadline?.at)
        run.take(Array(lines[..<1]), after: 4_000)
        #expect(run.machine.deadline?.at == first + Milliseconds(4_000))
        // A sign of nothing does not count.
        run.take([#"{"type":"system","subtype":"status"}"#], after: 6_000)
        #expect(run.machine.deadline?.at == first + Milliseconds(4_000))
    }

    // MARK: - Tokens

    @Test("tokens are counted, and the process is not used again", arguments: pieces)
    func counts(pieces: Int) throws {
        var conversation = Harness.conversation("Count this.")
        conversation.tools = [Self.weather]
        var run = TurnRun(try TurnPlan(counting: conversation, model: "claude-sonnet-5-5"))
        try run.take(Fixture.bytes("count_tokens.ndjson"), pieces: pieces)
        #expect(run.machine.countedTokens == 10 && run.machine.isOver && run.events.isEmpty && !run.isKilled)
        #expect(run.written.count == 2 && run.written[1].contains("get_context_usage"))
        #expect(run.machine.rest == .spent && run.machine.spending.requests == TurnSpending().requests)
    }

    @Test("a count that the CLI refuses fails")
    func refusedCount() throws {
        var run = TurnRun(try TurnPlan(counting: Harness.conversation("Count this."), model: "claude-sonnet-5-5"))
        run.take(
            TurnRun.lines("count_tokens.ndjson").filter { !$0.contains(#""request_id":"u""#) } + [
                #"{"type":"control_response","response":{"subtype":"error","request_id":"u","error":"no such request"}}"#
            ])
        #expect(run.events.count == 1 && run.events[0].hasSuffix("| no such request"))
        #expect(run.isKilled && run.machine.countedTokens == nil && !run.machine.isUnfit)
    }
}

extension TurnMachine {
    /// How often limits were told.
    fileprivate var takeQuotaCount: Int { takeQuotas().count }
}
