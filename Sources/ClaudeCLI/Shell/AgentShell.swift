import Glibc
public import Platform
public import Vocabulary

/// The program that the CLI takes for its shell: this one, under a name that the CLI accepts.
///
/// What it does is fixed by the environment that the gateway gives the CLI, which nothing of a request is in.
public struct AgentShell: Sendable, Equatable {
    /// The link by which the CLI calls it.
    public let path: String
    /// The file that it leads to.
    public let program: String
    /// That file, and the libraries that it is put together with.
    public let files: [String]

    /// Makes the link below `state` that leads to the file `program`, this process's own as a rule.
    public init(state: String, program: String = CurrentProcess.program) throws(Fault) {
        let directory = state + "/shell"
        path = directory + "/bash"
        self.program = HiddenPlaces.resolved(program)
        files = [self.program] + CurrentProcess.libraries
        guard unsafe mkdir(directory, 0o700) == 0 || errno == EEXIST else { throw Self.fault(directory) }
        let fresh = "\(path).\(getpid())"
        _ = unsafe unlink(fresh)
        // In one step: children of a process before this one go on to call it.
        guard unsafe symlink(self.program, fresh) == 0, unsafe rename(fresh, path) == 0 else { throw Self.fault(path) }
    }

    /// What the CLI's environment says for it, beside what it says for every child.
    ///
    /// `proxy` is the address of the egress proxy with the run's token in it; nil for a workspace without network. `cli` is
    /// the CLI's program, which holds a search for files and in them, and `confinement` is what bounds all its processes
    /// together.
    public func variables(
        for workspace: Workspace, in directory: TurnDirectory, cli: String, proxy: String?, confinement: AgentConfinement
    ) -> [String] {
        let plan = ShellVariables(
            workspace: workspace.directory, room: directory.shell, notes: directory.temporary,
            snapshots: directory.configuration + "/shell-snapshots", cli: HiddenPlaces.resolved(cli), proxy: proxy,
            largestFile: workspace.bounds.largestFile, largestProcess: confinement.boundsMemory ? nil : workspace.bounds.memoryBytes,
            mostProcesses: confinement.tasksOfShell(in: workspace))
        return ["SHELL=\(path)", "CLAUDE_CODE_SHELL=\(path)"] + plan.assignments + Self.cliProxy(proxy)
    }

    /// The CLI itself asks through the proxy too.
    private static func cliProxy(_ proxy: String?) -> [String] {
        guard let proxy else { return [] }
        return ["HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"].map { "\($0)=\(proxy)" }
    }

    private static func fault(_ path: String) -> Fault {
        Fault(
            .unavailable, "The gateway cannot prepare a workspace.",
            detail: "cannot make \(path): \(unsafe String(cString: strerror(errno)))", retryAfterSeconds: 5)
    }
}
