public import Vocabulary

/// Smooths out what the agent OpenClaw does differently from the agents the model knows; only for requests that
/// say they come from it.
///
/// Its tools go out under the names and argument names of Claude Code's tools of the same kind, and the
/// sections of its system prompt that explain its own names are left out: they would contradict the tools.
public enum OpenClaw {
    /// OpenClaw's tools by the names the model knows them by.
    private static let names: [(client: JSONText, model: JSONText)] = [
        ("exec", "Bash"), ("read", "Read"), ("write", "Write"), ("edit", "Edit"), ("web_search", "WebSearch"),
        ("web_fetch", "WebFetch"), ("browser", "Browser"), ("canvas", "Canvas"),
    ]

    /// Their arguments likewise: what a tool's schema has by the first name and lacks by the second.
    private static let arguments: [String: [ToolAlias.Argument]] = [
        "exec": [.init("cmd", as: "command")],
        "read": [.init("path", as: "file_path")],
        "write": [.init("path", as: "file_path")],
        "edit": [
            .init("path", as: "file_path"), .init("oldText", as: "old_string"),
            .init("newText", as: "new_string"), .init("old_text", as: "old_string"),
            .init("new_text", as: "new_string"),
        ],
    ]

    /// Gives the tools their aliases and filters the instructions.
    public static func adapt(_ conversation: inout Conversation) {
        for (name, alias) in names {
            guard let tool = conversation.tools.first(where: { $0.name == name }) else { continue }
            conversation.toolAliases.append(ToolAlias(name, as: alias, arguments: renamed(in: tool)))
        }
        conversation.system = conversation.system.compactMap(filtered)
        for index in conversation.turns.indices where conversation.turns[index].role == .system {
            conversation.turns[index].blocks = conversation.turns[index].blocks.compactMap { block in
                guard case .text(let text) = block else { return block }
                return filtered(text).map(Block.text)
            }
        }
        conversation.turns.removeAll { $0.blocks.isEmpty }
    }

    private static func renamed(in tool: Tool) -> [ToolAlias.Argument] {
        guard let candidates = arguments[tool.name.string],
            let schema = try? JSONDocument(parsing: Array(tool.schema.bytes))
        else { return [] }
        var names = schema.root["properties"]?.members.map(\.key) ?? []
        var renamed: [ToolAlias.Argument] = []
        for argument in candidates where names.contains(argument.name) && !names.contains(argument.alias) {
            renamed.append(argument)
            names.append(argument.alias)
        }
        return renamed
    }

    private static func filtered(_ text: JSONText) -> JSONText? {
        let kept = ToolingSections.removed(from: text.string)
        return kept.contains { !$0.isWhitespace } ? JSONText(kept) : nil
    }
}
