import Testing
import Vocabulary

@testable import ClaudeCLI

/// What the CLI prints of its own tools and of sub-agents comes to one reply, in an order that a client can follow.
@Suite("The CLI's own tools and sub-agents in the order of a reply")
struct SubagentTests {
    private static func run(turns: Int = 50) -> AgentRun {
        var run = AgentRun(in: Workspace(name: "w", directory: "/w", tools: [.agent, .bash]))
        run.maxTurns = turns
        return run
    }

    /// What lines come to, and whether the process must die.
    private static func trace(_ lines: [String], agent: AgentRun? = run()) -> [String] {
        var assembler = ReplyAssembler(limits: CLILimits(), agent: agent)
        var said: [String] = []
        for line in lines {
            let bytes = Array(line.utf8)
            guard let event = try? CLIEventReader.read(bytes.span) else {
                said.append("(garbage)")
                continue
            }
            if assembler.take(event, of: bytes.span, now: 0, emit: { said.append(CLITrace.describe($0, bytes.span)) }) == .kill {
                said.append("(kill)")
            }
        }
        return said.filter { !$0.hasPrefix("started") }
    }

    private static let start =
        #"{"type":"stream_event","event":{"type":"message_start","message":{"id":"m","model":"x","usage":{}}}}"#
    private static func call(_ index: Int, _ id: String, _ name: String = "Bash") -> [String] {
        [
            #"{"type":"stream_event","event":{"type":"content_block_start","index":\#(index),"content_block":{"type":"tool_use","id":"\#(id)","name":"\#(name)"}}}"#,
            #"{"type":"stream_event","event":{"type":"content_block_stop","index":\#(index)}}"#,
        ]
    }
    private static let end =
        #"{"type":"stream_event","event":{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":1}}}"#
    private static func result(_ id: String, of parent: String = "null") -> String {
        #"{"type":"user","parent_tool_use_id":\#(parent),"message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"\#(id)","content":"it"}]}}"#
    }
    private static func told(_ parent: String) -> String {
        #"{"type":"user","parent_tool_use_id":"\#(parent)","message":{"role":"user","content":[{"type":"text","text":"do it"}]}}"#
    }
    private static func says(_ message: String, _ id: String, of parent: String) -> String {
        #"{"type":"assistant","parent_tool_use_id":"\#(parent)","message":{"id":"\#(message)","model":"x","content":[{"type":"tool_use","id":"\#(id)","name":"Bash","input":{"command":"ls"}}],"usage":{"input_tokens":3,"output_tokens":1}}}"#
    }

    @Test("an answer that comes while its message is still being said waits for the message's end")
    func earlyAnswer() {
        let (first, second) = (Self.call(0, "a"), Self.call(1, "b"))
        let lines = [Self.start] + first + [second[0], Self.result("a"), second[1], Self.end, Self.result("b")]
        #expect(
            Self.trace(lines) == [
                "agentCall a Bash", "stop", "agentCall b Bash", "stop", "result a done it", "result b done it",
            ])
    }

    @Test("an answer that waits is told before a message that is cut off ends the reply")
    func cutOff() {
        let (first, second) = (Self.call(0, "a"), Self.call(1, "b"))
        let cut = Self.end.replacing("tool_use", with: "max_tokens")
        let said = Self.trace([Self.start] + first + [second[0], Self.result("a"), second[1], cut])
        #expect(said[4] == "result a done it" && said[5].hasPrefix("finished max_tokens") && said.last == "(kill)")
    }

    @Test("a sub-agent's calls and answers belong to the call that has started it, and its messages are told apart")
    func steps() {
        let lines =
            [Self.start] + Self.call(0, "t", "Agent") + Self.call(1, "u", "Agent")
            + [
                Self.end, Self.told("t"), Self.told("u"), Self.says("1", "a", of: "t"), Self.says("2", "c", of: "u"),
                Self.says("1", "b", of: "t"), Self.result("a", of: "\"t\""), Self.result("t"),
            ]
        #expect(
            Self.trace(lines).dropFirst(4) == [
                "subagent of t begun", "subagent of u begun", #"subagent of t calls a Bash {"command":"ls"}"#,
                #"subagent of u calls c Bash {"command":"ls"}"#, #"subagent of t calls too b Bash {"command":"ls"}"#,
                "subagent of t result a done it", "result t done it",
            ])
    }

    @Test("without the CLI's own tools there are no sub-agents")
    func withoutAgent() {
        let said = Self.trace([Self.start, Self.told("t"), Self.says("1", "a", of: "t"), Self.result("a")], agent: nil)
        #expect(said == [])
    }

    @Test("sub-agents ask within the most turns of the run", arguments: 1...4)
    func mostTurns(messages: Int) {
        let lines =
            [Self.start] + Self.call(0, "t", "Agent") + [Self.end, Self.told("t")]
            + (1...messages).map { Self.says("\($0)", "c\($0)", of: "t") }
        // One message of the run's own, as many as there are here, the report, and the run's last.
        #expect(!Self.trace(lines, agent: Self.run(turns: messages + 3)).contains("(kill)"))
        let said = Self.trace(lines, agent: Self.run(turns: messages + 2))
        #expect(said.last == "(kill)" && said.contains { $0.hasPrefix("finished max_turns") })
    }
}
