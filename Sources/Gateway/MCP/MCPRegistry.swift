import ClaudeCLI
import Vocabulary

/// The MCP servers that the operator has registered, and who may switch on which.
struct MCPRegistry: Sendable {
    /// The servers in the file's order.
    let servers: [MCPServer]
    /// What the operator should know of them, one line each.
    let notes: [String]
    private let settings: MCPSettings

    /// The registry of a configuration; every fault of its file at once.
    ///
    /// Programs of servers get none of the variables in `hidden`, names of what the CLI alone is given.
    static func load(
        _ settings: MCPSettings, hiding hidden: [String]
    ) throws(ConfigurationFaults) -> MCPRegistry {
        guard let path = settings.file else { return try MCPRegistry([], notes: [], settings) }
        let content: SecretBytes
        do throws(FileFault) {
            content = try SecretFile.read(path, .secret, maximumBytes: MCPFile.maximumBytes)
        } catch {
            throw ConfigurationFaults([ConfigurationFault("PROXY_MCP_CONFIG", error.description)])
        }
        let bytes = content.copy
        let (servers, notes) = try MCPFile.parse(bytes, path: path, hiding: hidden)
        return try MCPRegistry(servers, notes: notes, settings)
    }

    /// No servers.
    static let none = MCPRegistry()

    private init() { (servers, notes, settings) = ([], [], MCPSettings()) }

    init(
        _ servers: [MCPServer], notes: [String], _ settings: MCPSettings
    ) throws(ConfigurationFaults) {
        self.servers = servers
        self.notes = notes
        self.settings = settings
        if let unknown = unknown(in: settings.allowedByDefault) {
            throw ConfigurationFaults([
                ConfigurationFault(
                    "MCP_DEFAULT_ALLOWED", "\(quoted(unknown)) is no server of PROXY_MCP_CONFIG")
            ])
        }
    }

    /// How many there are, and their names.
    var summary: String {
        let names = servers.map(\.name).joined(separator: ", ")
        return servers.isEmpty ? "no MCP servers" : "\(servers.count) MCP servers: \(names)"
    }

    /// The first of the names that is no server's; nil when all are.
    func unknown(in names: [String]) -> String? {
        names.first { name in name != "*" && !servers.contains { $0.name == name } }
    }

    /// The servers a key may switch on.
    func allowed(_ options: KeyOptions) -> [MCPServer] {
        let names = options.mcpServers ?? settings.allowedByDefault
        return names.contains("*") ? servers : servers.filter { names.contains($0.name) }
    }

    /// The servers that a request switches on by its body's `metadata.mcp_servers` and by `fieldNames`, those
    /// of its header field `x-mcp-servers`; both together count.
    func activate(
        metadata: JSONFragment?, fieldNames: [String], options: KeyOptions
    ) throws(Refusal) -> ActiveServers {
        var wanted: Set<String> = []
        let allowed = allowed(options)
        for (place, names) in [
            ("metadata.mcp_servers", try Self.names(in: metadata)), ("x-mcp-servers", fieldNames),
        ] {
            for name in names {
                guard allowed.contains(where: { $0.name == name }) else {
                    throw Self.refusal(place, allowed.map(\.name))
                }
                wanted.insert(name)
            }
        }
        guard !wanted.isEmpty else { return .none }
        return ActiveServers(allowed.filter { wanted.contains($0.name) }, maxRounds: settings.maxRounds)
    }

    private static func refusal(_ place: String, _ allowed: [String]) -> Refusal {
        let known = allowed.isEmpty ? "none is" : allowed.count == 1 ? "one is" : "these are"
        let list = allowed.isEmpty ? "" : ": \(allowed.joined(separator: ", "))"
        return Refusal(
            .invalidRequest,
            "\(place): must name MCP servers that this key may switch on; \(known) allowed\(list)",
            param: place)
    }

    /// A list with commas, which is all that OpenAI's metadata can hold, or an array.
    private static func names(in metadata: JSONFragment?) throws(Refusal) -> [String] {
        guard let metadata, let document = try? JSONDocument(parsing: Array(metadata.bytes)),
            let value = document.root.optional("mcp_servers")
        else { return [] }
        if let text = value.text { return split(text.string) }
        var names: [String] = []
        for element in value.kind == .array ? Array(value.elements) : [value] {
            guard let text = element.text else {
                let path = "metadata.mcp_servers"
                throw Refusal(
                    .invalidRequest, "\(path): expected a string of names or an array of strings",
                    param: path)
            }
            names.append(text.string)
        }
        return names
    }

    static func split(_ list: String) -> [String] {
        list.split { $0 == "," || $0 == " " || $0 == "\t" }.map(String.init)
    }
}
