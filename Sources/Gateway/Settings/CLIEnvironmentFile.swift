/// The grammar of the CLI's environment file: `NAME=value` lines, `#` comments, quotes around values.
enum CLIEnvironmentFile {
    /// Variables that the gateway sets itself, or that would undo what it promises, and what to say of them.
    private static let refused: [(names: [String], reason: String)] = [
        (
            ["HOME", "TMPDIR", "CLAUDE_CODE_TMPDIR", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"],
            "each child gets a private one"
        ),
        (["CLAUDE_CONFIG_DIR"], "is a setting of its own: --claude-config-dir"),
        (["PATH", "LANG", "TZ", "SHELL"], "is the same for every child"),
        (["CLAUDE_CODE_MAX_RETRIES"], "is a setting of its own: --claude-code-max-retries"),
        (["MCP_TIMEOUT"], "is a setting of its own: --mcp-start-timeout-ms"),
        (
            [
                "CLAUDE_CODE_DISABLE_FILE_MENTIONS", "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK",
                "CLAUDE_CODE_DISABLE_REFUSAL_RETRY", "CLAUDE_CODE_DISABLE_REFUSAL_FALLBACK",
                "CLAUDE_CODE_DISABLE_LEGACY_MODEL_REMAP", "CLAUDE_AGENT_SDK_MCP_NO_PREFIX",
                "CLAUDE_CODE_MAX_MCP_DESCRIPTION_LENGTH", "CLAUDE_CODE_MAX_OUTPUT_TOKENS",
                "CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE", "DISABLE_AUTO_COMPACT", "ENABLE_TOOL_SEARCH",
                "CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
                "CLAUDE_CODE_DISABLE_THINKING", "CLAUDE_CODE_MAX_TURNS", "CLAUDE_CODE_SIMPLE", "CLAUDECODE",
                "MCP_SERVER_CONNECTION_BATCH_SIZE", "ENABLE_MCP_LARGE_OUTPUT_FILES", "MAX_MCP_OUTPUT_TOKENS",
            ], "is set by the gateway"
        ),
        (
            ["CLAUDE_CODE_EXTRA_BODY", "CLAUDE_CODE_EXTRA_METADATA", "CLAUDE_CODE_ATTRIBUTION_HEADER"],
            "would change what the CLI says of itself"
        ),
        (
            ["NODE_OPTIONS", "BASH_ENV", "ENV", "GCONV_PATH", "GLIBC_TUNABLES", "MALLOC_TRACE"],
            "would run other code inside the CLI"
        ),
        (
            ["NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY", "JOURNAL_STREAM", "INVOCATION_ID", "MAINPID"],
            "belongs to the gateway's own service"
        ),
    ]
    private static let refusedPrefixes: [(prefix: String, reason: String)] = [
        ("LD_", "would run other code inside the CLI"), ("BUN_", "would run other code inside the CLI"),
        ("LISTEN_", "belongs to the gateway's own service"),
        ("WATCHDOG_", "belongs to the gateway's own service"),
    ]

    /// Why a variable is not given to children; nil when it may be.
    static func refusal(of name: String) -> String? {
        if let row = refused.first(where: { $0.names.contains(name) }) { return row.reason }
        if let row = refusedPrefixes.first(where: { name.hasPrefix($0.prefix) }) { return row.reason }
        return name.hasSuffix("_FILE_DESCRIPTOR") ? "children inherit no descriptors" : nil
    }

    /// Parses the lines; faults name line and variable, never a value. Those of `allowed` may stand there all the same.
    static func parse(
        _ bytes: [UInt8], path: String, allowing allowed: Set<String> = []
    ) throws(ConfigurationFaults) -> [(name: String, value: String)] {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationFaults([ConfigurationFault(path, "is not UTF-8")])
        }
        var variables: [(name: String, value: String)] = []
        var faults: [ConfigurationFault] = []
        for (number, line) in AssignmentLine.lines(of: text) {
            do throws(ValueProblem) {
                // The parser's own words may quote what stands left of "=": here that may be a secret.
                guard let (name, value) = try? AssignmentLine.parse(line) else {
                    throw ValueProblem("is not NAME=value")
                }
                if !allowed.contains(name), let reason = refusal(of: name) { throw ValueProblem("\(name): \(reason)") }
                // An empty credential would pass for a login.
                if value.isEmpty { throw ValueProblem("\(name) is empty") }
                if value.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 }) {
                    throw ValueProblem("\(name) holds a control character")
                }
                if variables.contains(where: { $0.name == name }) {
                    throw ValueProblem("\(name) is given twice")
                }
                variables.append((name, value))
            } catch {
                faults.append(ConfigurationFault("\(path):\(number)", error.text))
            }
        }
        guard faults.isEmpty else { throw ConfigurationFaults(faults) }
        return variables
    }
}
