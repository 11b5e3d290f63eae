import CLinux
import Glibc
import Synchronization

/// The control groups of this process's children, in a tree that the service manager has left to us: one for each child,
/// made before it starts and removed when it has ended.
public final class ControlGroups: Sendable {
    /// What the groups can bound; without any a group still ends all that is in it.
    public let controllers: Set<GroupController>
    private let tree: String
    private let thread: StartingThread
    private let count = Atomic(0)
    private let waits = MemoryWaits()

    /// Groups in the group `tree`, which is ours and holds no process itself.
    init(in tree: String, controllers: Set<GroupController>) throws(SystemError) {
        self.tree = tree
        self.controllers = controllers
        thread = try StartingThread()
        removeLeftovers()
    }

    private static let claimed = Mutex<Delegation?>(nil)

    /// Takes the groups that this process may have, for all children that it starts from now on. Call once, before the
    /// first of them.
    public static func claim() {
        let delegation = Delegation(claiming: .current)
        claimed.withLock { $0 = delegation }
    }

    /// What claiming came to; nil where nobody has.
    public static var delegation: Delegation? { claimed.withLock { $0 } }

    /// The groups of this process; nil where there are none.
    public static var current: ControlGroups? {
        guard case .granted(let groups) = delegation else { return nil }
        return groups
    }

    /// Why this process would get no groups; nil when it would. Nothing is changed.
    public static var objection: String? { Delegation.objection(at: .current) }

    /// Starts a child in a group of its own; the loop goes on meanwhile.
    public func start(_ plan: SpawnPlan) async throws(SystemError) -> ChildProcess {
        let result = await withCheckedContinuation { (continuation: CheckedContinuation<Outcome, Never>) in
            thread.start { continuation.resume(returning: self.begin(plan)) }
        }
        let (child, group) = try result.get()
        return ChildProcess(child, in: group)
    }

    /// Waits until nothing is left of the groups that have been ended, for so many milliseconds at the longest.
    public func settle(milliseconds: Int32) { thread.settle(milliseconds: milliseconds) }

    /// How long the children have waited for memory because of their own bounds alone, in microseconds.
    public var waitsOfTheirOwn: Int { waits.microseconds }

    // MARK: - On the thread

    private typealias Outcome = Result<(linux_child, ControlGroup), SystemError>

    private static let prefix = "child-"

    private func begin(_ plan: SpawnPlan) -> Outcome {
        let number = count.add(1, ordering: .relaxed).newValue
        let path = "\(tree)/\(Self.prefix)\(getpid())-\(number)"
        guard unsafe mkdir(path, 0o755) == 0 else { return .failure(.last("control group")) }
        let group = ControlGroup(path: path, endedBy: thread, countedIn: waits)
        waits.enter(path)
        do throws(SystemError) {
            for (file, value, isNeeded) in plan.bounds.assignments(controllers) {
                do throws(SystemError) { try GroupFiles.write(value, to: "\(path)/\(file)") } catch {
                    if isNeeded { throw error }
                }
            }
            let number = unsafe open(path + "/cgroup.procs", O_WRONLY | O_CLOEXEC)
            guard number >= 0 else { throw .last("control group") }
            let door = FileDescriptor(adopting: number)
            return .success((try ChildProcess.launch(plan, joining: door.number), group))
        } catch {
            group.end()
            return .failure(error)
        }
    }

    /// Removes what a process has left that was here before us. One that hands its place over still has children.
    private func removeLeftovers() {
        for name in GroupFiles.groups(in: tree) where name.hasPrefix(Self.prefix) {
            guard let pid = Int32(name.dropFirst(Self.prefix.count).prefix { $0 != "-" }) else { continue }
            let isAlive = pid != getpid() && (kill(pid, 0) == 0 || errno != ESRCH)
            if !isAlive { ControlGroup(path: "\(tree)/\(name)", endedBy: thread, countedIn: waits).end() }
        }
    }
}
