import Glibc
import Vocabulary

/// A tool's call, as it stands in lines.
struct Call {
    var index = 0
    var name: [UInt8] = []
    /// A JSON object.
    var input: [UInt8] = []
    /// The server that has the tool.
    var server = ""

    /// Unique within the process.
    func id(_ message: Int) -> String { "toolu_standin\(message)_\(index)" }
}

/// Answers that call the client's tools.
extension Standin {
    /// `calls COUNT NAME [INPUT]`: the caller is asked what to do with each call, in the place where the real program asks.
    ///
    /// A call that the hook defers ends the turn. Without a hook the call itself is sent, and waits for its result.
    mutating func call(_ marker: Marker) {
        let words = marker.rest.split(separator: UInt8(ascii: " "), maxSplits: 2)
        state.call.name = words.count > 1 ? Array(words[1]) : []
        let input = words.count > 2 ? JSONText(escaped: words[2], hasEscapes: true).string : "{}"
        state.call.input = Array(input.utf8)
        let server = memory.tools.server(of: state.call.name)
        state.call.server = server ?? ""
        state.messages += 1
        state.deltas = 1
        output.line(Template.messageStart, &state)
        var asked: [String] = []
        for index in 0..<marker.number() {
            state.call.index = index
            spell(call: words.count > 2 ? Array(words[2]) : Array("{}".utf8))
            guard server != nil else { continue }
            asked.append(ask(memory.hook == nil ? Template.toolsCall : Template.hookCallback))
            memory.noteAnswer(state.call.name)
        }
        state.stopReason = "tool_use"
        endAnswer()
        guard server != nil else { return output.line(Template.tooManyTurns, &state) }
        conclude(asked)
    }

    private mutating func spell(call partial: [UInt8]) {
        state.text = partial
        for template in [Template.toolStart, Template.toolDelta, Template.toolAssistant, Template.blockStop] {
            output.line(template, &state)
            output.flush()
        }
    }

    /// Returns the name of the request.
    private mutating func ask(_ template: StaticString) -> String {
        let id = state.call.id(state.messages)
        state.requestID = Array(id.utf8)
        state.hook = memory.hook ?? []
        output.line(template, &state)
        output.flush()
        return id
    }

    private mutating func conclude(_ asked: [String]) {
        let answers = asked.map { awaitAnswer(to: $0) }
        guard memory.hook != nil, answers.allSatisfy(\.defers) else {
            // The program has the results and would ask the model on, if it may.
            guard unsafe getenv("CLAUDE_CODE_MAX_TURNS").map({ unsafe atoi($0) }) != 1 else {
                return output.line(Template.tooManyTurns, &state)
            }
            return reply(Array("The call was answered.".utf8))
        }
        state.stopReason = "tool_deferred"
        state.terminalReason = "tool_deferred"
        state.text = []
        output.line(Template.result, &state)
    }
}

extension Row {
    /// True for a hook's decision to put the call off.
    fileprivate var defers: Bool {
        request?["response"]?["hookSpecificOutput"]?["permissionDecision"]?.text?.string == "defer"
    }
}
