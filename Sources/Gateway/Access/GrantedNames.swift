/// The MCP servers, accounts and workspaces there are, which keys may name.
struct GrantedNames: Sendable {
    private let servers: MCPRegistry
    private let accounts: AccountSettings

    private let workspaces: WorkspaceRegistry

    init(_ servers: MCPRegistry, _ accounts: AccountSettings, _ workspaces: WorkspaceRegistry) {
        self.servers = servers
        self.accounts = accounts
        self.workspaces = workspaces
    }

    /// What is wrong with the names in a key's options, behind the key's name and a colon; nil for nothing.
    func problem(of options: KeyOptions) -> String? {
        if let server = servers.unknown(in: options.mcpServers ?? []) { return "\(quoted(server)) is no server of PROXY_MCP_CONFIG" }
        if let name = options.agent, !workspaces.knows(name) { return "\(quoted(name)) is no workspace of WORKSPACES" }
        return accounts.unknown(in: options.accounts ?? []).map { "\(quoted($0)) is no account of ACCOUNTS" }
    }

    /// Checks keys of the settings: a misspelt name would fail the callers.
    func check(_ keys: [APIKey]) throws(ConfigurationFaults) {
        let faults = keys.compactMap { key in
            problem(of: key.options).map { ConfigurationFault("API_KEYS_FILE", "key \(key.name): \($0)") }
        }
        guard faults.isEmpty else { throw ConfigurationFaults(faults) }
    }
}
