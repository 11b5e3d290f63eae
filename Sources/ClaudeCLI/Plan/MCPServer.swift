public import Vocabulary

/// A server of tools that the operator has registered and that the CLI starts, or calls, itself.
public struct MCPServer: Sendable {
    /// Its name, part of its tools' names: letters, digits, `_`, `-`, and no two `_` in a row.
    public var name: String
    /// Its definition as the CLI takes it, a JSON object. Holds the operator's secrets.
    public var definition: JSONFragment
    /// What of the definition must not show: values of variables and header fields.
    public var secrets: [String]
    /// How the CLI comes to it.
    public var reach: Reach

    /// How the CLI comes to a server.
    public enum Reach: Sendable, Equatable {
        /// It runs its program.
        case program
        /// It connects to this port.
        case port(UInt16)

        var port: UInt16? { if case .port(let number) = self { number } else { nil } }
    }

    /// A server whose definition was checked.
    public init(name: String, definition: JSONFragment, secrets: [String], reach: Reach = .program) {
        self.name = name
        self.reach = reach
        self.definition = definition
        self.secrets = secrets
    }
}

/// The registered servers of one turn.
///
/// They reach the CLI by its standard input only, so that their secrets stand in no command line. The model
/// sees their tools as `mcp__SERVER__TOOL`; the client's own keep their names, so that the two cannot meet.
public struct ActiveServers: Sendable {
    /// The servers; empty in most turns.
    public var servers: [MCPServer]
    /// How often in one turn the model may call their tools and be answered.
    public var maxRounds: Int

    /// No servers.
    public static let none = ActiveServers([], maxRounds: 0)

    /// These servers.
    public init(_ servers: [MCPServer], maxRounds: Int) {
        self.servers = servers
        self.maxRounds = maxRounds
    }

    var isEmpty: Bool { servers.isEmpty }
    var names: String { servers.map(\.name).joined(separator: ", ") }

    /// True for the tools of these servers; the CLI makes their names of letters, digits, `_` and `-`.
    func owns(_ tool: JSONText) -> Bool {
        let name = tool.escaped
        return servers.contains { server in
            name.starts(with: "mcp__".utf8) && name.dropFirst(5).starts(with: server.name.utf8)
                && name.dropFirst(5 + server.name.utf8.count).starts(with: "__".utf8)
        }
    }

    /// What the CLI says of servers that did not start, in words for client and log; nil when all did.
    ///
    /// `errors` is an object of reasons by server, which foreign programs have a hand in.
    func fault(from errors: JSONSlice, in line: Span<UInt8>) -> Fault? {
        let text = JSONFragment(validated: errors.text(in: line).escaped)
        guard let document = try? JSONDocument(parsing: Array(text.bytes)) else { return notStarted("", "") }
        var members = document.root.members
        guard let (name, reason) = members.next() else { return nil }
        let known = servers.first { JSONText($0.name) == name }
        return notStarted(known.map { " '\($0.name)'" } ?? "", reason.text?.string ?? "no reason given")
    }

    /// What is wrong with their state as the CLI lists it, an array that also holds their secrets; nil when all
    /// are connected and have told their tools.
    func fault(fromStatus list: JSONSlice?, in line: Span<UInt8>) -> Fault? {
        let bytes = list.map { Array($0.text(in: line).escaped) } ?? []
        guard let document = try? JSONDocument(parsing: bytes), document.root.kind == .array else {
            return notStarted("s \(names)", "no state")
        }
        for server in servers {
            let state = document.root.elements.first { $0["name"]?.text == JSONText(server.name) }
            let isReady = state?["status"]?.text?.matches("connected") ?? false
            let hasTools = state?["tools"]?.elements.contains { _ in true } ?? false
            if !isReady || !hasTools {
                return notStarted(" '\(server.name)'", isReady ? "it tells no tools" : "not connected")
            }
        }
        return nil
    }

    /// What is said when the CLI has not even said which server it waits for.
    var lateFault: Fault { notStarted("s \(names)", "no answer in time") }

    private func notStarted(_ which: String, _ reason: String) -> Fault {
        Fault(
            .badGateway, "The MCP server\(which) could not be started or reached.", detail: redacted(reason))
    }

    /// The text on one line without the servers' secrets: a server may repeat what it was given.
    func redacted(_ text: String) -> String {
        var bytes = Array(text.utf8)
        for secret in servers.flatMap(\.secrets) where secret.utf8.count >= Self.shortestSecret {
            bytes = Self.removing(Array(secret.utf8), from: bytes)
        }
        return Redaction.clean(String(decoding: bytes, as: UTF8.self))
    }

    /// Shorter values, `1` or `true`, are switches, and hiding them would make any text unreadable.
    private static let shortestSecret = 6

    private static func removing(_ secret: [UInt8], from bytes: [UInt8]) -> [UInt8] {
        var kept: [UInt8] = []
        var rest = bytes[...]
        while let first = rest.first {
            if rest.starts(with: secret) {
                kept += "[redacted]".utf8
                rest = rest.dropFirst(secret.count)
            } else {
                kept.append(first)
                rest = rest.dropFirst()
            }
        }
        return kept
    }
}
