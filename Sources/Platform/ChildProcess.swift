import CLinux
import Glibc

/// What a child process is to be.
public struct SpawnPlan: Sendable {
    /// The program's file.
    public var path: String
    /// Its arguments, the first being its name.
    public var arguments: [String]
    /// Its whole environment, as `NAME=value`; nothing is inherited.
    public var environment: [String]
    /// Where it starts.
    public var workingDirectory: String
    /// The most descriptors it may open; nil leaves the limit as it is.
    public var maxOpenFiles: Int?
    /// What it may do, as far as the kernel can enforce that; nil for all that its user may.
    public var walls: Walls?
    /// True when it gets namespaces of its own: it then sees no process but those that it starts, and they end with it.
    public var isApart = false
    /// The most processes and threads of such namespaces; nil for any.
    public var mostTasks: Int?
    /// What it and all that it starts may take together, where it gets a control group.
    public var bounds = GroupBounds()

    /// A plan with an empty environment.
    public init(path: String, arguments: [String], workingDirectory: String) {
        self.path = path
        self.arguments = arguments
        self.workingDirectory = workingDirectory
        environment = []
    }
}

/// How a child ended: its exit code, or 128 + the signal that ended it.
public struct ExitStatus: Equatable, Sendable {
    /// 0 when all went well.
    public let code: Int

    /// A status as the shell would show it.
    public init(code: Int) { self.code = code }
}

/// A running child with a process group of its own and pipes on its three standard streams.
///
/// Dropping it kills the whole group and reaps the child: none outlives its owner, and with a control group no descendant
/// does either, whatever session or group it has made its own. Spawn only on threads that live
/// as long as the process, since the kernel kills the child when the spawning thread ends (PR_SET_PDEATHSIG).
public struct ChildProcess: ~Copyable, Sendable {
    /// The child's process id, which is its group's id as well.
    public let pid: Int32
    /// Readable once the child has ended.
    public let exit: FileDescriptor
    /// The child's standard output and error; reading does not block.
    public let output: FileDescriptor
    public let errors: FileDescriptor
    /// The child's standard input; writing does not block. Nil once closed.
    public private(set) var input: FileDescriptor?
    /// How it ended, once it has been reaped.
    public private(set) var status: ExitStatus?
    /// The control group that is the child's own; nil where there are none.
    let group: ControlGroup?

    /// Starts a child in a control group of its own where this process has them, and else at once.
    ///
    /// The caller waits for the group, the loop does not.
    public static func start(_ plan: SpawnPlan) async throws(SystemError) -> ChildProcess {
        guard let groups = ControlGroups.current else { return try spawn(plan) }
        return try await groups.start(plan)
    }

    /// Starts a child in the control group of this process: about half a millisecond, whatever our own size.
    public static func spawn(_ plan: SpawnPlan) throws(SystemError) -> ChildProcess {
        ChildProcess(try launch(plan, joining: -1), in: nil)
    }

    /// Starts a child that joins the group whose `cgroup.procs` is open as `group`, which it may have to wait for.
    static func launch(_ plan: SpawnPlan, joining group: Int32) throws(SystemError) -> linux_child {
        let child =
            if let walls = plan.walls {
                unsafe walls.withCWalls(.current) { unsafe launch(plan, joining: group, within: $0) }
            } else {
                unsafe launch(plan, joining: group, within: nil)
            }
        guard child.error == 0 else { throw SystemError(code: child.error, call: "spawn") }
        return child
    }

    private static func launch(
        _ plan: SpawnPlan, joining group: Int32, within walls: UnsafePointer<linux_walls>?
    ) -> linux_child {
        let arguments = CStringArray(plan.arguments)
        let environment = CStringArray(plan.environment)
        return unsafe plan.path.withCString { path in
            unsafe plan.workingDirectory.withCString { directory in
                var request = unsafe linux_spawn_plan(
                    path: path, arguments: arguments.pointer, environment: environment.pointer,
                    directory: directory, max_open_files: UInt64(plan.maxOpenFiles ?? 0), walls: walls,
                    is_apart: plan.isApart ? 1 : 0, most_tasks: UInt64(plan.mostTasks ?? 0), group: group)
                return unsafe linux_spawn(&request)
            }
        }
    }

    /// Takes over what was started.
    init(_ child: linux_child, in group: ControlGroup?) {
        self.group = group
        pid = child.pid
        exit = FileDescriptor(adopting: child.pidfd)
        output = FileDescriptor(adopting: child.output)
        errors = FileDescriptor(adopting: child.errors)
        input = FileDescriptor(adopting: child.input)
    }

    deinit {
        if status == nil {
            kill(-pid, SIGKILL)
            var code: Int32 = 0
            _ = unsafe linux_pidfd_reap(exit.number, 1, &code)
        }
        group?.end()
    }

    /// Runs `work` once nothing is left of the control group, some milliseconds behind the end of this value, on a
    /// thread that must not wait for long; at once where there is none.
    public func afterGroup(_ work: @escaping @Sendable () -> Void) {
        if let group { group.whenGone(work) } else { work() }
    }

    /// Why the kernel ended processes of the control group for want of memory; nil when it did not.
    public var memoryDeath: MemoryDeath? { group?.memoryDeath }

    /// Lets the child see the end of its input.
    public mutating func closeInput() { input = nil }

    /// Signals every process of the child's group; nothing once the child is reaped, since the id may be reused.
    public func signalGroup(_ signal: Int32) {
        guard status == nil else { return }
        kill(-pid, signal)
    }

    /// Reaps the child when it has ended; nil while it runs.
    public mutating func reapIfExited() -> ExitStatus? {
        if let status { return status }
        var code: Int32 = 0
        let result = unsafe linux_pidfd_reap(exit.number, 0, &code)
        guard result != 0 else { return nil }
        // The group may hold processes that outlive the child: they go with it.
        kill(-pid, SIGKILL)
        status = ExitStatus(code: result < 0 ? 127 : Int(code))
        return status
    }
}

/// A null-terminated array of C strings that lives as long as this value.
@safe final class CStringArray {
    let pointer: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) {
        count = strings.count
        unsafe pointer = .allocate(capacity: strings.count + 1)
        for (index, string) in strings.enumerated() {
            unsafe (pointer + index).initialize(to: strdup(string))
        }
        unsafe (pointer + strings.count).initialize(to: nil)
    }

    deinit {
        for index in 0..<count { unsafe free(pointer[index]) }
        unsafe pointer.deallocate()
    }
}
