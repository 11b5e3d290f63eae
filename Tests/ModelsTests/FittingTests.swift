import Dialects
import Models
import Testing
import Vocabulary

@Suite("A request of OpenAI's dialects and what its model takes")
struct FittingTests {
    private static let tool = #""tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required""#

    private func decode(_ members: String, dialect: Dialect = .chatCompletions) throws -> Conversation {
        let messages = #""messages":[{"role":"user","content":"q"}]"#
        let question = dialect == .responses ? #""input":"q""# : messages
        let body = #"{"model":"m",\#(question)\#(members.isEmpty ? "" : ",")\#(members)}"#
        return try dialect.decode(Array(body.utf8))
    }

    private func fitted(_ model: String, _ members: String) throws -> Conversation {
        var conversation = try decode(members)
        conversation.fit(ModelTraits.of(model))
        return conversation
    }

    // MARK: - Sampling

    @Test("sampling that a model refuses is left out and named, but for the values that hold anyway")
    func fixedSampling() throws {
        for model in ["claude-opus-4-7", "claude-sonnet-5", "sonnet", "opus", "fable", "claude-opus-9"] {
            let asked = try fitted(model, #""temperature":0.2,"top_p":0.9"#)
            #expect(asked.sampling == Sampling())
            #expect(asked.ignored == ["temperature", "top_p"])
            #expect(try fitted(model, #""temperature":1.0,"top_p":1"#).ignored.isEmpty)
            #expect(try fitted(model, #""temperature":1.0"#).sampling == Sampling())
        }
    }

    @Test("haiku-5-5 takes one value of top_p")
    func haiku() throws {
        #expect(try fitted("haiku", #""top_p":0.99"#).sampling.topP != nil)
        #expect(try fitted("haiku", #""top_p":0.98"#).ignored == ["top_p"])
    }

    @Test("of temperature and top_p the temperature stays for models that take one of the two")
    func oneOfTwo() throws {
        let both = try fitted("claude-sonnet-4-5", #""temperature":0.2,"top_p":0.9"#)
        #expect(both.sampling.temperature != nil && both.sampling.topP == nil)
        #expect(both.ignored == ["top_p"])
        #expect(try fitted("claude-opus-4-6", #""top_p":0.9"#).sampling.topP != nil)
        let older = try fitted("claude-3-5-haiku", #""temperature":0.2,"top_p":0.9"#)
        #expect(older.sampling.temperature != nil && older.sampling.topP != nil)
    }

    @Test("beside thinking sampling gives way where the model takes it otherwise")
    func besideThinking() throws {
        let asked = try fitted("claude-opus-4-6", #""reasoning_effort":"low","temperature":0.5,"top_p":0.9"#)
        #expect(asked.thinking == .adaptive && asked.thinkingDisplay == .summarized)
        #expect(asked.ignored == ["temperature", "top_p"])
        let allowed = try fitted("claude-opus-4-6", #""reasoning_effort":"low","top_p":0.95"#)
        #expect(allowed.sampling.topP != nil && allowed.ignored.isEmpty)
    }

    @Test("a limit beyond the model's own is the model's own")
    func limits() throws {
        #expect(try fitted("claude-haiku-4-5", #""max_tokens":70000"#).sampling.maxTokens == 64_000)
        #expect(try fitted("claude-haiku-4-5", #""max_tokens":70000"#).ignored == ["max_tokens"])
        #expect(
            try fitted("claude-haiku-4-5", #""max_completion_tokens":70000"#).ignored == ["max_completion_tokens"])
        #expect(try fitted("sonnet", #""max_tokens":128000"#).ignored.isEmpty)
    }

    // MARK: - Thinking

    @Test(
        "a model does not think unless it is asked to",
        arguments: [
            ("claude-opus-4-8", Thinking?.none, Effort?.none), ("claude-sonnet-5", .disabled, nil),
            ("haiku", .disabled, nil), ("sonnet", .betweenTools, nil), ("opus", nil, .low), ("fable", nil, .low),
        ])
    func unasked(model: String, word: Thinking?, effort: Effort?) throws {
        let silent = try fitted(model, "")
        #expect(silent.thinking == word && silent.effort == effort && silent.ignored.isEmpty)
        #expect(silent.thinkingShown == .hidden)
        let refused = try fitted(model, #""reasoning_effort":"none""#)
        #expect(refused.thinking == word && refused.effort == effort)
        #expect(refused.ignored == (effort == nil ? [] : ["reasoning_effort"]))
    }

    @Test("what is said between two calls is shown as text where it comes as thinking")
    func notes() throws {
        let tools = #""tools":[{"type":"function","function":{"name":"f"}}]"#
        let sonnet = try fitted("sonnet", tools)
        #expect(sonnet.thinking == .betweenTools && sonnet.thinkingShown == .asText)
        let opus = try fitted("opus", tools)
        #expect(opus.thinking == .adaptive && opus.thinkingDisplay == .updates && opus.thinkingShown == .asText)
        #expect(try fitted("haiku", tools).thinkingShown == .hidden)
        #expect(try fitted("sonnet", tools + #","reasoning_effort":"low""#).thinkingShown == .asThinking)
    }

    @Test("an effort is lowered to one that the model knows, and named")
    func efforts() throws {
        #expect(try fitted("sonnet", #""reasoning_effort":"max""#).effort == .max)
        #expect(try fitted("claude-opus-4-6", #""reasoning_effort":"xhigh""#).effort == .high)
        #expect(try fitted("claude-opus-4-6", #""reasoning_effort":"xhigh""#).ignored == ["reasoning_effort"])
        #expect(try fitted("claude-opus-4-5", #""reasoning_effort":"max""#).effort == .high)
        #expect(try fitted("claude-3-5-haiku", #""reasoning_effort":"high""#).ignored == ["reasoning_effort"])
    }

    @Test("older models think with a budget that says the effort")
    func budgets() throws {
        let low = try fitted("claude-haiku-4-5", #""reasoning_effort":"low""#)
        #expect(low.thinking == .enabled(budgetTokens: 4096) && low.effort == nil && low.ignored.isEmpty)
        #expect(
            try fitted("claude-haiku-4-5", #""reasoning_effort":"max","max_tokens":30000"#).thinking
                == .enabled(budgetTokens: 15_000))
        let small = try fitted("claude-haiku-4-5", #""reasoning_effort":"low","max_tokens":1000"#)
        #expect(small.thinking == nil && small.ignored == ["reasoning_effort"])
    }

    @Test("a budget is the effort next to it for models that take none")
    func budgetAsEffort() throws {
        let body = #""max_tokens":40000,"thinking":{"type":"enabled","budget_tokens":10000}"#
        let older = try fitted("claude-sonnet-4-5", body)
        #expect(older.thinking == .enabled(budgetTokens: 10_000) && older.ignored.isEmpty)
        let newer = try fitted("sonnet", body)
        #expect(newer.thinking == .adaptive && newer.effort == .medium)
        #expect(newer.ignored == ["thinking.budget_tokens"])
        let router = try fitted("opus", #""reasoning":{"max_tokens":2000}"#)
        #expect(router.thinking == .adaptive && router.effort == .low)
        #expect(router.ignored == ["reasoning.max_tokens"])
    }

    @Test("models that think with a budget do not think on behind a call whose thinking is lost")
    func resumed() throws {
        func thinking(_ model: String, _ blocks: [Block]) -> Thinking? {
            var conversation = Conversation(model: "m")
            conversation.thinking = .adaptive
            conversation.turns = [
                Turn(.user, [.text("q")]),
                Turn(.assistant, blocks + [.toolUse(id: "a", name: "f", input: JSONFragment("{}"))]),
                Turn(.user, [.toolResult(id: "a", content: [], isError: false)]),
            ]
            conversation.fit(ModelTraits.of(model))
            return conversation.thinking
        }
        #expect(thinking("claude-haiku-4-5", []) == nil)
        #expect(thinking("claude-haiku-4-5", [.thinking("t", signature: "s")]) == .enabled(budgetTokens: 16_000))
        #expect(thinking("sonnet", []) == .adaptive)
    }

    @Test("a word of the user's behind the results changes nothing about that")
    func resumedWithAWord() {
        var conversation = Conversation(model: "m")
        conversation.thinking = .adaptive
        conversation.turns = [
            Turn(.user, [.text("q")]), Turn(.assistant, [.toolUse(id: "a", name: "f", input: JSONFragment("{}"))]),
            Turn(.user, [.toolResult(id: "a", content: [], isError: false)]), Turn(.user, [.text("and?")]),
        ]
        conversation.fit(ModelTraits.of("claude-haiku-4-5"))
        #expect(conversation.thinking == nil)
    }

    @Test("the operator's default gives way to what the model takes otherwise")
    func byDefault() throws {
        func thinks(_ model: String, _ members: String, _ dialect: Dialect = .chatCompletions) throws -> Bool {
            var conversation = try decode(members + (members.isEmpty ? "" : ",") + #""max_tokens":9"#, dialect: dialect)
            conversation.thinkByDefault(ModelTraits.of(model))
            return conversation.thinking == .adaptive
        }
        #expect(try thinks("claude-opus-4-6", ""))
        #expect(try thinks("claude-opus-4-6", "", .anthropic))
        #expect(try !thinks("claude-opus-4-6", #""temperature":0"#))
        #expect(try !thinks("claude-opus-4-6", #""top_k":5"#, .anthropic))
        #expect(try thinks("sonnet", #""temperature":0"#))
        #expect(try !thinks("sonnet", #""reasoning_effort":"none""#))
        #expect(try !thinks("haiku", Self.tool))
    }

    @Test("a budget leaves room for the answer, also where a limit is lowered or is the CLI's own")
    func room() throws {
        func budget(_ model: String, _ members: String) throws -> Thinking? { try fitted(model, members).thinking }
        let large = #""thinking":{"type":"enabled","budget_tokens":80000}"#
        #expect(try budget("claude-haiku-4-5", large) == .enabled(budgetTokens: 16_000))
        #expect(try budget("claude-haiku-4-5", large + #","max_tokens":100000"#) == .enabled(budgetTokens: 32_000))
        #expect(
            try budget("claude-opus-4-1", #""reasoning_effort":"max","max_tokens":64000"#) == .enabled(budgetTokens: 16_000))
    }

    @Test("an effort beside a budget of the client's own is named where the model knows none")
    func effortBesideBudget() throws {
        let both = try fitted(
            "claude-sonnet-4-5", #""reasoning_effort":"high","thinking":{"type":"enabled","budget_tokens":2000}"#)
        #expect(both.thinking == .enabled(budgetTokens: 2000) && both.effort == nil)
        #expect(both.ignored == ["reasoning_effort"])
    }

    @Test("with tools of registered servers alone notes are text too")
    func servers() throws {
        var conversation = try decode("")
        conversation.fit(ModelTraits.of("opus"), hasServers: true)
        #expect(conversation.thinkingShown == .asText && conversation.thinkingDisplay == .updates)
    }

    // MARK: - Forced calls

    @Test("a forced call wins over thinking where the vendor refuses both together, and is demanded where it refuses it")
    func forced() throws {
        func result(_ model: String) throws -> (Bool, Thinking?, [String]) {
            var conversation = try decode(#""reasoning_effort":"low",\#(Self.tool)"#)
            let traits = ModelTraits.of(model)
            conversation.fit(traits)
            return (conversation.needsDemand(traits), conversation.thinking, conversation.ignored)
        }
        #expect(try result("claude-haiku-4-5") == (false, nil, ["reasoning_effort"]))
        #expect(try result("haiku") == (false, .disabled, ["reasoning_effort"]))
        #expect(try result("claude-opus-4-8") == (false, .adaptive, []))
        #expect(try result("sonnet") == (true, .adaptive, []))
    }

    // MARK: - Replayed thinking

    @Test("thinking that comes back is left out, or dropped by the vendor for who asks to be told")
    func replayed() {
        func settled(
            _ model: String, _ thinking: Thinking?, _ binding: BlockBinding? = nil, isTold: Bool = false
        ) -> Conversation {
            var conversation = Conversation(model: "m")
            conversation.thinking = thinking
            conversation.blockBinding = binding
            conversation.wantsTransformations = isTold
            conversation.turns = [
                Turn(.user, [.text("q")]), Turn(.assistant, [.thinking("t", signature: "s"), .text("a")]),
                Turn(.user, [.text("r")]),
            ]
            conversation.settleReplayedThinking(ModelTraits.of(model))
            return conversation
        }
        for thinking in [nil, Thinking.adaptive, .betweenTools] {
            let silent = settled("sonnet", thinking)
            #expect(silent.turns[1].blocks == [.text("a")])
            #expect(silent.blockBinding == nil && silent.thinking == thinking && silent.ignored.isEmpty)
        }
        let told = settled("opus", nil, isTold: true)
        #expect(told.blockBinding == .dropBlock && told.thinking == .adaptive && told.turns[1].blocks.count == 2)
        let unable = settled("sonnet", .betweenTools, isTold: true)
        #expect(unable.turns[1].blocks == [.text("a")] && unable.ignored == ["messages.thinking"])
        #expect(settled("haiku", .disabled).turns[1].blocks == [.text("a")])
        #expect(settled("claude-opus-5", .disabled).turns[1].blocks.count == 2)
        #expect(settled("claude-opus-5", .adaptive).blockBinding == nil)
        let strict = settled("sonnet", .adaptive, .error, isTold: true)
        #expect(strict.ignored == ["thinking.block_binding.prefix_mismatch_behavior"])
        #expect(strict.blockBinding == .dropBlock)
    }
}
