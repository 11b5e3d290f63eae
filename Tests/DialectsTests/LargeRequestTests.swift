import Dialects
import Testing
import Vocabulary

/// As many small things as a body may hold: none may be looked for among all others.
@Suite("Requests of many small parts", .timeLimit(.minutes(1)))
struct LargeRequestTests {
    @Test("of many parameters that are not honoured the first are named")
    func ignored() throws {
        let items = (0..<90_000).map { "\"x\($0)\"" }.joined(separator: ",")
        let body = #"{"model":"m","input":"a","include":[\#(items)]}"#
        let names = try Dialect.responses.decode(Array(body.utf8)).ignored
        #expect(names.count == 65)
        #expect(names.first == "include[0]" && names.last == "more")
    }

    @Test("results find their calls in any order")
    func results() throws {
        let ids = (0..<5_000).map { "c\($0)" }
        let calls = ids.map { #"{"id":"\#($0)","type":"function","function":{"name":"t","arguments":"{}"}}"# }
        let results = ids.reversed().map { #"{"role":"tool","tool_call_id":"\#($0)","content":"r"}"# }
        let body = #"""
            {"model":"m","messages":[{"role":"user","content":"a"},
            {"role":"assistant","tool_calls":[\#(calls.joined(separator: ","))]},\#(results.joined(separator: ","))]}
            """#
        #expect(try Dialect.chatCompletions.decode(Array(body.utf8)).turns.map(\.blocks.count) == [1, 5_000, 5_000])
    }

    @Test("calls of one id find their results, and results that come again are dropped")
    func equalIDs() throws {
        let calls = Array(repeating: #"{"id":"c","type":"function","function":{"name":"t","arguments":"{}"}}"#, count: 3_500)
        let results = Array(repeating: #"{"role":"tool","tool_call_id":"c","content":"r"}"#, count: 7_000)
        let body = #"""
            {"model":"m","messages":[{"role":"user","content":"a"},
            {"role":"assistant","tool_calls":[\#(calls.joined(separator: ","))]},\#(results.joined(separator: ","))]}
            """#
        #expect(try Dialect.chatCompletions.decode(Array(body.utf8)).turns.map(\.blocks.count) == [1, 3_500, 3_500])
    }

    @Test("results that come late find their calls")
    func lateResults() throws {
        let rounds = (0..<4_000).map { #"{"type":"function_call","call_id":"c\#($0)","name":"t"},{"role":"user","content":"a"}"# }
        let results = (0..<4_000).reversed().map { #"{"type":"function_call_output","call_id":"c\#($0)","output":"r"}"# }
        let body = #"{"model":"m","input":[{"role":"user","content":"a"},\#((rounds + results).joined(separator: ","))]}"#
        let turns = try Dialect.responses.decode(Array(body.utf8)).turns
        // The last call's result is in its place, behind what the user says.
        #expect(turns.count == 3 * 3_999 + 4 && turns[2].blocks.first?.isToolResult == true)
    }

    @Test("allowed tools find their definitions in any order")
    func allowed() throws {
        let names = (0..<6_000).map { "t\($0)" }
        let tools = names.map { #"{"type":"function","function":{"name":"\#($0)"}}"# }
        let body = #"""
            {"model":"m","messages":[{"role":"user","content":"a"}],"tools":[\#(tools.joined(separator: ","))],
            "tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto",
            "tools":[\#(tools.reversed().joined(separator: ","))]}}}
            """#
        #expect(try Dialect.chatCompletions.decode(Array(body.utf8)).tools.count == 6_000)
    }

    @Test("tools of many namespaces get names of their own, and a choice finds them")
    func namespaces() throws {
        // All of them come to the same name for the model.
        let names = (0..<4_000).map { number in String(String(number, radix: 4).map { [".", ":", "/", " "][$0.wholeNumberValue ?? 0] }) }
        let tools = names.map { #"{"type":"namespace","name":"n\#($0)","tools":[{"type":"function","name":"t"}]}"# }
        let choices = names.reversed().map { #"{"type":"namespace","name":"n\#($0)"}"# }
        let body = #"""
            {"model":"m","input":"a","tools":[\#(tools.joined(separator: ","))],
            "tool_choice":{"type":"allowed_tools","mode":"auto","tools":[\#(choices.joined(separator: ","))]}}
            """#
        let decoded = try Dialect.responses.decode(Array(body.utf8)).tools
        #expect(Set(decoded.map(\.name.string)).count == 4_000)
        #expect(decoded.allSatisfy { $0.name.string.utf8.count <= 64 })
    }

    @Test("items that bring the same tools again and again, and calls of theirs, are read one by one")
    func repeatedTools() throws {
        let added = #"{"type":"additional_tools","tools":[{"type":"namespace","name":"n","tools":[{"type":"custom","name":"t"}]}]}"#
        let rounds = (0..<2_000).map {
            added + #",{"type":"custom_tool_call","call_id":"c\#($0)","namespace":"n","name":"t","input":"x"},"#
                + #"{"type":"custom_tool_call_output","call_id":"c\#($0)","output":"r"}"#
        }
        let body = #"{"model":"m","input":[{"role":"user","content":"a"},\#(rounds.joined(separator: ","))]}"#
        let conversation = try Dialect.responses.decode(Array(body.utf8))
        #expect(conversation.tools.count == 1 && conversation.turns.count == 4_001)
    }

    @Test("items of other providers are told apart by their ids")
    func foreignItems() throws {
        let items = (0..<4_000).map { #"{"type":"shell_call","call_id":"c\#($0)","action":{}},{"type":"x_call","id":"\#($0)"}"# }
        let results = (0..<4_000).reversed().map { #"{"type":"shell_call_output","call_id":"c\#($0)","output":"r"}"# }
        let body = #"{"model":"m","input":[{"role":"user","content":"a"},\#((items + results).joined(separator: ","))]}"#
        let conversation = try Dialect.responses.decode(Array(body.utf8))
        #expect(conversation.turns.map(\.blocks.count) == [1, 4_000, 4_000])
        #expect(conversation.ignored == ["input.x_call"])
    }

    @Test("a schema that says the same thing again and again is rewritten all through")
    func repeatedKeys() throws {
        let branches = Array(repeating: #""oneOf":[{"type":"string"}]"#, count: 15_000).joined(separator: ",")
        let body = #"""
            {"model":"m","messages":[{"role":"user","content":"a"}],"response_format":{"type":"json_schema",
            "json_schema":{"name":"n","strict":true,"schema":{"type":"object","properties":{"a":{\#(branches)}}}}}}
            """#
        guard case .jsonSchema(let schema) = try Dialect.chatCompletions.decode(Array(body.utf8)).outputFormat else {
            return #expect(Bool(false), "it is another format")
        }
        let text = String(decoding: schema.bytes, as: UTF8.self)
        #expect(text.contains("anyOf") && !text.contains("oneOf"))
    }
}
