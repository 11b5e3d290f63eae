import ClaudeCLI
import Vocabulary

/// The workspaces that the operator has declared; without any nothing of agents exists.
struct WorkspaceRegistry: Sendable {
    /// In the file's order, with directories that exist.
    let workspaces: [Workspace]
    /// What runs stand on; nil as long as nothing runs.
    private(set) var ground: AgentGround?

    /// No workspaces.
    static let none = WorkspaceRegistry([])

    /// The workspace of `WORKSPACE_DIR`.
    static let simpleName = "default"
    /// The tools of a workspace that names none.
    static let usualTools: Set<AgentTool> = [.read, .write, .edit, .bash, .glob, .grep]

    init(_ workspaces: [Workspace]) { self.workspaces = workspaces }

    /// Reads and checks all that the settings declare; `places` are the gateway's own.
    static func load(_ settings: WorkspaceSettings, apartFrom places: [String]) throws(ConfigurationFaults) -> WorkspaceRegistry {
        var declared: [(place: String, workspace: Workspace)] = []
        if let directory = settings.directory {
            declared.append(("WORKSPACE_DIR", Workspace(name: simpleName, directory: directory, tools: usualTools)))
        }
        if let path = settings.file {
            let content: SecretBytes
            do throws(FileFault) {
                content = try SecretFile.read(path, .readableByAll, maximumBytes: WorkspaceFile.maximumBytes)
            } catch {
                throw ConfigurationFaults([ConfigurationFault("WORKSPACES", error.description)])
            }
            declared += try WorkspaceFile.parse(content.copy, path: path).map { (path, $0) }
        }
        return WorkspaceRegistry(try check(declared, apartFrom: places))
    }

    private static func check(
        _ declared: [(place: String, workspace: Workspace)], apartFrom places: [String]
    ) throws(ConfigurationFaults) -> [Workspace] {
        var workspaces: [Workspace] = []
        var faults: [ConfigurationFault] = []
        for (place, workspace) in declared {
            var workspace = workspace
            do throws(ValueProblem) {
                if workspaces.contains(where: { $0.name == workspace.name }) { throw ValueProblem("is there twice") }
                workspace.directory = try WorkspaceDirectory.prepare(workspace.directory)
                let others = places + workspaces.map(\.directory)
                if let problem = WorkspaceDirectory.problem(of: workspace.directory, beside: others) { throw ValueProblem(problem) }
                workspaces.append(workspace)
            } catch {
                faults.append(ConfigurationFault(place, "workspace \(workspace.name): \(error.text)"))
            }
        }
        guard faults.isEmpty else { throw ConfigurationFaults(faults) }
        return workspaces
    }

    /// The same, ready for runs: their shell is kept below `state`. A workspace whose programs nothing would bound is a fault.
    func grounded(
        in state: String, opening open: @escaping AgentGround.Opener = { _ in nil }
    ) throws(ConfigurationFaults) -> WorkspaceRegistry {
        guard !isEmpty else { return self }
        var registry = self
        do throws(Fault) { registry.ground = try AgentGround(state: state, opening: open) } catch {
            throw ConfigurationFaults([ConfigurationFault("WORKSPACES", error.detail)])
        }
        return registry
    }

    /// Why they cannot be offered here, one line each.
    func objections(hasWalls: Bool) -> [ConfigurationFault] {
        guard !isEmpty else { return [] }
        guard hasWalls else { return [ConfigurationFault("WORKSPACES", "need walls: SANDBOX must not be off")] }
        let confinement = AgentConfinement.expected
        return workspaces.compactMap { confinement.objection(to: $0) }.map { ConfigurationFault("WORKSPACES", $0) }
    }

    /// What programs cannot do here that an operator may expect, one line each.
    var shortcomings: [String] {
        let shells = workspaces.filter { $0.tools.contains(where: \.runsPrograms) }
        guard !shells.isEmpty else { return [] }
        let closed = shells.filter { WorkspaceDirectory.forbidsPrograms($0.directory) }.map {
            "workspace \($0.name): no program in \($0.directory) can be run (noexec); beneath systemd ExecPaths= opens it"
        }
        return closed + [AgentConfinement.expected.shortcoming].compactMap(\.self)
    }

    /// True where programs of some may go into the network.
    var needsNetwork: Bool { workspaces.contains { $0.network != .none } }

    var isEmpty: Bool { workspaces.isEmpty }

    /// True for the name of a workspace.
    func knows(_ name: String) -> Bool { workspaces.contains { $0.name == name } }

    /// How many there are, and their names.
    var summary: String {
        "\(workspaces.count) workspaces: \(workspaces.map(\.name).joined(separator: ", "))"
    }

    /// What the key `key` may do of what a request wishes, by its options.
    func run(of wish: AgentWish, for key: String, _ options: KeyOptions) throws(Refusal) -> AgentRun {
        guard let name = options.agent else {
            throw Refusal(
                .forbidden, "This key has no workspace; its operator can give it one with the option agent=NAME.")
        }
        guard var workspace = workspaces.first(where: { $0.name == name }) else {
            throw Refusal(.forbidden, "The workspace of this key is no longer there.")
        }
        if !workspace.isShared {
            guard let own = WorkspaceDirectory.own(of: key, in: workspace.directory) else {
                throw Refusal(.internalError, "The directory of this key cannot be made in its workspace.")
            }
            workspace.directory = own
        }
        var run = AgentRun(in: workspace)
        if let names = wish.tools { run.tools = try tools(names, of: workspace) }
        if let directory = wish.workingDirectory { run.workingDirectory = try place(directory, in: workspace) }
        if let turns = wish.maxTurns { run.maxTurns = min(turns, workspace.bounds.turns) }
        return run
    }

    private func tools(_ names: [String], of workspace: Workspace) throws(Refusal) -> Set<AgentTool> {
        var tools: Set<AgentTool> = []
        for (index, name) in names.enumerated() {
            guard let tool = AgentTool(rawValue: name), workspace.tools.contains(tool) else {
                let all = workspace.tools.map(\.rawValue).sorted().joined(separator: ", ")
                throw Refusal(
                    .forbidden, "allowedTools[\(index)]: this workspace has no tool '\(name.prefix(64))'; it has \(all)",
                    param: "allowedTools[\(index)]")
            }
            tools.insert(tool)
        }
        return tools
    }

    private func place(_ path: String, in workspace: Workspace) throws(Refusal) -> String {
        let place = WorkspacePath.resolve(path, from: workspace.directory)
        guard let place, WorkspacePath.part(of: place, beneath: workspace.directory) != nil else {
            throw Refusal(
                .forbidden, "workingDirectory: must lie in the workspace, \(workspace.directory)",
                param: "workingDirectory")
        }
        guard WorkspacePath.isDirectory(place) else {
            throw Refusal(.notFound, "workingDirectory: there is no such directory", param: "workingDirectory")
        }
        return place
    }
}
