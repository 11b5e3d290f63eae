/// What an operator grants or presets for one key, written behind it in the key file.
struct KeyOptions: Sendable, Hashable {
    /// The clients whose peculiarities the gateway can smooth out.
    enum Client: String, Sendable, CaseIterable { case openclaw, codex }

    /// The client that uses this key; nil when it is any.
    var client: Client?
    /// Names of the MCP servers this key may switch on, `*` for all; nil leaves it to the setting.
    var mcpServers: [String]?

    /// Takes one `name=value` word over. What is not an option may be part of a key, and so is not repeated.
    mutating func take(_ word: Substring) throws(ValueProblem) {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[1].isEmpty else {
            throw ValueProblem("is followed by something that is not name=value")
        }
        switch parts[0] {
        case "client":
            guard let client = Client(rawValue: String(parts[1])) else {
                let known = Client.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValueProblem("has a client that is none of \(known)")
            }
            self.client = client
        case "mcp":
            mcpServers = parts[1].split(separator: ",").map(String.init)
        default:
            throw ValueProblem("has an option that is none of client, mcp")
        }
    }
}
