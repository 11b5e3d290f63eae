import Platform
import Synchronization
import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("The network of a run, as the CLI is told of it")
struct AgentNetworkTests {
    /// A way by which programs have not got where they wanted.
    private final class Way: AgentWay {
        let url = "http://run:token@127.0.0.1:4712"
        private let reasons: Mutex<[WayReason]>

        init(_ reasons: [WayReason]) { self.reasons = Mutex(reasons) }

        func takeReasons() -> [WayReason] {
            reasons.withLock { reasons in
                defer { reasons = [] }
                return reasons
            }
        }
    }

    private func plan(_ network: Workspace.Network, _ tools: Set<AgentTool> = [.bash]) throws -> TurnPlan {
        var workspace = Workspace(name: "w", directory: "/srv/w", tools: tools)
        workspace.network = network
        var conversation = Conversation(model: "sonnet")
        conversation.turns = [Turn(.user, [.text(JSONText("Do it"))])]
        return try TurnPlan(answering: conversation, model: "sonnet", agent: AgentRun(in: workspace))
    }

    private func run(_ plan: TurnPlan, by way: Way?) -> TurnRun {
        TurnRun(RelayTurn(plan, plan.script(from: .fresh).portions, .first, limits: CLILimits(), remedy: LoginRemedy(), going: way))
    }

    /// What the CLI asks behind a call.
    private func question(_ event: String, _ call: String) -> String {
        #"{"type":"control_request","request_id":"q-\#(call)","request":{"subtype":"hook_callback","callback_id":"n","#
            + #""input":{"hook_event_name":"\#(event)","tool_name":"Bash","tool_response":{"stdout":"x"}},"tool_use_id":"\#(call)"}}"#
    }

    @Test("behind each call that may have gone into the network the CLI asks, and else behind none")
    func hooks() throws {
        func asks(_ network: Workspace.Network, _ tools: Set<AgentTool>) throws -> Bool {
            String(decoding: try plan(network, tools).text, as: UTF8.self).contains(#""PostToolUseFailure":[{"matcher":"Bash|WebFetch""#)
        }
        #expect(try asks(.open, [.bash]) && asks(.hosts(["a"]), [.webFetch]))
        #expect(try !asks(.none, [.bash]) && !asks(.open, [.read]))
    }

    @Test("the model reads why a program has not got where it wanted, once")
    func reasons() throws {
        let way = Way([
            WayReason(text: "a:443 is \"closed\"", isDenial: true), WayReason(text: "b does not answer", isDenial: false),
        ])
        var run = run(try plan(.open), by: way)
        run.take([question("PostToolUse", "toolu_1"), question("PostToolUseFailure", "toolu_2")])
        #expect(run.written[1] == #"{"type":"control_response","response":{"subtype":"success","request_id":"q-toolu_1","response":"#
            + #"{"hookSpecificOutput":{"hookEventName":"PostToolUse","additionalContext":"The network of this workspace: "#
            + #"a:443 is \"closed\"; b does not answer."}}}}"# + "\n")
        #expect(run.written[2] == #"{"type":"control_response","response":{"subtype":"success","request_id":"q-toolu_2","response":{}}}"# + "\n")
    }

    @Test("without a way there is nothing to tell")
    func noWay() throws {
        var alone = run(try plan(.open), by: nil)
        alone.take([question("PostToolUseFailure", "toolu_1")])
        #expect(alone.written[1].contains(#""response":{}"#))
    }

    @Test(
        "the vendor alone is asked without the proxy, at its port where it has one",
        arguments: [
            ([], "api.anthropic.com"), (["ANTHROPIC_BASE_URL=http://127.0.0.1:4711/a/b"], "127.0.0.1:4711"),
            (["ANTHROPIC_BASE_URL=https://u:p@gw.example.org/v1?x"], "gw.example.org"), (["ANTHROPIC_BASE_URL=https://[::1]:8"], "[::1]:8"),
        ])
    func exceptions(given: [String], authority: String) {
        #expect(AgentLaunch.exceptions(given) == ["NO_PROXY=\(authority)", "no_proxy=\(authority)"])
    }
}
