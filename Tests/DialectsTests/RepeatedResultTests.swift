import Dialects
import Testing
import Vocabulary

/// Clients that say a call or its result twice, as Semantic Kernel's agent does beside a stored response.
@Suite("Repeated results") struct RepeatedResultTests {
    /// A conversation in a dialect: calls and results as `call:ID:ARGUMENT` and `result:ID:TEXT`, one message each.
    private func decode(_ dialect: Dialect, _ steps: [String]) throws -> [Turn] {
        var messages = [#"{"role":"user","content":"go"}"#]
        for step in steps {
            let parts = step.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            let (id, value) = (parts[1], parts[2])
            switch (dialect, parts[0]) {
            case (.anthropic, "call"), (.agentRun, "call"):
                messages.append(#"{"role":"assistant","content":[{"type":"tool_use","id":"\#(id)","name":"f","input":{"x":"\#(value)"}}]}"#)
            case (.anthropic, _), (.agentRun, _):
                messages.append(#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"\#(id)","content":"\#(value)"}]}"#)
            case (.chatCompletions, "call"):
                messages.append(#"{"role":"assistant","tool_calls":[{"id":"\#(id)","type":"function","function":{"name":"f","arguments":"{\"x\":\"\#(value)\"}"}}]}"#)
            case (.chatCompletions, _):
                messages.append(#"{"role":"tool","tool_call_id":"\#(id)","content":"\#(value)"}"#)
            case (.responses, "call"):
                messages.append(#"{"type":"function_call","call_id":"\#(id)","name":"f","arguments":"{\"x\":\"\#(value)\"}"}"#)
            case (.responses, _):
                messages.append(#"{"type":"function_call_output","call_id":"\#(id)","output":"\#(value)"}"#)
            }
        }
        let list = dialect == .responses ? "input" : "messages"
        let limit = dialect == .anthropic ? #","max_tokens":5"# : ""
        let body = #"{"model":"m"\#(limit),"\#(list)":[\#(messages.joined(separator: ","))]}"#
        return try dialect.decode(Array(body.utf8)).turns
    }

    /// The calls and results that are left, in the words of `decode`.
    private func steps(_ turns: [Turn]) -> [String] {
        turns.flatMap(\.blocks).compactMap { block in
            switch block {
            case .toolUse(let id, _, _): "call:\(id.string)"
            case .toolResult(let id, let content, _): "result:\(id.string):\(content)"
            default: nil
            }
        }
    }

    private func expect(_ dialect: Dialect, _ repeated: [String], toBe once: [String]) throws {
        let wanted = try decode(dialect, once)
        #expect(try steps(decode(dialect, repeated)) == steps(wanted), "\(repeated)")
    }

    @Test("an equal result of an answered call is dropped", arguments: Dialect.allCases)
    func equalResult(dialect: Dialect) throws {
        let once = ["call:a:1", "result:a:r", "call:b:2", "result:b:s"]
        try expect(dialect, ["call:a:1", "result:a:r", "result:a:r", "call:b:2", "result:b:s"], toBe: once)
        try expect(dialect, ["call:a:1", "result:a:r", "call:b:2", "result:a:r", "result:b:s"], toBe: once)
        try expect(dialect, ["call:a:1", "result:a:r", "call:b:2", "result:b:s", "result:a:r", "result:b:s"], toBe: once)
    }

    @Test("another result of an answered call is refused", arguments: Dialect.allCases)
    func otherResult(dialect: Dialect) {
        let list = dialect == .responses ? "input" : "messages"
        let message = "\(list): the tool call a is answered already, with another result"
        #expect(throws: Refusal(.invalidRequest, message, param: list)) {
            try decode(dialect, ["call:a:1", "result:a:r", "result:a:R"])
        }
    }

    @Test("an equal call that is answered already is dropped", arguments: Dialect.allCases)
    func equalCall(dialect: Dialect) throws {
        let once = ["call:a:1", "result:a:r", "call:b:2", "result:b:s"]
        try expect(dialect, ["call:a:1", "result:a:r", "call:a:1", "call:b:2", "result:b:s"], toBe: once)
        try expect(dialect, ["call:a:1", "call:a:1", "result:a:r", "call:b:2", "result:b:s"], toBe: once)
    }

    @Test("another call of an answered one's id waits for its own result", arguments: Dialect.allCases)
    func otherCall(dialect: Dialect) throws {
        let list = dialect == .responses ? "input" : "messages"
        let message = "\(list): the tool call a is answered already, and another of this id is not followed by its result"
        #expect(throws: Refusal(.invalidRequest, message, param: list)) {
            try decode(dialect, ["call:a:1", "result:a:r", "call:a:2", "call:b:2", "result:b:s"])
        }
        // Some clients count anew in each answer.
        let anew = ["call:a:1", "result:a:r", "call:a:2", "result:a:s", "call:a:2", "result:a:t"]
        #expect(try steps(decode(dialect, anew)).count == 6)
    }

    @Test("a result that comes after the model has spoken again goes behind its call, in Responses only")
    func lateResult() throws {
        let items = #"""
            [{"role":"user","content":"go"},{"role":"assistant","content":"I look."},{"type":"function_call","call_id":"a","name":"f","arguments":"{}"},
             {"role":"user","content":"go"},{"role":"assistant","content":"I look."},{"type":"function_call_output","call_id":"a","output":"r"}]
            """#
        let turns = try Dialect.responses.decode(Array(#"{"model":"m","input":\#(items)}"#.utf8)).turns
        #expect(turns.map(\.role) == [.user, .assistant, .user, .user, .assistant, .system])
        #expect(turns[2].blocks == [.toolResult(id: "a", content: [.text("r")], isError: false)])
        #expect(turns[3].blocks == [.text("go")] && turns[5].blocks == [.text("Continue.")])
        let call = #"{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]}"#
        let chat = #"[{"role":"user","content":"go"},\#(call),{"role":"user","content":"go"},{"role":"assistant","content":"I look."},{"role":"tool","tool_call_id":"a","content":"r"}]"#
        let refusal = #expect(throws: Refusal.self) {
            try Dialect.chatCompletions.decode(Array(#"{"model":"m","messages":\#(chat)}"#.utf8))
        }
        #expect(refusal?.message == "messages: the tool call a is not followed by its result")
    }

    @Test("a result without a call and a call without a result are still refused", arguments: Dialect.allCases)
    func orphans(dialect: Dialect) {
        let list = dialect == .responses ? "input" : "messages"
        for (steps, text) in [
            (["result:a:r"], "no tool call found for the tool result with id a"),
            (["call:a:1", "result:b:r"], "no tool call found for the tool result with id b"),
            (["call:a:1"], "the tool call a is not followed by its result"),
            (["call:a:1", "call:b:1", "result:b:r"], "the tool call a is not followed by its result"),
        ] where !(dialect == .anthropic && steps.last?.hasPrefix("call") == true) {
            #expect(throws: Refusal(.invalidRequest, "\(list): \(text)", param: list), "\(steps)") {
                try decode(dialect, steps)
            }
        }
    }
}
