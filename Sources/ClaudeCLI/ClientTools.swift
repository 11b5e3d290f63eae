import Vocabulary

/// The client's tools as an MCP server that the CLI believes to be in its caller's process.
///
/// Handing over the manifest saves the handshake. A call is never answered: the answer ends with it, the
/// process is killed, and the client brings the result with its next request.
struct ClientTools {
    /// The server's name, which the flag `--allowedTools` names too.
    static let serverName: StaticString = "c"

    private let tools: [Tool]
    private var choice: ToolChoice
    private let allowsParallelCalls: Bool
    /// True when the model can also call tools that are not the client's.
    private let areOthersActive: Bool

    init(_ conversation: Conversation, areOthersActive: Bool = false) throws(Refusal) {
        self.areOthersActive = areOthersActive
        choice = conversation.toolChoice
        allowsParallelCalls = conversation.allowsParallelToolCalls
        var tools = conversation.tools
        if case .allowed(let names, _) = choice { tools = tools.filter { names.contains($0.name) } }
        self.tools = tools
        try check(conversation.tools)
    }

    /// True when the client brings no tool that may be called.
    var isEmpty: Bool { tools.isEmpty }

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
    func write(to rows: inout RowWriter) {
        guard !tools.isEmpty else { return }
        rows.raw("\"sdkMcpServers\":[\"c\"]")
        rows.key("sdkMcpServerManifests")
        rows.beginObject()
        rows.key(Self.serverName)
        rows.beginObject()
        rows.key("initializeResult")
        rows.raw(Self.initializeResult)
        rows.key("toolsListResult")
        rows.beginObject()
        rows.key("tools")
        rows.beginArray()
        for tool in tools {
            rows.beginObject()
            rows.key("name")
            rows.text(tool.name)
            if let description = tool.description {
                rows.key("description")
                rows.text(description)
            }
            rows.key("inputSchema")
            rows.fragment(tool.schema)
            // Without the hint the CLI holds a second call back until the first is answered.
            rows.raw("\"annotations\":{\"readOnlyHint\":true}")
            rows.endObject()
        }
        rows.endArray()
        rows.endObject()
        rows.endObject()
        rows.endObject()
    }

    /// What the server answers to an MCP `initialize`.
    static let initializeResult: StaticString = """
        {"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"c","version":"1"}}
        """

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
        case .named(let name): (kind, named) = ("tool", name)
        }
        json.key("tool_choice")
        json.beginObject()
        json.key("type")
        json.literal(kind)
        if let named {
            json.key("name")
            json.text(named)
        }
        if !allowsParallelCalls, choice != .none {
            json.key("disable_parallel_tool_use")
            json.bool(true)
        }
        json.endObject()
    }

    private func check(_ all: [Tool]) throws(Refusal) {
        var names: Set<String> = []
        for (index, tool) in all.enumerated() {
            let name = tool.name.string
            let path = "tools[\(index)]"
            guard (1...128).contains(name.utf8.count), name.utf8.allSatisfy(Self.isNameByte) else {
                throw Refusal(
                    .invalidRequest, "\(path).name: must be 1 to 128 of the characters a-z A-Z 0-9 _ -",
                    param: "\(path).name")
            }
            guard names.insert(name).inserted else {
                throw Refusal(
                    .invalidRequest, "\(path).name: tool names must be unique", param: "\(path).name")
            }
            guard name != "ToolSearch" else {
                throw Refusal(.invalidRequest, "\(path).name: this name is reserved", param: "\(path).name")
            }
            guard tool.schema.isObjectSchema else {
                throw Refusal(
                    .invalidRequest, "\(path): the schema must have \"type\": \"object\"", param: path)
            }
            guard tool.schema.hasPlainProperties else {
                throw Refusal(
                    .invalidRequest,
                    "\(path): names of properties must be 1 to 64 of the characters a-z A-Z 0-9 _ . -",
                    param: path)
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

    fileprivate static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

extension JSONFragment {
    /// False for a schema with a property whose name the vendor refuses; the CLI would leave the tool out, or the
    /// property, without a word.
    fileprivate var hasPlainProperties: Bool {
        let bytes = bytes.span
        var json = JSONReader(bytes)
        do throws(JSONError) {
            try json.enterObject()
            while let key = try json.key() {
                guard json.matches(key, "properties"), try json.peek() == .object else {
                    _ = try json.skip()
                    continue
                }
                try json.enterObject()
                while let name = try json.key() {
                    let text = name.string(in: bytes)
                    guard (1...64).contains(text.utf8.count),
                        text.utf8.allSatisfy({ ClientTools.isNameByte($0) || $0 == UInt8(ascii: ".") })
                    else { return false }
                    _ = try json.skip()
                }
            }
        } catch {}
        return true
    }

    /// True for an object with the member `"type": "object"`, which the CLI and the vendor both demand.
    fileprivate var isObjectSchema: Bool {
        let bytes = bytes.span
        var json = JSONReader(bytes)
        do throws(JSONError) {
            try json.enterObject()
            while let key = try json.key() {
                if json.matches(key, "type"), try json.peek() == .string {
                    return try json.string().matches("object", in: bytes)
                }
                _ = try json.skip()
            }
        } catch {}
        return false
    }
}
