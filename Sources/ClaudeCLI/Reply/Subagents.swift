import Vocabulary

/// The sub-agents of a turn: what their lines come to, how often their models were asked, and what they have used.
struct Subagents {
    /// How often their models were asked, as far as it shows: for each message that calls tools, and for each report.
    private(set) var requests = 0
    /// The newest message of each, by the call that has started it.
    private var messages: [String: String] = [:]

    /// So many are told apart; of further ones each line counts as a message of its own.
    private static let most = 256

    /// The steps that a line comes to.
    mutating func steps(of said: CLISubagentLine, in line: Span<UInt8>) -> [SubagentStep] {
        let parent = said.parent.text(in: line)
        guard said.isAnswer else {
            let results = said.content.map { CallResult.list($0, of: line) } ?? []
            if !results.isEmpty { return results.map { SubagentStep(of: parent, .answered($0)) } }
            requests += 1
            return [SubagentStep(of: parent, .begun)]
        }
        return calls(said, in: line).map { id, name, input in
            SubagentStep(of: parent, .called(id: id, name: name, input: input, isFirst: begins(said, in: line)))
        }
    }

    /// True for the first call of a message; its other blocks have lines of their own.
    private mutating func begins(_ said: CLISubagentLine, in line: Span<UInt8>) -> Bool {
        let (parent, id) = (said.parent.string(in: line), said.id?.string(in: line) ?? "")
        if messages[parent] == id { return false }
        if messages.count < Self.most || messages[parent] != nil { messages[parent] = id }
        requests += 1
        return true
    }

    private func calls(
        _ said: CLISubagentLine, in line: Span<UInt8>
    ) -> [(id: JSONText, name: JSONText, input: JSONFragment)] {
        guard let content = said.content else { return [] }
        let bytes = Array(content.text(in: line).escaped)
        guard let document = try? JSONDocument(parsing: bytes, limits: JSONLimits(depth: 256, values: .max)) else { return [] }
        return document.root.elements.compactMap { block in
            guard block["type"]?.text?.matches("tool_use") == true, let id = block["id"]?.text, let name = block["name"]?.text
            else { return nil }
            return (id, name, block["input"]?.fragment ?? JSONFragment("{}"))
        }
    }
}
