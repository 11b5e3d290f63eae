import Glibc
public import Platform

/// What bounds the programs of a run, so that none outlives it and they come to no more than they may.
public enum AgentConfinement: Sendable, Equatable {
    /// A control group of the run's own, and namespaces too where the kernel lets us.
    case group(isApart: Bool)
    /// Namespaces of the run's own.
    case namespaces
    /// Nothing, for this reason.
    case nothing(String)

    /// What there is for this process's children. Call once control groups have been claimed.
    public static var current: AgentConfinement {
        of(.current, groups: ControlGroups.current?.controllers, isRoot: geteuid() == 0, walls: .current, judge: .current)
    }

    /// What there will be once this process has claimed control groups, or another that is started as it was.
    public static var expected: AgentConfinement {
        guard ControlGroups.delegation == nil, ControlGroups.objection == nil else { return current }
        return of(.current, groups: [.memory, .tasks], isRoot: geteuid() == 0, walls: .current, judge: .current)
    }

    /// What there is where the kernel lets us do this, with control groups that bound `groups`, nil for none.
    static func of(_ kernel: ApartKernel, groups: Set<GroupController>?, isRoot: Bool, walls: WallKernel, judge: JudgeKernel)
        -> AgentConfinement
    {
        guard walls.isSound else { return .nothing("this kernel cannot keep children from \(walls.missing.prefix(2).joined(separator: " and "))") }
        if case .lacks(let thing) = judge {
            return .nothing("\(thing), by which the calls of its programs are judged, is refused here \(Self.hint)")
        }
        // Without either, a signal could reach the gateway.
        let keepsSignals = walls.boundsSignals || kernel.isApart
        if let groups, groups.contains(.tasks) {
            guard keepsSignals else {
                return .nothing("this kernel keeps no signals from the gateway (Landlock \(walls.landlock)), and lets it make no namespaces \(Self.hint)")
            }
            // Without their own numbers in /proc, the working directory of a program is not found that names a file by it.
            return .group(isApart: kernel.isApart && (kernel.hasOwnProc || !walls.boundsSignals))
        }
        guard kernel.isApart else {
            return .nothing("there are no control groups of its own (Delegate=), and the kernel lets it make no namespaces")
        }
        guard kernel.boundsTasks else {
            return .nothing(
                isRoot
                    ? "nothing bounds the number of root's processes here: run it as another user, or with control groups (Delegate=)"
                    : "nothing bounds the number of processes here")
        }
        return .namespaces
    }

    /// Where most of this comes from, and what helps.
    private static let hint = "(beneath systemd the drop-in agents.conf opens it)"

    /// Why a workspace cannot be offered; nil where it can.
    public func objection(to workspace: Workspace) -> String? {
        guard workspace.tools.contains(where: \.runsPrograms), case .nothing(let reason) = self else { return nil }
        return "\(workspace.name): Bash cannot be bounded: \(reason)"
    }

    /// What Bash cannot do here that it can elsewhere; nil for nothing.
    public var shortcoming: String? {
        guard isApart, !ApartKernel.current.hasOwnProc else { return nil }
        return "Bash can change modes, owners and times of files by whole paths alone: the kernel lets a run have no /proc of its own"
    }

    /// True where a run has namespaces of its own.
    private var isApart: Bool {
        switch self {
        case .group(let isApart): isApart
        case .namespaces: true
        case .nothing: false
        }
    }

    /// How many processes and threads a run may come to by its shell's doing; nil where the kernel counts them with others'.
    ///
    /// Fewer than the run may have: without some left, a CLI that needs one more thread ends, and the run with it.
    func tasksOfShell(in workspace: Workspace) -> Int? {
        isApart ? workspace.bounds.processes + Self.tasksOfTheCLI / 2 : nil
    }

    /// True where the memory of a run's processes together is bounded by the kernel.
    public var boundsMemory: Bool {
        if case .group = self { ControlGroups.current?.controllers.contains(.memory) ?? false } else { false }
    }

    /// Has the child of a plan, and all that it starts, bounded as the workspace says.
    public func bound(_ plan: inout SpawnPlan, to workspace: Workspace) {
        let tasks = workspace.bounds.processes + Self.tasksOfTheCLI
        plan.bounds = GroupBounds(
            memoryBytes: workspace.bounds.memoryBytes + Self.memoryOfTheCLI, tasks: tasks,
            processorWeight: workspace.tools.contains(where: \.runsPrograms) ? Self.processorWeight : nil)
        switch self {
        case .group(let isApart): plan.isApart = isApart
        case .namespaces: plan.isApart = true
        case .nothing: return
        }
        if plan.isApart { plan.mostTasks = tasks }
    }

    /// Threads that the CLI has itself, several times over.
    private static let tasksOfTheCLI = 64
    private static let memoryOfTheCLI = 512 << 20
    /// A fifth of an ordinary turn's, however many processes want it: others hardly notice, and it goes on beside them.
    private static let processorWeight = 20
}
