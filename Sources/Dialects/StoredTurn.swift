public import Vocabulary

/// Messages as they are stored, which belongs to no dialect: a Messages API message each.
public enum StoredTurn {
    /// The bytes of a message.
    public static func bytes(of turn: Turn) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("role")
            switch turn.role {
            case .user: writer.string(literal: "user")
            case .assistant: writer.string(literal: "assistant")
            case .system: writer.string(literal: "system")
            }
            content(turn.blocks, &writer)
        }
        return writer.bytes
    }

    /// The message that `bytes(of:)` has written.
    public static func turn(of bytes: [UInt8]) throws(Refusal) -> Turn {
        let root = try RequestBody.parse(bytes, limits: limits)
        let role: Turn.Role =
            switch try RequestFields.word(root.required("role"), of: ["user", "assistant", "system"]) {
            case "user": .user
            case "assistant": .assistant
            default: .system
            }
        var changes = ToolChanges()
        return Turn(role, try AnthropicBlocks.blocks(root.required("content"), &changes))
    }

    private static func content(_ blocks: [Block], _ writer: inout JSONWriter) {
        writer.key("content")
        writer.beginArray()
        for block in blocks { write(block, &writer) }
        writer.endArray()
    }

    private static func write(_ block: Block, _ writer: inout JSONWriter) {
        switch block {
        case .document(let whole), .other(let whole): return writer.fragment(whole)
        default: break
        }
        writer.object { writer in
            switch block {
            case .text(let text):
                writer.raw("\"type\":\"text\"")
                writer.member("text", text)
            case .image(let source):
                writer.raw("\"type\":\"image\"")
                writer.member("source", source)
            case .toolUse(let id, let name, let input):
                writer.raw("\"type\":\"tool_use\"")
                writer.member("id", id)
                writer.member("name", name)
                writer.member("input", input)
            case .toolResult(let id, let inner, let isError):
                writer.raw("\"type\":\"tool_result\"")
                writer.member("tool_use_id", id)
                if isError { writer.member("is_error", true) }
                content(inner, &writer)
            case .thinking(let text, let signature):
                writer.raw("\"type\":\"thinking\"")
                writer.member("thinking", text)
                writer.member("signature", signature)
            case .redactedThinking(let data):
                writer.raw("\"type\":\"redacted_thinking\"")
                writer.member("data", data)
            case .document, .other: break
            }
        }
    }

    /// What was taken as a request was within tighter bounds; here it stands a few levels deeper.
    fileprivate static let limits = JSONLimits(depth: 512, values: .max)
}

/// What a stored conversation stands on: all but its messages.
public struct StoredGround: Sendable {
    /// The system prompt in its parts.
    public var system: [JSONText] = []
    /// What the client has noted on it; an object.
    public var metadata: JSONFragment?

    /// A ground without anything.
    public init() {}

    /// The ground that `bytes` has written.
    public init(_ bytes: [UInt8]) throws(Refusal) {
        let root = try RequestBody.parse(bytes, limits: StoredTurn.limits)
        for text in try RequestFields.list(root, "system") { system.append(try text.requireText()) }
        metadata = try root.optional("metadata")?.expect(.object).fragment
    }

    /// Its bytes.
    public var bytes: [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("system")
            writer.beginArray()
            for text in system { writer.string(text) }
            writer.endArray()
            if let metadata { writer.member("metadata", metadata) }
        }
        return writer.bytes
    }
}
