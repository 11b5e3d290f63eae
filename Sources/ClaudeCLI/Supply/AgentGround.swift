public import Vocabulary

/// What runs of the CLI's own tools stand on, made once for the service's life.
public struct AgentGround: Sendable {
    /// The shell of every workspace.
    public let shell: AgentShell
    /// What bounds the programs of a run.
    public let confinement: AgentConfinement

    /// The ground in the state directory `state`. Call once control groups have been claimed.
    public init(state: String) throws(Fault) {
        shell = try AgentShell(state: state)
        confinement = .current
    }

    /// How the CLI at `path` is started for a run whose programs ask through `proxy`; nil for no network.
    func launch(_ run: AgentRun, path: String, proxy: String?) -> AgentLaunch {
        let (shell, confinement) = (shell, confinement)
        return AgentLaunch(run: run, shell: shell.files) { directory in
            shell.variables(
                for: run.workspace, in: directory, cli: path, proxy: proxy, isBounded: confinement.boundsMemory)
        } bound: { plan in
            confinement.bound(&plan, to: run.workspace)
        }
    }
}
