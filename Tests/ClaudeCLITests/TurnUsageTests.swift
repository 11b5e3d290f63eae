import Testing
import Vocabulary

@testable import ClaudeCLI

/// What a turn has used must be known whenever somebody asks, however the turn ends.
@Suite("What a turn uses is counted at any time and however it ends")
struct TurnUsageTests {
    private static func meter(_ lines: [String], costBefore: Int? = 0) -> TurnUsage {
        var assembler = ReplyAssembler(limits: CLILimits(), costBefore: costBefore)
        for line in lines { feed(line, to: &assembler) }
        return assembler.used
    }

    private static func feed(_ line: String, to assembler: inout ReplyAssembler) {
        let bytes = Array(line.utf8)
        guard let event = try? CLIEventReader.read(bytes.span) else { return }
        _ = assembler.take(event, of: bytes.span, now: 0) { _ in }
    }

    private static func start(_ usage: String) -> String {
        #"{"type":"stream_event","event":{"type":"message_start","message":{"id":"m","model":"x","usage":\#(usage)}}}"#
    }
    private static let text =
        #"{"type":"stream_event","event":{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}}"#
    private static func delta(_ text: String) -> String {
        #"{"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\#(text)"}}}"#
    }
    private static let stop = #"{"type":"stream_event","event":{"type":"content_block_stop","index":0}}"#
    private static func end(_ reason: String, _ usage: String) -> String {
        #"{"type":"stream_event","event":{"type":"message_delta","delta":{"stop_reason":\#(reason)},"usage":\#(usage)}}"#
    }
    private static func result(_ cost: String) -> String {
        #"{"type":"result","subtype":"success","is_error":false,"num_turns":1,"total_cost_usd":\#(cost),"usage":{}}"#
    }
    private static let prompt =
        #"{"input_tokens":1000,"cache_read_input_tokens":30,"cache_creation_input_tokens":200,"output_tokens":1,"cache_creation":{"ephemeral_5m_input_tokens":150,"ephemeral_1h_input_tokens":50}}"#

    @Test("the prompt counts from the first line of the answer, with the cache split by its lifetimes")
    func prompt() {
        let used = Self.meter([Self.start(Self.prompt)])
        #expect(used.tokens.inputTokens == 1000 && used.tokens.cacheReadTokens == 30)
        #expect(used.tokens.cacheCreation5mTokens == 150 && used.tokens.cacheCreation1hTokens == 50)
        #expect(used.tokens.outputTokens == 1 && used.isEstimated && used.toldCost == nil)
    }

    @Test("an answer that is cut off counts a token for three bytes, and no less than was told", arguments: [1, 299, 300, 3000])
    func cutOff(bytes: Int) {
        let lines = [Self.start(Self.prompt), Self.text, Self.delta(String(repeating: "a", count: bytes))]
        let used = Self.meter(lines)
        #expect(used.tokens.outputTokens == max(1, (bytes + 2) / 3) && used.isEstimated)
        #expect(used.uncosted == used.tokens)
        #expect(Self.meter(lines + [Self.end("null", #"{"output_tokens":2000}"#)]).tokens.outputTokens == 2000)
        // The CLI's own end of a broken stream counts nothing.
        #expect(Self.meter(lines + [Self.end("null", #"{"output_tokens":0}"#)]).tokens.outputTokens == max(1, (bytes + 2) / 3))
    }

    @Test("what sub-agents use counts as it begins, and in the end by the CLI's sum over all models")
    func subagents() {
        let said = #"{"type":"assistant","parent_tool_use_id":"t","message":{"id":"n","model":"x","content":[{"type":"tool_use","id":"u","name":"Bash","input":{}}],"usage":{"input_tokens":40,"output_tokens":1}}}"#
        let lines = [Self.start(Self.prompt), Self.text, Self.delta("a"), Self.stop, Self.end(#""end_turn""#, #"{"output_tokens":7}"#)] + [said, said]
        let running = Self.meter(lines)
        #expect(running.tokens.inputTokens == 1040 && running.tokens.outputTokens > 7 && running.isEstimated)
        let sum = #"{"a":{"inputTokens":1030,"outputTokens":20,"cacheReadInputTokens":30,"cacheCreationInputTokens":200},"b":{"inputTokens":30,"outputTokens":1,"costUSD":1}}"#
        let own = #"{"input_tokens":1000,"output_tokens":7,"cache_read_input_tokens":30,"cache_creation_input_tokens":200}"#
        let result = #"{"type":"result","subtype":"success","is_error":false,"num_turns":1,"total_cost_usd":1,"usage":\#(own),"model_usage_since_last_result":\#(sum)}"#
        let whole = Self.meter(lines + [result])
        #expect(whole.tokens.inputTokens == 1060 && whole.tokens.outputTokens == 21 && !whole.isEstimated)
        #expect(whole.tokens.cacheReadTokens == 30 && whole.tokens.cacheCreationTokens == 200)
    }

    @Test("thinking that is not shown counts by the CLI's estimate while it goes on")
    func hiddenThinking() {
        let used = Self.meter([
            Self.start(Self.prompt),
            #"{"type":"system","subtype":"thinking_tokens","estimated_tokens":700,"estimated_tokens_delta":700}"#,
        ])
        #expect(used.tokens.outputTokens == 700 && used.isEstimated)
    }

    @Test("the newest count holds when the turn dies right behind it")
    func newestCount() {
        let used = Self.meter([
            Self.start(Self.prompt), Self.text, Self.delta("Hello."), Self.stop,
            Self.end(#""end_turn""#, #"{"output_tokens":77}"#),
        ])
        #expect(used.tokens.outputTokens == 77 && !used.isEstimated && used.uncosted == Usage())
    }

    @Test("an attempt that broke off and was made again is counted beside the answer, and not in the CLI's cost")
    func broken() {
        let torn = [
            Self.start(#"{"input_tokens":1000,"output_tokens":1}"#),
            #"{"type":"stream_event","event":{"type":"message_stop"},"abandoned_blocks":{"from_block_index":0}}"#,
        ]
        let used = Self.meter(
            torn + [
                Self.start(#"{"input_tokens":2000,"output_tokens":1}"#), Self.text, Self.delta("Hello."), Self.stop,
                Self.end(#""end_turn""#, #"{"output_tokens":10}"#), Self.result("0.0041"),
            ])
        #expect(used.tokens.inputTokens == 3000 && used.tokens.outputTokens == 11)
        #expect(used.uncosted.inputTokens == 1000 && used.uncosted.outputTokens == 1)
        #expect(used.toldCost == 4_100_000 && used.isEstimated && !used.isPending)
        // What breaks off is asked for again: of that request nothing is told yet.
        #expect(Self.meter(torn).isPending)
    }

    @Test("the cost of a turn is what the sum of its process has grown by")
    func kept() {
        let lines = [
            Self.start(#"{"input_tokens":2000,"output_tokens":1}"#), Self.text, Self.delta("Hello."), Self.stop,
            Self.end(#""end_turn""#, #"{"output_tokens":100}"#),
        ]
        #expect(Self.meter(lines + [Self.result("0.008")], costBefore: 3_000_000).toldCost == 5_000_000)
        #expect(Self.meter(lines + [Self.result("5.6000000000000006e-05")]).toldCost == 56_000)
        // A sum that shrinks, or of which the beginning is not known, tells nothing of this turn.
        #expect(Self.meter(lines + [Self.result("0.001")], costBefore: 3_000_000).toldCost == nil)
        #expect(Self.meter(lines + [Self.result("0.008")], costBefore: nil).toldCost == nil)
        #expect(Self.meter(lines + [Self.result("\"much\"")]).toldCost == nil)
    }

    @Test("a cost of a living process is told behind a call that the client is to answer")
    func deferred() throws {
        var conversation = Conversation(model: "sonnet")
        conversation.tools = [
            Tool(name: "weather", description: "Tells.", schema: JSONFragment(#"{"type":"object","properties":{}}"#))
        ]
        conversation.turns = [Turn(.user, [.text("Rome and Oslo?")])]
        let plan = try TurnPlan(answering: conversation, model: "claude-sonnet-5-5")
        var run = TurnRun(plan)
        #expect(run.machine.usage == TurnUsage())
        try run.take(Fixture.bytes("deferred_call.ndjson"), pieces: 100)
        let used = run.machine.usage
        #expect(used.tokens.inputTokens == 10 && used.tokens.outputTokens > 0 && !used.isEstimated && !used.isPending)
        #expect(used.toldCost == run.machine.processCost && used.toldCost ?? 0 > 0)
    }

    @Test("a request that was refused, or never made, is not waited for", arguments: ["e529_retries2", "e400", "e429_default"])
    func refused(name: String) {
        var assembler = ReplyAssembler(limits: CLILimits())
        assembler.noteRequest()
        #expect(assembler.used.isPending)
        for line in TurnRun.lines("\(name).ndjson") { Self.feed(line, to: &assembler) }
        #expect(assembler.isOver && !assembler.used.isPending && assembler.used.tokens == Usage())
    }

    @Test("attempts add up, and what one of them tells of its cost does not stand for another's")
    func sum() {
        var told = TurnUsage()
        told.tokens.inputTokens = 10
        told.toldCost = 5
        var untold = TurnUsage()
        untold.tokens.inputTokens = 7
        for (first, second) in [(told, untold), (untold, told)] {
            var sum = first
            sum.add(second)
            #expect(sum.tokens.inputTokens == 17 && sum.uncosted.inputTokens == 7 && sum.toldCost == 5)
        }
        var huge = Usage()
        huge.inputTokens = .max
        huge.add(huge)
        #expect(huge.inputTokens == .max && huge.promptTokens == .max)
    }
}
