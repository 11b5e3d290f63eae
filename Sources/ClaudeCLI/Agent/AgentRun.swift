/// What one run of the CLI's own tools may do: a workspace, or the part of it that was asked for.
public struct AgentRun: Sendable, Hashable {
    /// The workspace, with the directory that is the key's.
    public var workspace: Workspace
    /// The tools of this run, some or all of the workspace's.
    public var tools: Set<AgentTool>
    /// Where it begins: the workspace's directory or one beneath it, without links.
    public var workingDirectory: String
    /// How often the model may be asked.
    public var maxTurns: Int

    /// A run of everything that the workspace allows.
    public init(in workspace: Workspace) {
        self.workspace = workspace
        tools = workspace.tools
        workingDirectory = workspace.directory
        maxTurns = workspace.bounds.turns
    }

    /// The one type of sub-agents that there is, which is the CLI's usual one.
    static let subagent = "general-purpose"

    /// The tools' names in one order, as the CLI takes them.
    var toolNames: [String] { tools.map(\.rawValue).sorted() }
}
