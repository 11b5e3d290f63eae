import Vocabulary

/// The names under which the model sees the client's tools, where they differ from the client's own.
///
/// Two reasons there are: the CLI keeps a name to itself, or the client's names are to become those the model
/// knows best. Definitions, choices and history go out under the model's names, calls come back under the
/// client's.
struct ToolNames: Sendable {
    /// The names that the CLI drops silently; all others it passes on as they are (found by experiment).
    private static let reserved: [JSONText] = ["ToolSearch"]

    private let aliases: [ToolAlias]
    /// All other names.
    var all: [ToolAlias] { aliases }

    /// No tool has another name.
    init() { aliases = [] }

    /// The names for a conversation. An alias that would give two tools one name is left out.
    init(_ conversation: Conversation) {
        var taken = conversation.tools.map(\.name)
        var aliases: [ToolAlias] = []
        for alias in conversation.toolAliases
        where taken.contains(alias.name) && !taken.contains(alias.alias) {
            aliases.append(alias)
            taken.append(alias.alias)
        }
        for name in Self.reserved where taken.contains(name) {
            var free = name.string + "_"
            while taken.contains(JSONText(free)) { free += "_" }
            taken.append(JSONText(free))
            if let index = aliases.firstIndex(where: { $0.alias == name }) {
                aliases[index].alias = JSONText(free)
            } else {
                aliases.append(ToolAlias(name, as: JSONText(free)))
            }
        }
        self.aliases = aliases
    }

    /// True when all tools keep their names.
    var isEmpty: Bool { aliases.isEmpty }

    // MARK: - To the model

    /// The model's name of a tool.
    func outward(_ name: JSONText) -> JSONText {
        aliases.first { $0.name == name }?.alias ?? name
    }

    /// A tool's schema with the model's names of its arguments.
    func outward(schema: JSONFragment, of name: JSONText) -> JSONFragment {
        guard let arguments = arguments(of: name), let document = Self.object(schema) else { return schema }
        var json = JSONWriter()
        json.beginObject()
        for (key, value) in document.root.members {
            json.key(key)
            if key.matches("properties"), value.kind == .object {
                Self.rename(value, arguments, to: &json)
            } else if key.matches("required"), value.kind == .array {
                json.beginArray()
                for element in value.elements {
                    let alias = arguments.first { $0.name == element.text }?.alias
                    if let alias { json.string(alias) } else { json.fragment(element.fragment) }
                }
                json.endArray()
            } else {
                json.fragment(value.fragment)
            }
        }
        json.endObject()
        return JSONFragment(validated: json.bytes[...])
    }

    /// The arguments of a call in the history under the model's names.
    func outward(input: JSONFragment, of name: JSONText) -> JSONFragment {
        guard let arguments = arguments(of: name) else { return input }
        return Self.renamed(input, arguments)
    }

    /// A conversation's messages with their calls under the model's names.
    func outward(_ turns: [Turn]) -> [Turn] {
        guard !isEmpty else { return turns }
        var turns = turns
        for index in turns.indices where turns[index].role == .assistant {
            turns[index].blocks = turns[index].blocks.map { block in
                guard case .toolUse(let id, let name, let input) = block else { return block }
                return .toolUse(id: id, name: outward(name), input: outward(input: input, of: name))
            }
        }
        return turns
    }

    private func arguments(of name: JSONText) -> [ToolAlias.Argument]? {
        guard let alias = aliases.first(where: { $0.name == name }), !alias.arguments.isEmpty else { return nil }
        return alias.arguments
    }

    // MARK: - From the model

    /// The other names of the tool that the model calls so; nil when it has none.
    func alias(calledBy name: JSONText) -> ToolAlias? { aliases.first { $0.alias == name } }

    /// The arguments of the model's call under the client's names; what is no object stays as it is.
    static func inward(input: JSONFragment, of alias: ToolAlias) -> JSONFragment {
        renamed(input, alias.arguments.map { ToolAlias.Argument($0.alias, as: $0.name) })
    }

    private static func renamed(_ input: JSONFragment, _ arguments: [ToolAlias.Argument]) -> JSONFragment {
        guard let document = object(input) else { return input }
        var json = JSONWriter()
        rename(document.root, arguments, to: &json)
        return JSONFragment(validated: json.bytes[...])
    }

    private static func object(_ fragment: JSONFragment) -> JSONDocument? {
        guard let document = try? JSONDocument(parsing: Array(fragment.bytes)), document.root.kind == .object
        else { return nil }
        return document
    }

    /// Writes an object with other keys; one whose new name is there already keeps its own.
    private static func rename(
        _ object: JSONValue, _ arguments: [ToolAlias.Argument], to json: inout JSONWriter
    ) {
        let keys = object.members.map(\.key)
        let free = arguments.filter { !keys.contains($0.alias) }
        json.beginObject()
        for (key, value) in object.members {
            json.member(free.first { $0.name == key }?.alias ?? key, value.fragment)
        }
        json.endObject()
    }
}
