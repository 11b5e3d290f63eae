extension Setting {
    static let mcp: [Setting] = [
        Setting(
            "PROXY_MCP_CONFIG", .mcp, .optionalPath("FILE", \.mcp.file),
            "MCP servers that requests may switch on: `{\"mcpServers\": {\"NAME\": {…}}}` as for the CLI's "
                + "`--mcp-config`, mode 0600.", fallback: "none"),
        Setting(
            "MCP_DEFAULT_ALLOWED", .mcp, .serverNames,
            "The servers that keys without a `mcp=` option may switch on; `*` for all.", fallback: "none"),
        Setting(
            "MCP_MAX_ROUNDS", .mcp, .whole(1...1000, "rounds", \.mcp.maxRounds),
            "How often the model may call their tools, and be answered, in one request."),
        Setting(
            "MCP_START_TIMEOUT_MS", .mcp, .whole(100...600_000, "ms", \.mcp.startTimeoutMilliseconds),
            "How long a server may take to start; then the request fails."),
    ]
}

extension Setting.Reader {
    /// Names of registered servers; whether they are is known once the registry is read.
    static var serverNames: Self {
        list("NAMES", \.mcp.allowedByDefault) { (text, _) throws(ValueProblem) in text }
    }
}
