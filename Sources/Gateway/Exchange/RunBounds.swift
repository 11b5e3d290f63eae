import ClaudeCLI
import Platform
import Synchronization
import Vocabulary

/// What a run may take beside its time and its turns: the files of its workspace, memory, and money.
///
/// Made when a run's process is there, and stopped at its end.
final class RunBounds: Sendable {
    private let workspace: Workspace
    private let box: Box
    private let wakeup: RemoteWakeup
    /// Nil where the run cannot be looked after: then it may not go on.
    private let watch: RunWatch?

    /// Looks after the run of a process from now on; whoever sleeps on `wakeup` is woken when it takes too much.
    ///
    /// `tellsFiles` says that it will be asked which files the run's commands have changed.
    init(_ run: AgentRun, of turn: any RunningTurn, on ground: AgentGround, tellsFiles: Bool, waking wakeup: RemoteWakeup) {
        workspace = run.workspace
        self.wakeup = wakeup
        var bounds = RunWatch.Bounds()
        bounds.disk = RunWatch.Disk(
            lasting: run.workspace.directory, passing: turn.processDirectory, bytes: run.workspace.bounds.diskBytes)
        bounds.child = turn.processID
        if !ground.confinement.boundsMemory { bounds.memoryBytes = run.workspace.bounds.memoryBytes + Self.memoryOfTheCLI }
        bounds.tellsChanges = tellsFiles && run.tools.contains(where: \.runsPrograms)
        let box = Box()
        watch = try? RunWatch(bounds) { found in
            box.excess.withLock { $0 = found }
            wakeup.signal()
        }
        self.box = box
    }

    /// What the watch has found.
    private final class Box: Sendable {
        let excess = Mutex<RunWatch.Excess?>(nil)
        let changes = Mutex<RunWatch.FileChanges?>(nil)
    }

    /// What the CLI itself takes, beside what it starts.
    private static let memoryOfTheCLI = 1 << 30

    /// Why the run must end; nil where it may go on. `cost` says what it has cost, in nano-USD, and is asked only where
    /// that is bounded.
    func fault(cost: () -> Int) -> Fault? {
        if let most = workspace.bounds.cost, cost() > most {
            return Self.fault("it has cost more than \(Self.dollars(most)) dollars", "cost")
        }
        guard watch != nil else { return Self.fault("what it takes cannot be watched", "no thread or descriptor") }
        switch box.excess.withLock({ $0 }) {
        case .disk:
            return Self.fault("the files of its workspace come to more than \(DecimalText.size(workspace.bounds.diskBytes))", "disk")
        case .passingDisk:
            return Self.fault(
                "its temporary and deleted files come to more than \(DecimalText.size(workspace.bounds.diskBytes))", "disk")
        case .tree:
            return Self.fault(
                "its directories hold more than \(DiskUse.maxEntries) files, or are more than \(DiskUse.maxDepth) deep", "disk")
        case .room: return Self.fault("the disk that it writes to is almost full", "no room")
        case .memory:
            return Self.fault("it took more memory than \(DecimalText.size(workspace.bounds.memoryBytes))", "memory")
        case nil: return nil
        }
    }

    /// Has it looked at what was changed; whoever sleeps on the run's wakeup is woken when it is known.
    func askForChanges() {
        watch?.askForChanges { [box, wakeup] found in
            box.changes.withLock { $0 = found }
            wakeup.signal()
        }
    }

    /// What was changed; nil as long as it is not known.
    var changes: RunWatch.FileChanges? { box.changes.withLock { $0 } }

    /// Ends the looking.
    func stop() { watch?.stop() }

    private static func fault(_ why: String, _ detail: String) -> Fault {
        Fault(.forbidden, "The run was ended: \(why).", detail: "workspace bound: \(detail)", shouldRetry: false)
    }

    private static func dollars(_ nano: Int) -> String { "\(Double(nano) / 1e9)" }
}
