/// A tool of the CLI's own that a workspace may have, by the name the CLI and the model know.
public enum AgentTool: String, Sendable, Hashable, CaseIterable {
    case read = "Read"
    case write = "Write"
    case edit = "Edit"
    case bash = "Bash"
    case glob = "Glob"
    case grep = "Grep"
    case webFetch = "WebFetch"
    case webSearch = "WebSearch"
    /// Gives a part of the work to a sub-agent.
    case agent = "Agent"

    /// True for the one that runs programs.
    public var runsPrograms: Bool { self == .bash }
}
