import ClaudeCLI
import Platform
import Vocabulary

/// The part of a self-test in which one process serves four turns: a question, another, the result of a tool, and
/// another conversation.
///
/// What counts is what reached the upstream: everything that was said, and of a conversation that is over nothing.
struct LivingTrial {
    /// What a trial shows.
    struct Outcome {
        /// For each feature that it says something about, whether it works.
        var findings: [CLIFeature: Bool] = [:]
        /// False when time ran out.
        var isComplete = true
    }

    private var outcome = Outcome()
    private let bench: SelfTestBench
    private let limit: Instant
    private let supply: CLISupply
    private let program: ProgramFile
    private let store = ProcessStore()
    private let token: String
    private let owner = ProcessOwner(identity: Array("self-test".utf8))

    /// What it is meant to show.
    static let features: [CLIFeature] = [.continues, .answersCalls, .rewinds]

    /// By its full name: by some of its own the CLI does not know what it runs.
    private static let model = "claude-haiku-4-5"
    private static let firstWord = "first-conversation"
    private static let firstTool = Tool(
        name: "lookup", description: "Looks a key up in the first-conversation.",
        schema: JSONFragment("{\"type\":\"object\",\"properties\":{\"key\":{\"type\":\"string\"}}}"))
    private static let secondTool = Tool(
        name: "send", description: "Sends it.", schema: JSONFragment("{\"type\":\"object\",\"properties\":{}}"))

    /// Tries the CLI of a bench; what has not come by `limit` is missing.
    static func run(_ bench: SelfTestBench, until limit: Instant) async -> Outcome {
        guard let program = ProgramFile(path: bench.path) else { return Outcome(isComplete: false) }
        var trial = LivingTrial(bench, limit, program)
        await trial.run()
        await trial.end()
        return trial.outcome
    }

    private init(_ bench: SelfTestBench, _ limit: Instant, _ program: ProgramFile) {
        self.bench = bench
        self.limit = limit
        self.program = program
        let (token, url) = bench.upstream.open(reply: [])
        self.token = token
        // The login is made up: no credential of the operator's has any business here.
        var profile = LaunchProfile(
            path: bench.path,
            operatorEnvironment: ["ANTHROPIC_BASE_URL=\(url)", "CLAUDE_CODE_OAUTH_TOKEN=selftest-\(token)"],
            loginDirectory: "/nonexistent")
        profile.walls = bench.walls
        supply = CLISupply(profile, limits: bench.limits.turn, directories: bench.directories)
        var limits = ProcessStore.Limits()
        (limits.idle, limits.idlePerOwner) = (1, 1)
        store.change(limits)
    }

    // MARK: - The four turns

    private mutating func run() async {
        var turns = [Turn(.user, [.text("A question of the first-conversation.")])]
        guard await ask(first(turns), replying: Self.answer(1), from: 0, to: 1) != nil else { return }
        turns += [Turn(.assistant, [.text("Answer 1.")]), Turn(.user, [.text("More of the first-conversation.")])]
        let call = UpstreamReply.calls([("toolu_1", "lookup", "{\"key\":\"a\"}")], id: "msg_2")
        let second = await ask(first(turns), replying: call, from: 1, to: 2)
        outcome.findings[.continues] = second?.isKept == true && holds(second, Self.withAnswer)
        guard second != nil else { return }
        turns += [
            Turn(.assistant, [.toolUse(id: "toolu_1", name: "lookup", input: JSONFragment("{\"key\":\"a\"}"))]),
            Turn(.user, [.toolResult(id: "toolu_1", content: [.text("found in the first-conversation")], isError: false)]),
        ]
        let third = await ask(first(turns), replying: Self.answer(3), from: 2, to: 3)
        outcome.findings[.answersCalls] = third?.isKept == true && holds(third, Self.withResult)
        guard third != nil else { return }
        let fourth = await ask(other, replying: Self.answer(4), from: 9, to: 4)
        outcome.findings[.rewinds] = fourth?.isKept == true && holds(fourth, Self.rewound) && isClean(fourth)
    }

    private func first(_ turns: [Turn]) -> Conversation {
        var conversation = Conversation(model: Self.model)
        conversation.system = ["The system prompt of the first-conversation."]
        conversation.tools = [Self.firstTool]
        conversation.sampling.maxTokens = 1111
        conversation.turns = turns
        return conversation
    }

    private var other: Conversation {
        var conversation = Conversation(model: Self.model)
        conversation.system = ["Another system prompt."]
        conversation.tools = [Self.secondTool]
        conversation.turns = [Turn(.user, [.text("Who are you?")])]
        return conversation
    }

    private static func answer(_ number: Int) -> [UInt8] {
        UpstreamReply.text("Answer \(number).", reason: .endTurn, id: "msg_\(number)")
    }

    // MARK: - One turn

    private struct Asked {
        /// True where the process had served before.
        let isKept: Bool
        /// What reached the upstream in this turn.
        let body: [UInt8]
    }

    /// Runs a turn in the process that holds `held`, which afterwards holds `holds`; nil when it came to nothing.
    private mutating func ask(
        _ conversation: Conversation, replying reply: [UInt8], from held: UInt8, to holds: UInt8
    ) async -> Asked? {
        bench.upstream.change(reply: reply, of: token)
        let before = bench.upstream.traffic(of: token).questions.count
        guard let plan = try? TurnPlan(answering: conversation, model: Self.model) else { return nil }
        let needs = TurnNeeds(
            plan, of: owner, holding: ConversationPrint(digest: [held]), from: supply, program: program, features: .all)
        guard let home = needs.home,
            let session = try? await store.session(for: needs, on: bench.loop, waking: bench.wakeup)
        else { return nil }
        let isWhole = await run(session)
        let place = isWhole ? ProcessStore.Place(of: home, holding: ConversationPrint(digest: [holds])) : nil
        // A single question may be forgotten at once, which the last of them is to try.
        await store.finish(session, at: place, isSingle: true, now: bench.loop.now)
        let questions = bench.upstream.traffic(of: token).questions
        // One request for each turn, here too.
        guard isWhole, questions.count == before + 1 else { return nil }
        let isKept = session.origin == .kept || session.origin == .rewound
        return questions.last.map { Asked(isKept: isKept, body: $0) }
    }

    /// True when the answer came whole.
    private mutating func run(_ session: CLISession) async -> Bool {
        let alarm = Alarm(on: bench.loop, waking: bench.wakeup)
        alarm.deadline = limit
        defer { alarm.cancel() }
        var isWhole = false
        while true {
            let step = session.poll { event, _ in
                if case .finished = event { isWhole = true }
            }
            if step == .ended { return isWhole }
            if alarm.isDue {
                outcome.isComplete = false
                return false
            }
            if step == .quiet { await bench.wakeup.wait() }
        }
    }

    /// Waits until no process is left.
    private func end() async {
        store.end()
        let keeper = try? ProcessKeeper(store, on: bench.loop, source: { nil }, log: { _ in })
        await keeper?.run()
    }

    // MARK: - What it shows

    private func holds(_ asked: Asked?, _ messages: JSONFragment) -> Bool {
        guard let asked, let root = try? JSONDocument(parsing: asked.body).root else { return false }
        return UpstreamRequest(root).messagesHold(messages)
    }

    /// True when nothing of the first conversation is in a request.
    private func isClean(_ asked: Asked?) -> Bool {
        guard let asked, let root = try? JSONDocument(parsing: asked.body).root else { return false }
        let tools = root["tools"]?.elements.compactMap { $0["name"]?.text?.string } ?? []
        let text = String(decoding: asked.body, as: UTF8.self)
        return tools == ["send"] && !text.contains(Self.firstWord) && !text.contains("1111")
            && UpstreamRequest(root).systemTexts.contains("Another system prompt.")
    }

    private static let withAnswer = JSONFragment(
        """
        [{"role":"user","content":[{"type":"text","text":"A question of the first-conversation."}]},\
        {"role":"assistant","content":[{"type":"text","text":"Answer 1."}]},\
        {"role":"user","content":[{"type":"text","text":"More of the first-conversation."}]}]
        """)

    private static let withResult = JSONFragment(
        """
        [{"role":"user","content":[{"type":"text","text":"A question of the first-conversation."}]},\
        {"role":"assistant","content":[{"type":"text","text":"Answer 1."}]},\
        {"role":"user","content":[{"type":"text","text":"More of the first-conversation."}]},\
        {"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"lookup","input":{"key":"a"}}]},\
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1",\
        "content":[{"type":"text","text":"found in the first-conversation"}]}]}]
        """)

    private static let rewound = JSONFragment(
        """
        [{"role":"user","content":[{"type":"text","text":"Who are you?"}]}]
        """)
}
