import Dialects
import Ledger
import Platform
import TestSupport
import Testing
import Vocabulary

@testable import Gateway

/// What a client that names its conversation sends, and what the model then gets.
@Suite("A conversation that is stored goes on")
struct StoredConversationTests {
    private static let stored = [
        Turn(.user, [.text("one?")]), Turn(.assistant, [.text("One.")]),
        Turn(.user, [.text("two?")]), Turn(.assistant, [.text("Two.")]),
    ]

    private static let models = ModelCatalog(ModelSettings())

    private static func conversation(_ turns: [Turn] = stored, system: [JSONText] = ["Be brief."]) throws
        -> StoredConversation
    {
        var ground = StoredGround()
        ground.system = system
        return try StoredConversation([ground.bytes] + turns.map(StoredTurn.bytes))
    }

    /// The request of a dialect with these messages, by role and text.
    private static func decode(
        _ dialect: Dialect, _ messages: [(String, String)], stored: StoredConversation?, maxBytes: Int = 1 << 20,
        more: String = ""
    ) throws -> Conversation {
        let list = messages.map { #"{"role":"\#($0)","content":"\#($1)"}"# }.joined(separator: ",")
        let field = dialect == .responses ? "input" : "messages"
        let body = Array(#"{"model":"sonnet","max_tokens":9,"\#(field)":[\#(list)]\#(more)}"#.utf8)
        var context = RequestContext()
        context.history = ConversationJoin(id: "plans", stored: stored, maxBytes: maxBytes, bodyBytes: body.count, models: Self.models)
        return try dialect.decode(body, context: context)
    }

    private static func texts(_ turns: [Turn]) -> [String] {
        turns.flatMap(\.blocks).map { block in
            if case .text(let text) = block { text.string } else { "\(block)" }
        }
    }

    @Test("new messages come behind what is stored", arguments: Dialect.allCases)
    func new(dialect: Dialect) throws {
        let conversation = try Self.decode(dialect, [("user", "three?")], stored: try Self.conversation())
        #expect(Self.texts(conversation.turns) == ["one?", "One.", "two?", "Two.", "three?"])
        #expect(conversation.system == ["Be brief."])
        let named = try #require(conversation.named)
        #expect(named.state == .continued && named.keeping == 5)
        #expect(try named.pieces.map(StoredTurn.turn).map(\.blocks) == [[.text("three?")]])
    }

    @Test("several new messages too, as long as none is the assistant's", arguments: Dialect.allCases)
    func severalNew(dialect: Dialect) throws {
        let sent = [("user", "three?"), ("user", "or four?")]
        let conversation = try Self.decode(dialect, sent, stored: try Self.conversation())
        #expect(Self.texts(conversation.turns).suffix(3) == ["Two.", "three?", "or four?"])
        #expect(conversation.named?.state == .continued && conversation.named?.pieces.count == 2)
    }

    @Test("a history that holds all of it goes on as it is", arguments: Dialect.allCases)
    func whole(dialect: Dialect) throws {
        // White space round an answer and escapes are nothing that reaches the model as something else.
        let sent = [
            ("user", "one?"), ("assistant", "One.\\n"), ("user", "\\u0074wo?"), ("assistant", "Two."), ("user", "three?"),
        ]
        let conversation = try Self.decode(dialect, sent, stored: try Self.conversation(system: []))
        #expect(conversation.turns.count == 5)
        let named = try #require(conversation.named)
        #expect(named.state == .continued && named.keeping == 5 && named.pieces.count == 1)
    }

    @Test(
        "a history that is shorter or differs takes its place",
        arguments: Dialect.allCases,
        [
            [("user", "one?"), ("assistant", "One."), ("user", "again?")],
            [("user", "one?"), ("assistant", "1"), ("user", "two?"), ("assistant", "Two."), ("user", "three?")],
            [("user", "else?"), ("assistant", "Else."), ("user", "three?")],
        ])
    func reset(dialect: Dialect, sent: [(String, String)]) throws {
        let conversation = try Self.decode(dialect, sent, stored: try Self.conversation())
        #expect(Self.texts(conversation.turns) == sent.map(\.1) && conversation.system.isEmpty)
        let named = try #require(conversation.named)
        #expect(named.state == .reset && named.keeping == 0 && named.pieces.count == 1 + sent.count)
    }

    /// A call of the assistant's and its result, as each dialect writes them.
    private static func callAndResult(_ dialect: Dialect, _ id: String, result: String) -> String {
        switch dialect {
        case .anthropic, .agentRun:
            #"{"role":"assistant","content":[{"type":"tool_use","id":"\#(id)","name":"look","input":{}}]},"#
                + #"{"role":"user","content":[{"type":"tool_result","tool_use_id":"\#(id)","content":"\#(result)"}]}"#
        case .chatCompletions:
            #"{"role":"assistant","tool_calls":[{"id":"\#(id)","type":"function","function":{"name":"look","arguments":"{}"}}]},"#
                + #"{"role":"tool","tool_call_id":"\#(id)","content":"\#(result)"}"#
        case .responses:
            #"{"type":"function_call","call_id":"\#(id)","name":"look","arguments":"{}"},"#
                + #"{"type":"function_call_output","call_id":"\#(id)","output":"\#(result)"}"#
        }
    }

    private static func looked(_ id: String, _ result: String) -> [Turn] {
        [
            Turn(.assistant, [.text("I look."), .toolUse(id: JSONText(id), name: "look", input: JSONFragment("{}"))]),
            Turn(.user, [.toolResult(id: JSONText(id), content: [.text(JSONText(result))], isError: false)]),
        ]
    }

    private static func decode(_ dialect: Dialect, items: [String], stored: StoredConversation) throws -> Conversation {
        let field = dialect == .responses ? "input" : "messages"
        let body = Array(#"{"model":"sonnet","max_tokens":9,"\#(field)":[\#(items.joined(separator: ","))]}"#.utf8)
        var context = RequestContext()
        context.history = ConversationJoin(id: "plans", stored: stored, maxBytes: 1 << 20, bodyBytes: body.count, models: Self.models)
        return try dialect.decode(body, context: context)
    }

    @Test("a call that is sent again with its result goes on behind it", arguments: Dialect.allCases)
    func callAgain(dialect: Dialect) throws {
        let asked = Self.stored + [Turn(.user, [.text("three?")])] + [Self.looked("call_1", "x")[0]]
        let items = [Self.callAndResult(dialect, "call_1", result: "sunny")]
        let conversation = try Self.decode(dialect, items: items, stored: try Self.conversation(asked))
        #expect(conversation.turns.count == asked.count + 1 && conversation.turns[5].blocks == asked[5].blocks)
        #expect(conversation.turns[6].blocks == Self.looked("call_1", "sunny")[1].blocks)
        let named = try #require(conversation.named)
        #expect(named.state == .continued && named.keeping == 7 && named.pieces.count == 1)
    }

    @Test("so do all calls since the question, as long as their results are the ones that are stored", arguments: Dialect.allCases)
    func callsAgain(dialect: Dialect) throws {
        let asked = Self.stored + [Turn(.user, [.text("three?")])] + Self.looked("call_1", "sunny") + [Self.looked("call_2", "x")[0]]
        let (first, second) = (
            Self.callAndResult(dialect, "call_1", result: "sunny"), Self.callAndResult(dialect, "call_2", result: "warm")
        )
        let stored = try Self.conversation(asked)
        let named = try #require(try Self.decode(dialect, items: [first, second], stored: stored).named)
        #expect(named.state == .continued && named.keeping == 9 && named.pieces.count == 1)
        let other = Self.callAndResult(dialect, "call_1", result: "rainy")
        #expect(try Self.decode(dialect, items: [other, second], stored: stored).named?.state == .reset)
    }

    @Test("a call that nobody has stored takes the place of all", arguments: Dialect.allCases)
    func foreignCall(dialect: Dialect) throws {
        let asked = Self.stored + [Turn(.user, [.text("three?")])] + [Self.looked("call_1", "x")[0]]
        let items = [Self.callAndResult(dialect, "call_9", result: "sunny")]
        let conversation = try Self.decode(dialect, items: items, stored: try Self.conversation(asked))
        let named = try #require(conversation.named)
        #expect(named.state == .reset && named.keeping == 0 && named.pieces.count == 1 + 2)
    }

    @Test("a question that has no answer is stored once, however often it is asked", arguments: Dialect.allCases)
    func questionAgain(dialect: Dialect) throws {
        let stored = try Self.conversation(Self.stored + [Turn(.user, [.text("three?")])])
        let same = try Self.decode(dialect, [("user", "three?")], stored: stored)
        #expect(Self.texts(same.turns) == ["one?", "One.", "two?", "Two.", "three?"])
        #expect(same.named?.keeping == 6 && same.named?.pieces == [])
        let other = try Self.decode(dialect, [("user", "four?")], stored: stored)
        #expect(Self.texts(other.turns).suffix(2) == ["three?", "four?"] && other.named?.pieces.count == 1)
        // One that has its answer may be asked again.
        let answered = try Self.decode(dialect, [("user", "two?")], stored: try Self.conversation())
        #expect(answered.turns.count == 5 && answered.named?.pieces.count == 1)
    }

    @Test("who says what is no detail", arguments: Dialect.allCases)
    func roles(dialect: Dialect) throws {
        let stored = try Self.conversation([
            Turn(.user, [.text("one?")]), Turn(.assistant, [.text("One.")]), Turn(.system, [.text("Hm.")]),
            Turn(.assistant, [.text("Two.")]),
        ])
        let sent = [("user", "one?"), ("assistant", "One."), ("user", "Hm."), ("assistant", "Two."), ("user", "x")]
        #expect(try Self.decode(dialect, sent, stored: stored).named?.state == .reset)
    }

    @Test("a new system prompt replaces the one that is stored", arguments: Dialect.allCases)
    func system(dialect: Dialect) throws {
        let sent = [("system", "Be long."), ("user", "three?")]
        let conversation = try Self.decode(dialect, sent, stored: try Self.conversation())
        #expect(conversation.system == ["Be long."] && conversation.turns.count == 5)
        let named = try #require(conversation.named)
        #expect(named.state == .continued && named.keeping == 0 && named.pieces.count == 6)
        #expect(try StoredGround(named.pieces[0]).system == ["Be long."])
    }

    @Test("the first request begins it", arguments: Dialect.allCases)
    func begins(dialect: Dialect) throws {
        let conversation = try Self.decode(dialect, [("system", "S"), ("user", "one?")], stored: nil)
        let named = try #require(conversation.named)
        #expect(named.id == "plans" && named.state == .begun && named.pieces.count == 2)
        #expect(try StoredConversation(named.pieces).ground.system == ["S"])
    }

    @Test("it may be as long as a request, and no longer", arguments: Dialect.allCases)
    func bounded(dialect: Dialect) throws {
        let stored = try Self.conversation()
        let refusal = try #require(throws: Refusal.self) {
            try Self.decode(dialect, [("user", "three?")], stored: stored, maxBytes: stored.byteCount)
        }
        #expect(refusal.kind == .invalidRequest && refusal.message.contains("too large"))
    }

    @Test("messages without content are nothing that could differ", arguments: Dialect.allCases)
    func blank(dialect: Dialect) throws {
        let sent = [
            ("user", "one?"), ("assistant", ""), ("assistant", "One."), ("user", "two?"), ("assistant", "Two."),
            ("user", "three?"),
        ]
        #expect(try Self.decode(dialect, sent, stored: try Self.conversation()).named?.state == .continued)
    }

    @Test("of two conversations in one request none is taken, and a response is no conversation")
    func names() throws {
        func name(_ body: String, field: String? = nil, _ dialect: Dialect = .responses) throws -> ConversationName? {
            let draft = try RequestDraft(Array(body.utf8), dialect: dialect, limits: JSONLimits())
            return try ConversationName(of: draft, field: field, models: Self.models, isKeeping: true)
        }
        #expect(try name("{}") == nil)
        #expect(try name(#"{"conversation":"a"}"#)?.id == "a")
        #expect(try name(#"{"conversation":{"id":"a"}}"#, field: "a")?.id == "a")
        #expect(try name(#"{"conversation":"a"}"#, .chatCompletions) == nil)
        let behind = try #require(try name(#"{"model":"sonnet:a b"}"#, .anthropic))
        #expect(behind.id == "a b" && behind.model == "sonnet")
        for (body, field) in [
            (#"{"conversation":"a"}"#, "b"), (#"{"model":"sonnet:a"}"#, "b"), (#"{"conversation":" a"}"#, nil),
            (#"{"conversation":""}"#, nil), (#"{"conversation":"ä"}"#, nil), (#"{"conversation":7}"#, nil),
            (#"{"conversation":"a","previous_response_id":"resp_1"}"#, nil), (#"{"previous_response_id":"resp_1"}"#, "a"),
        ] {
            #expect(throws: Refusal.self, "\(body)") { try name(body, field: field) }
        }
    }

    // MARK: - Turns

    private static let asks = (Ask.all(streams: true) + Ask.all(streams: false)).map { ask in
        var ask = ask
        ask.fields = ["x-conversation-id: plans"]
        return ask
    }

    private static func pieces(_ ledger: Ledger) async throws -> [[UInt8]] {
        let reader = Reader(owner: KeyID(named: "first").text, notBefore: 0)
        let found = try await withCheckedThrowingContinuation { continuation in
            ledger.conversations.load("plans", for: reader, maxBytes: 1 << 20) { continuation.resume(with: $0) }
        }
        guard case .found(_, let pieces) = found else { return [] }
        return pieces
    }

    @Test("what was asked and answered is stored before the answer ends", arguments: asks)
    func kept(ask: Ask) async throws {
        let scratch = try Scratch()
        let ledger = try Ledger(path: scratch.path(of: "ledger.sqlite"))
        for state in ["begun", "continued"] {
            let seen = try await Scene.play(ask, ledger: ledger) { $0.turns = [try .recorded("text_stream")] }
            #expect(seen.status == 200 && seen.end == (ask.body.contains("true") ? .finished : .whole))
            #expect(seen.fields["x-conversation-id"] == "plans")
            #expect(seen.fields["x-portcullis-conversation"] == state)
        }
        let stored = try StoredConversation(try await Self.pieces(ledger))
        let answer = "Hello from the loopback upstream."
        #expect(Self.texts(stored.turns) == ["Hi", answer, "Hi", answer])
        ledger.close()
    }

    @Test("what failed is not", arguments: asks)
    func failed(ask: Ask) async throws {
        let scratch = try Scratch()
        let ledger = try Ledger(path: scratch.path(of: "ledger.sqlite"))
        _ = try await Scene.play(ask, ledger: ledger) { $0.turns = [try .recorded("e529_retries2")] }
        let cut = #""text":"loopback "#
        _ = try await Scene.play(ask, ledger: ledger) { $0.turns = [try .recorded("text_stream", before: cut).0] }
        _ = try await Scene.play(ask, ledger: ledger) { scene in
            let (beginning, _) = try [RecordedTurn.Step].recorded("text_stream", before: cut)
            scene.turns = [beginning + [.meanwhile { scene.channel.isClientGone = true }]]
        }
        #expect(try await Self.pieces(ledger).isEmpty)
        ledger.close()
    }

    @Test("an answer that cannot be stored has no good end", arguments: asks)
    func unkept(ask: Ask) async throws {
        let scratch = try Scratch()
        let ledger = try Ledger(path: scratch.path(of: "ledger.sqlite"))
        let seen = try await Scene.play(ask, ledger: ledger) { scene in
            scene.turns = [[.meanwhile { ledger.close() }] + (try .recorded("text_stream"))]
        }
        #expect(seen.body.contains("Conversations cannot be reached"))
        #expect(!seen.body.contains("message_stop") && !seen.body.contains("[DONE]"))
        #expect(!seen.body.contains("response.completed"))
        #expect(ask.body.contains("true") || seen.status == 503)
    }

    @Test("nobody else is let into a conversation until the one before has left")
    func queue() throws {
        let queue = ConversationQueue()
        let loop = try #require(TestService.nextLoop())
        func enter(_ id: String, _ owner: String = "a") -> ConversationQueue.Place? {
            queue.enter(id, of: owner, waking: RemoteWakeup(Wakeup(), on: loop))
        }
        let places = (0...ConversationQueue.maxWaiting).compactMap { _ in enter("x") }
        #expect(places.count == ConversationQueue.maxWaiting + 1 && enter("x") == nil)
        #expect(places.map(\.isFirst) == [true] + Array(repeating: false, count: ConversationQueue.maxWaiting))
        #expect(enter("y")?.isFirst == true && enter("x", "b")?.isFirst == true)
        places[1].leave()
        places[0].leave()
        places[0].leave()
        #expect(!places[1].isFirst && places[2].isFirst)
        for place in places { place.leave() }
        #expect(enter("x")?.isFirst == true)
    }
    @Test("what waits is bounded by its bytes, but for one alone")
    func queuedBytes() throws {
        let queue = ConversationQueue()
        let loop = try #require(TestService.nextLoop())
        func enter(_ id: String, _ bytes: Int) -> ConversationQueue.Place? {
            queue.enter(id, of: "a", bytes: bytes, waking: RemoteWakeup(Wakeup(), on: loop))
        }
        let most = ConversationQueue.maxWaitingBytes
        let firsts = [enter("x", most * 2), enter("y", most * 2), enter("z", 1)]
        #expect(firsts.allSatisfy { $0?.isFirst == true })
        let large = try #require(enter("x", most + 1))
        #expect(enter("x", 1) == nil && enter("y", 1) == nil && enter("new", most)?.isFirst == true)
        large.leave()
        let half = try #require(enter("x", most / 2))
        let other = try #require(enter("y", most / 2))
        #expect(enter("z", 1) == nil)
        // One that has its turn still holds its body, until a permit bounds it.
        firsts[0]?.leave()
        #expect(half.isFirst && enter("z", 1) == nil)
        half.leave()
        #expect(enter("z", 1) != nil)
        other.leave()
    }
}
