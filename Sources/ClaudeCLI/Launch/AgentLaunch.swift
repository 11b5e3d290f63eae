import Platform

/// How the CLI is started whose own tools work in a workspace.
public struct AgentLaunch: Sendable {
    /// A way into the network for the programs of one process, good until its end.
    public protocol Way: AnyObject, Sendable {
        /// The address of a proxy, with a token in it.
        var url: String { get }
    }

    /// What they may do.
    public let run: AgentRun
    /// The files of the program that it takes for its shell.
    let shell: [String]
    /// What its environment says beside what it says for every child, by its directory.
    let variables: @Sendable (TurnDirectory, (any Way)?) -> [String]
    /// Opens a way into the network; nil where the workspace has none.
    let open: @Sendable () -> (any Way)?
    /// Bounds it and all that it starts.
    let bound: @Sendable (inout SpawnPlan) -> Void

    /// Fixed for all processes of the run's kind: nothing of a request is in it.
    private static let switches = [
        // Nothing outlives a run.
        "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS=1",
    ]

    /// The vendor is asked without the proxy, which knows the workspace's hosts alone.
    private static func withVendor(_ pair: String, _ given: [String]) -> String {
        guard pair.lowercased().hasPrefix("no_proxy=") else { return pair }
        let address = given.last { $0.hasPrefix("ANTHROPIC_BASE_URL=") }.map { String($0.drop { $0 != "=" }.dropFirst()) }
        return "\(pair),\(address.flatMap(AgentPolicy.host) ?? "api.anthropic.com")"
    }

    /// Completes the plan of a child that lives in `directory`, within `walls`, and writes `login`, where it needs that.
    func complete(
        _ plan: inout SpawnPlan, in directory: TurnDirectory, within walls: WallPolicy?, login: String?, given: [String],
        by way: (any Way)?
    ) {
        let own = variables(directory, way).map { Self.withVendor($0, given) }
        let names = Set(own.map { $0.prefix { $0 != "=" } })
        plan.environment = plan.environment.filter { !names.contains($0.prefix { $0 != "=" }) } + own + Self.switches
        plan.arguments = ["claude"] + LaunchProfile.arguments(for: run)
        plan.workingDirectory = run.workingDirectory
        plan.walls = walls?.walls(
            running: plan.path, in: directory, login: login, variables: given + own, workspace: run.workspace, shell: shell)
        bound(&plan)
    }
}
