import CLinux

/// A shell in walls of its own, run in place of this process, which judges those of its calls that no rule of the kernel's
/// bounds: a file's mode, owner and times, and connections.
public struct WalledShell: Sendable, Equatable {
    /// The shell's program.
    public var path: String
    /// Its arguments, the first being its name.
    public var arguments: [String]
    /// Its whole environment, as `NAME=value`.
    public var environment: [String]
    /// What it may do; its `calls` are a shell's.
    public var walls: Walls
    /// Where modes, owners and times may be changed, and beneath; without links.
    public var places: [String]
    /// The port of 127.0.0.1 that it may connect to; nil for none.
    public var port: UInt16?

    /// A shell that may change nothing of files but what is in them.
    public init(path: String, arguments: [String], environment: [String], walls: Walls) {
        self.path = path
        self.arguments = arguments
        self.environment = environment
        self.walls = walls
        places = []
    }

    /// Runs it: its exit code, or 128 + the signal that ended it.
    ///
    /// All descriptors but the first three are closed, and what the shell leaves running ends with it. Nothing else of this
    /// process may run meanwhile.
    public func run(on kernel: WallKernel = .current) throws(SystemError) -> Int32 {
        let arguments = CStringArray(arguments)
        let environment = CStringArray(environment)
        let places = CStringArray(places)
        let status = unsafe walls.withCWalls(kernel) { walls in
            unsafe path.withCString { path in
                unsafe places.pointer.withMemoryRebound(to: UnsafePointer<CChar>?.self, capacity: self.places.count + 1) { places in
                    var plan = unsafe linux_shell_plan(
                        path: path, arguments: arguments.pointer, environment: environment.pointer, walls: walls,
                        places: places, port: port ?? 0)
                    return unsafe linux_run_shell(&plan)
                }
            }
        }
        guard status >= 0 else { throw SystemError(code: -status, call: "shell") }
        return status
    }
}

/// What keeps this process from judging the calls of a shell's programs.
public enum JudgeKernel: Sendable, Equatable {
    /// Nothing.
    case judges
    /// This is refused to it.
    case lacks(String)

    /// The one we run on, tried once, in processes that do nothing else.
    public static let current: JudgeKernel =
        switch linux_probe_judge() {
        case LINUX_JUDGES: .judges
        case LINUX_READS_NO_MEMORY: .lacks("the call process_vm_readv")
        case LINUX_TAKES_NO_FILES: .lacks("the call pidfd_getfd")
        case LINUX_FILTERS_NO_CALLS: .lacks("a filter whose calls it answers (seccomp)")
        default: .lacks("to look into a program")
        }
}
