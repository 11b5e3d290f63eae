import Platform

/// How the CLI is started whose own tools work in a workspace.
public struct AgentLaunch: Sendable {
    /// What they may do.
    public let run: AgentRun
    /// The files of the program that it takes for its shell.
    let shell: [String]
    /// What its environment says beside what it says for every child, by its directory.
    let variables: @Sendable (TurnDirectory, (any AgentWay)?) -> [String]
    /// Opens a way into the network; nil where the workspace has none.
    let open: @Sendable () -> (any AgentWay)?
    /// Bounds it and all that it starts.
    let bound: @Sendable (inout SpawnPlan) -> Void

    /// Fixed for all processes of the run's kind: nothing of a request is in it.
    private static let switches = [
        // Nothing outlives a run.
        "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS=1",
        // Else the CLI asks git how a workspace stands, whose configuration an earlier run may have written: it names
        // programs that git starts, and they would have the CLI's own environment.
        "CLAUDE_CODE_DISABLE_GIT_INSTRUCTIONS=1",
    ]

    /// The vendor is asked without the proxy, which knows the workspace's hosts alone. So are pages fetched from there: with
    /// its port nothing else of a machine is open by that, least of all of this one, where a relay is.
    static func exceptions(_ given: [String]) -> [String] {
        let address = given.last { $0.hasPrefix("ANTHROPIC_BASE_URL=") } ?? "https://api.anthropic.com"
        var authority = address.firstRange(of: "://").map { address[$0.upperBound...] } ?? address[...]
        authority = authority.prefix { !"/?#".contains($0) }
        if let at = authority.lastIndex(of: "@") { authority = authority[authority.index(after: at)...] }
        return ["NO_PROXY=\(authority)", "no_proxy=\(authority)"]
    }

    /// Completes the plan of a child that lives in `directory`, within `walls`, and writes `login`, where it needs that.
    func complete(
        _ plan: inout SpawnPlan, in directory: TurnDirectory, within walls: WallPolicy?, login: String?, given: [String],
        by way: (any AgentWay)?
    ) {
        let own = variables(directory, way) + (way == nil ? [] : Self.exceptions(given))
        let names = Set(own.map { $0.prefix { $0 != "=" } })
        plan.environment = plan.environment.filter { !names.contains($0.prefix { $0 != "=" }) } + own + Self.switches
        plan.arguments = ["claude"] + LaunchProfile.arguments(for: run)
        plan.workingDirectory = run.workingDirectory
        plan.walls = walls?.walls(
            running: plan.path, in: directory, login: login, variables: given + own, workspace: run.workspace, shell: shell)
        bound(&plan)
    }
}
