import ClaudeCLI
import Glibc
import HTTP
import Vocabulary

/// The grammar of the registry: `{"mcpServers": {"name": {…}}}`, as in the CLI's own `--mcp-config`.
///
/// It is stricter than the CLI, which starts what it can and is silent about the rest. Faults name the file
/// and the server, never a value.
enum MCPFile {
    static let maximumBytes = 1 << 20

    /// Reads all servers; programs of servers get the variables `hidden` empty unless the file gives them.
    static func parse(
        _ bytes: [UInt8], path: String, hiding hidden: [String]
    ) throws(ConfigurationFaults) -> (servers: [MCPServer], notes: [String]) {
        let root: JSONValue
        do throws(JSONError) {
            root = try JSONDocument(parsing: bytes).root
        } catch {
            throw ConfigurationFaults([
                ConfigurationFault(path, "is not JSON: \(error.reason) at byte \(error.offset)")
            ])
        }
        guard root.kind == .object, let list = root["mcpServers"], list.kind == .object,
            root.members.allSatisfy({ $0.key.string == "mcpServers" })
        else {
            throw ConfigurationFaults([
                ConfigurationFault(path, "is not an object with the one key mcpServers, itself an object")
            ])
        }
        var servers: [MCPServer] = []
        var notes: [String] = []
        var faults: [ConfigurationFault] = []
        for (index, (key, value)) in list.members.enumerated() {
            let name = key.string
            do throws(ValueProblem) {
                try checkName(name)
                if servers.contains(where: { $0.name == name }) { throw ValueProblem("is there twice") }
                var reader = MCPServerReader(name: name)
                servers.append(try reader.read(value, hiding: hidden))
                notes += reader.notes
            } catch {
                // A name that is none is not repeated: it may be a misplaced value.
                let label = name.isName(ofAtMost: 64) ? "server \(name)" : "server \(index + 1)"
                faults.append(ConfigurationFault(path, "\(label): \(error.text)"))
            }
        }
        guard faults.isEmpty else { throw ConfigurationFaults(faults) }
        return (servers, notes)
    }

    private static func checkName(_ name: String) throws(ValueProblem) {
        guard name.isName(ofAtMost: 64) else {
            throw ValueProblem("the name is not 1 to 64 letters, digits, '_' and '-'")
        }
        if name == "c" { throw ValueProblem("this name is reserved") }
        // In `mcp__SERVER__TOOL` the CLI takes the first pair for the end of the server's name.
        if name.contains("__") || name.hasPrefix("_") || name.hasSuffix("_") {
            throw ValueProblem("the name must not begin or end with '_' or hold two in a row")
        }
    }
}

/// Reads one server's definition and writes it in the CLI's form.
private struct MCPServerReader {
    let name: String
    var notes: [String] = []
    private var secrets: [String] = []
    private var reach = MCPServer.Reach.program
    private var json = JSONWriter()

    /// Where the CLI, and with it every server, looks for programs.
    private static let searchPath = ["/usr/local/bin", "/usr/bin", "/bin"]

    init(name: String) { self.name = name }

    mutating func read(_ value: JSONValue, hiding hidden: [String]) throws(ValueProblem) -> MCPServer {
        guard value.kind == .object else { throw ValueProblem("is not an object") }
        json.beginObject()
        switch try string(value, "type") ?? "stdio" {
        case "stdio": try program(value, hiding: hidden)
        case "http": try address(value, type: "http")
        case "sse": try address(value, type: "sse")
        default: throw ValueProblem("type is none of stdio, http, sse")
        }
        if let timeout = value["timeout"] {
            guard let milliseconds = timeout.integer, (1...86_400_000).contains(milliseconds) else {
                throw ValueProblem("timeout is not a number of ms from 1 to 86400000")
            }
            json.member("timeout", milliseconds)
        }
        json.endObject()
        return MCPServer(name: name, definition: JSONFragment(validated: json.bytes[...]), secrets: secrets, reach: reach)
    }

    // MARK: - The two kinds

    private mutating func program(_ value: JSONValue, hiding hidden: [String]) throws(ValueProblem) {
        try checkKeys(of: value, ["type", "command", "args", "env", "timeout"])
        guard let command = try string(value, "command"), !command.isEmpty else {
            throw ValueProblem("command is missing")
        }
        json.member("type", literal: "stdio")
        json.member("command", try Self.program(command))
        json.key("args")
        json.beginArray()
        if let arguments = value["args"] {
            guard arguments.kind == .array else { throw ValueProblem("args is not an array of strings") }
            for argument in arguments.elements { json.string(try text(argument, "args")) }
        }
        json.endArray()
        json.key("env")
        json.beginObject()
        var given: [String] = []
        for (key, text) in try pairs(value, "env") {
            guard Self.isVariable(key) else { throw ValueProblem("env: a name is no variable's") }
            given.append(key)
            json.key(JSONText(key))
            json.string(text)
        }
        for variable in hidden where !given.contains(variable) {
            json.key(JSONText(variable))
            json.string(literal: "")
        }
        json.endObject()
    }

    private mutating func address(_ value: JSONValue, type: StaticString) throws(ValueProblem) {
        try checkKeys(of: value, ["type", "url", "headers", "timeout"])
        guard let url = try string(value, "url") else { throw ValueProblem("url is missing") }
        let isSecure = url.hasPrefix("https://")
        guard isSecure || url.hasPrefix("http://"), url.utf8.count > 8,
            url.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw ValueProblem("url is no http or https address") }
        guard let port = AddressPort.of(url) else { throw ValueProblem("url has no port that can be reached") }
        reach = .port(port)
        if !isSecure { notes.append("MCP server \(name) is reached without TLS") }
        if url.contains("?") || url.contains("@") { secrets.append(url) }
        json.member("type", literal: type)
        json.member("url", url)
        json.key("headers")
        json.beginObject()
        for (key, text) in try pairs(value, "headers") {
            guard key.utf8.count <= 256, FieldName(parsing: key) != nil else {
                throw ValueProblem("headers: a name is no field's")
            }
            guard text.utf8.allSatisfy({ $0 == 0x09 || ($0 >= 0x20 && $0 != 0x7F) }) else {
                throw ValueProblem("headers: a value holds a control character")
            }
            json.key(JSONText(key))
            json.string(text)
        }
        json.endObject()
    }

    // MARK: - Pieces

    /// An absolute path, or a name found where the CLI would find it; it must be a program.
    private static func program(_ command: String) throws(ValueProblem) -> String {
        let candidates =
            command.hasPrefix("/") ? [command]
            : command.contains("/") ? [] : searchPath.map { "\($0)/\(command)" }
        guard !candidates.isEmpty else {
            let path = searchPath.joined(separator: ":")
            throw ValueProblem("command must be an absolute path or a name on \(path)")
        }
        for path in candidates {
            var status = stat()
            if unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
                unsafe access(path, X_OK) == 0
            {
                return path
            }
        }
        let place = command.hasPrefix("/") ? "there" : "on \(searchPath.joined(separator: ":"))"
        throw ValueProblem("command is no program \(place)")
    }

    /// Unknown keys are refused: a misspelt `header` would send a request without its credential.
    private func checkKeys(of value: JSONValue, _ known: [String]) throws(ValueProblem) {
        var seen: Set<String> = []
        for (key, _) in value.members {
            guard known.contains(key.string) else {
                throw ValueProblem("has a key that is none of \(known.joined(separator: ", "))")
            }
            guard seen.insert(key.string).inserted else { throw ValueProblem("\(key.string) is given twice") }
        }
    }

    private func string(_ value: JSONValue, _ key: StaticString) throws(ValueProblem) -> String? {
        guard let member = value[key] else { return nil }
        return try text(member, "\(key)")
    }

    private func text(_ value: JSONValue, _ what: String) throws(ValueProblem) -> String {
        guard let text = value.text?.string else {
            throw ValueProblem("\(what) holds something else than text")
        }
        guard !text.utf8.contains(0) else { throw ValueProblem("\(what) holds a zero byte") }
        // The CLI replaces it when it reads such a file itself, but not in what it is handed.
        guard !text.contains("${") else {
            throw ValueProblem("\(what) holds ${…}, which is not replaced here; write the value itself")
        }
        return text
    }

    /// The members of an object of texts, which are secrets all.
    private mutating func pairs(
        _ value: JSONValue, _ key: StaticString
    ) throws(ValueProblem) -> [(String, String)] {
        guard let object = value[key] else { return [] }
        guard object.kind == .object else { throw ValueProblem("\(key) is not an object of texts") }
        var pairs: [(String, String)] = []
        for (name, member) in object.members {
            let text = try text(member, "\(key)")
            let name = name.string
            if pairs.contains(where: { $0.0 == name }) { throw ValueProblem("\(key): a name is given twice") }
            pairs.append((name, text))
            secrets.append(text)
            // Of `Bearer TOKEN` a server may repeat the token alone.
            if let token = text.split(separator: " ").last, token.count < text.count {
                secrets.append(String(token))
            }
        }
        return pairs
    }

    private static func isVariable(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 256
            && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "=") }
    }
}
