/// The registered MCP servers, and what turns may do with them.
struct MCPSettings: Sendable, Equatable {
    /// The file that defines them.
    var file: String?
    /// Those that keys may switch on which say nothing of their own; `*` for all.
    var allowedByDefault: [String] = []
    /// How often the model may call their tools in one turn.
    var maxRounds = 20
    /// How long they may take to start, in milliseconds.
    var startTimeoutMilliseconds = 20_000
}
