import Glibc
import Vocabulary

/// What a process holds: its conversation, and what it was told that outlives a turn.
struct Memory {
    /// Each message as `user: TEXT` or `assistant: TEXT`.
    private var messages: [JSONText] = []
    /// The names of the rows that are messages of the user in this conversation.
    private var questions: [[UInt8]] = []
    /// The names of all rows there ever were.
    private var rows: Set<[UInt8]> = []
    private var rewinds = 0
    private var turns = 0

    private var isInitialized = false
    private var system: [JSONText] = []
    private var effort: JSONText?
    private var environment: [String: JSONText] = [:]
    /// The process's first request to the vendor decides of them for all that follow.
    private var betas: JSONText?
    private(set) var tools = ToolShelf()
    /// The name of the hook that is asked before a tool is called; nil where there is none.
    private(set) var hook: [UInt8]?

    // MARK: - The conversation

    /// False for a row whose name another had before: the program swallows it.
    mutating func admits(_ row: Row) -> Bool { row.uuid.isEmpty || rows.insert(row.uuid).inserted }

    mutating func note(_ row: Row) {
        if row.kind == .user { questions.append(row.uuid) }
        add(row.kind == .user ? "user: " : "assistant: ", JSONText.joined(row.texts, separator: " | "))
    }

    mutating func noteAnswer(_ text: [UInt8]) {
        add("assistant: ", JSONText(escaped: text[...], hasEscapes: true))
    }

    private mutating func add(_ role: JSONText, _ text: JSONText) {
        messages.append(JSONText.joined([role, text], separator: ""))
    }

    mutating func beginTurn() {
        if turns == 0 { betas = environment["ANTHROPIC_BETAS"] }
        turns += 1
    }

    /// Forgets the conversation; returns why not where it does not.
    mutating func rewind(to target: JSONText?, lastSeen: JSONText?) -> String? {
        guard let target, questions.contains(Array(target.escaped)) else { return "target_not_found" }
        guard let lastSeen, questions.last == Array(lastSeen.escaped) else { return "stale_target" }
        // The real program would keep what stands before the target: nobody asks for that.
        guard questions.first == Array(target.escaped) else { return "target_not_first" }
        messages = []
        questions = []
        rewinds += 1
        return nil
    }

    // MARK: - What it was told

    /// The prompt and the hooks of the first time stay; tools are taken each time.
    mutating func initialize(_ request: JSONValue?) {
        if !isInitialized {
            isInitialized = true
            system = request?["systemPrompt"]?.elements.compactMap(\.text) ?? []
            for matcher in request?["hooks"]?["PreToolUse"]?.list ?? [] {
                for name in matcher["hookCallbackIds"]?.elements.compactMap(\.text) ?? [] {
                    hook = Array(name.escaped)
                }
            }
        }
        if let manifests = request?["sdkMcpServerManifests"] { tools.take(manifests) }
    }

    mutating func replaceSystem(_ text: JSONText) { system = [text] }

    mutating func clearTools() { tools.clear() }

    /// What is not named stays as it was; null and the empty text clear.
    mutating func apply(_ settings: JSONValue) {
        if let value = settings["effortLevel"] { effort = value.text }
        guard let variables = settings["env"] else { return }
        for member in variables.members {
            let value = member.value.text
            environment[member.key.string] = value?.escaped.isEmpty == false ? value : nil
        }
    }

    /// All of it as one JSON object, escaped to be the text of an answer.
    var recalled: [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.member("pid", Int(getpid()))
        json.member("turns", turns)
        json.member("rewinds", rewinds)
        json.key("messages")
        json.beginArray()
        for message in messages { json.string(message) }
        json.endArray()
        json.key("system")
        json.beginArray()
        for text in system { json.string(text) }
        json.endArray()
        json.key("tools")
        tools.write(to: &json)
        if let effort { json.member("effort", effort) }
        json.key("env")
        var environment = environment
        environment["ANTHROPIC_BETAS"] = betas
        json.beginObject()
        for (name, value) in environment.sorted(by: { $0.key < $1.key }) {
            json.key(JSONText(name))
            json.string(value)
        }
        json.endObject()
        json.endObject()
        return Array(JSONText(String(decoding: json.bytes, as: UTF8.self)).escaped)
    }
}

/// The client's tools, with what the real program remembers of those it had before.
struct ToolShelf {
    private struct Tool {
        let server: String
        let name: JSONText
        let schema: [UInt8]
    }

    private var tools: [Tool] = []
    /// Those taken away last: a server of the same name brings them back.
    private var former: [Tool] = []
    /// The description that a tool of this name and schema had first stays its description.
    private var descriptions: [[UInt8]: JSONText] = [:]

    mutating func take(_ manifests: JSONValue) {
        for manifest in manifests.members {
            let server = manifest.key.string
            tools += former.filter { $0.server == server }
            for value in manifest.value["toolsListResult"]?["tools"]?.list ?? [] {
                guard let name = value["name"]?.text else { continue }
                let tool = Tool(server: server, name: name, schema: Array(value["inputSchema"]?.fragment.bytes ?? []))
                let key = Self.key(tool)
                if descriptions[key] == nil { descriptions[key] = value["description"]?.text ?? "" }
                tools.append(tool)
            }
        }
    }

    mutating func clear() {
        guard !tools.isEmpty else { return }
        former = tools
        tools = []
    }

    /// The server of the tool with this name; nil where there is none.
    func server(of name: [UInt8]) -> String? { tools.first { Array($0.name.escaped) == name }?.server }

    /// Their names, quoted and with commas between.
    var names: [UInt8] {
        Array(tools.map { "\"\(String(decoding: $0.name.escaped, as: UTF8.self))\"" }.joined(separator: ",").utf8)
    }

    /// Writes an array of `NAME: DESCRIPTION`.
    func write(to json: inout JSONWriter) {
        json.beginArray()
        for tool in tools {
            json.string(JSONText.joined([tool.name, descriptions[Self.key(tool)] ?? ""], separator: ": "))
        }
        json.endArray()
    }

    private static func key(_ tool: Tool) -> [UInt8] { Array(tool.name.escaped) + [0] + tool.schema }
}

extension JSONValue {
    fileprivate var list: [JSONValue] { Array(elements) }
}
