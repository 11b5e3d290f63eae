import Vocabulary

/// The tools of a conversation that their client calls otherwise than the model does.
struct ToolForms: Sendable {
    private let tools: [String: Tool]

    init(_ tools: [Tool]) {
        var special: [String: Tool] = [:]
        for tool in tools where tool.form != .function || tool.clientName != nil { special[tool.name.string] = tool }
        self.tools = special
    }

    /// The tool that the model calls so; nil for a function of the same name.
    subscript(name: JSONText) -> Tool? { tools.isEmpty ? nil : tools[name.string] }
}
