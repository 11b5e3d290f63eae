import Vocabulary

/// The client's tools as an MCP server that the CLI believes to be in its caller's process.
///
/// Handing over the manifest saves the handshake. A call is never answered: the answer ends with it, the
/// process is killed, and the client brings the result with its next request.
struct ClientTools {
    /// The server's name, which the flag `--allowedTools` names too. There are two, for a process that serves another
    /// conversation: tools of the former would stay beside those of a server of the same name.
    enum ServerName: Sendable {
        case first, second

        var other: ServerName { self == .first ? .second : .first }

        /// The name.
        var text: StaticString { self == .first ? "c" : "c2" }
    }

    private let tools: [Tool]
    /// Those that may be called, in the client's names.
    var all: [Tool] { tools }
    private var choice: ToolChoice
    private let allowsParallelCalls: Bool
    /// The names under which the model sees them.
    let names: ToolNames
    /// True when the model can also call tools that are not the client's.
    private let areOthersActive: Bool

    /// The vendor's own search beside them.
    private let search: WebSearch?

    init(_ conversation: Conversation, areOthersActive: Bool = false) throws(Refusal) {
        self.areOthersActive = areOthersActive || conversation.webSearch != nil
        search = conversation.webSearch
        choice = conversation.toolChoice
        allowsParallelCalls = conversation.allowsParallelToolCalls
        names = ToolNames(conversation)
        var tools = conversation.tools
        for index in tools.indices {
            let path = tools[index].path ?? "tools[\(index)]"
            tools[index].schema = try ToolSchema.settled(tools[index].schema, at: path)
        }
        if case .allowed(let names, _) = choice {
            let allowed = Set(names.map(\.string))
            tools = tools.filter { allowed.contains($0.name.string) }
        }
        self.tools = tools
        try check(conversation.tools)
    }

    /// How often the vendor's search may be used.
    var mostSearches: Int { search?.maxUses ?? 0 }

    /// True when the client brings no tool that may be called.
    var isEmpty: Bool { tools.isEmpty }

    /// What is said of each, as a number by its name: another number is another tool.
    var definitions: [String: Int] {
        var numbers: [String: Int] = [:]
        for tool in tools {
            var hasher = Hasher()
            hasher.combine(tool.description?.string)
            hasher.combine(names.outward(schema: tool.schema, of: tool.name).bytes)
            numbers[names.outward(tool.name).string] = hasher.finalize()
        }
        return numbers
    }

    /// The same tools when none must be called; nil when none must be.
    var withoutForce: ClientTools? {
        switch choice {
        case .auto, .none, .allowed(_, isRequired: false): return nil
        case .any, .named, .allowed(_, isRequired: true):
            var relieved = self
            relieved.choice = .auto
            return relieved
        }
    }

    /// Writes the keys of `initialize` that declare the tools.
    func write(to rows: inout RowWriter, as server: ServerName) {
        guard !tools.isEmpty else { return }
        rows.key("sdkMcpServers")
        rows.beginArray()
        rows.string(literal: server.text)
        rows.endArray()
        rows.key("sdkMcpServerManifests")
        rows.beginObject()
        rows.key(server.text)
        rows.beginObject()
        rows.key("initializeResult")
        rows.raw(Self.initializeResult)
        rows.key("toolsListResult")
        rows.beginObject()
        rows.key("tools")
        rows.beginArray()
        for tool in tools {
            rows.beginObject()
            rows.member("name", names.outward(tool.name))
            if let description = tool.description {
                rows.member("description", description)
            }
            rows.member("inputSchema", names.outward(schema: tool.schema, of: tool.name))
            // Without the hint the CLI holds a second call back until the first is answered.
            rows.raw("\"annotations\":{\"readOnlyHint\":true}")
            rows.endObject()
        }
        rows.endArray()
        rows.endObject()
        rows.endObject()
        rows.endObject()
    }

    /// What is wrong when the CLI, saying which tools there are, leaves one out: it drops silently what it
    /// cannot use, and the model would then be asked something else.
    func missing(from offered: JSONSlice, in line: Span<UInt8>) -> Fault? {
        guard !tools.isEmpty,
            let document = try? JSONDocument(parsing: Array(offered.text(in: line).escaped))
        else { return nil }
        let offered = Set(document.root.elements.compactMap { $0.text?.string })
        let missing = tools.first { tool in
            let name = names.outward(tool.name).string
            // The list, unlike the request, calls one tool by the name it had in earlier versions.
            // And a CLI that puts its server's name before a tool's has not left it out: the self-test tells.
            return !offered.contains(name == "Agent" ? "Task" : name) && !offered.contains("mcp__c__" + name)
                && !offered.contains("mcp__c2__" + name)
        }
        return missing.map { ToolSchema.unusable($0.name) }
    }

    /// What the server answers to an MCP `initialize`.
    static let initializeResult: StaticString = """
        {"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"c","version":"1"}}
        """

    /// Writes `tools` into the extra body where the vendor's search is one of them, which the CLI cannot be told of in
    /// another way: the client's tools as the CLI itself would write them, and the search.
    func writeAll(to json: inout RowWriter) {
        guard let search else { return }
        json.key("tools")
        json.beginArray()
        let named = tools.map { (name: names.outward($0.name), tool: $0) }.sorted { $0.name.string < $1.name.string }
        for (name, tool) in named {
            json.beginObject()
            json.member("name", name)
            json.member("description", tool.description ?? "")
            json.member("input_schema", names.outward(schema: tool.schema, of: tool.name))
            json.endObject()
        }
        json.fragment(search.tool)
        json.endArray()
    }

    /// Writes `tool_choice` into the extra body where it is not the vendor's default.
    func writeChoice(to json: inout RowWriter) {
        guard !tools.isEmpty || areOthersActive else { return }
        let kind: StaticString
        var named: JSONText?
        switch choice {
        case .auto, .allowed(_, isRequired: false):
            guard !allowsParallelCalls else { return }
            kind = "auto"
        case .none: kind = "none"
        case .any, .allowed(_, isRequired: true): kind = "any"
        case .named(let name): (kind, named) = ("tool", names.outward(name))
        }
        json.key("tool_choice")
        json.beginObject()
        json.member("type", literal: kind)
        if let named {
            json.member("name", named)
        }
        if !allowsParallelCalls, choice != .none {
            json.member("disable_parallel_tool_use", true)
        }
        json.endObject()
    }

    private func check(_ all: [Tool]) throws(Refusal) {
        var names: Set<String> = search == nil ? [] : [WebSearch.name]
        for (index, tool) in all.enumerated() {
            let name = tool.name.string
            let path = "tools[\(index)]"
            guard name.isName(ofAtMost: 128) else {
                throw Refusal(
                    .invalidRequest, "\(path).name: must be 1 to 128 of the characters a-z A-Z 0-9 _ -",
                    param: "\(path).name")
            }
            guard names.insert(name).inserted else {
                throw Refusal(
                    .invalidRequest, "\(path).name: tool names must be unique", param: "\(path).name")
            }
        }
        switch choice {
        case .named(let name) where !names.contains(name.string):
            throw Refusal(
                .invalidRequest, "tool_choice: there is no tool of this name", param: "tool_choice")
        case .any where all.isEmpty && !areOthersActive, .allowed where tools.isEmpty:
            throw Refusal(.invalidRequest, "tool_choice: there is no tool to call", param: "tool_choice")
        default: return
        }
    }
}
