public import Vocabulary

/// What runs of the CLI's own tools stand on, made once for the service's life.
public struct AgentGround: Sendable {
    /// Opens a way into the network that a workspace may reach, or nil.
    public typealias Opener = @Sendable (Workspace.Network) -> (any AgentWay)?

    /// The shell of every workspace.
    public let shell: AgentShell
    /// What bounds the programs of a run.
    public let confinement: AgentConfinement
    private let open: Opener

    /// The ground in the state directory `state`, whose programs go into the network by `open`. Call once control groups
    /// have been claimed.
    public init(state: String, opening open: @escaping Opener) throws(Fault) {
        shell = try AgentShell(state: state)
        confinement = .current
        self.open = open
    }

    /// How the CLI at `path` is started for a run.
    func launch(_ run: AgentRun, path: String) -> AgentLaunch {
        let (shell, confinement, open) = (shell, confinement, open)
        let network = run.workspace.network
        return AgentLaunch(
            run: run, shell: shell.files,
            variables: { directory, way in
                shell.variables(
                    for: run.workspace, in: directory, cli: path, proxy: way?.url, confinement: confinement)
            }, open: { open(network) },
            bound: { plan in confinement.bound(&plan, to: run.workspace) })
    }
}
