import CLinux
import Glibc

/// What a child may do, whatever becomes of the program that it runs: enforced by the kernel from before its first
/// instruction, for it and all that it starts, without a way back.
public struct Walls: Sendable, Equatable {
    /// What may be done at a path.
    public struct Rights: OptionSet, Sendable, Hashable {
        /// The bits that C knows.
        public let rawValue: UInt32

        /// Rights by their bits.
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// Reading files and listing directories.
        public static let read = Rights(rawValue: UInt32(LINUX_MAY_READ))
        /// Running programs.
        public static let execute = Rights(rawValue: UInt32(LINUX_MAY_EXECUTE))
        /// Making, changing and removing files, but no devices.
        public static let write = Rights(rawValue: UInt32(LINUX_MAY_WRITE))
        /// Making files and writing them, but neither reading nor removing any.
        public static let add = Rights(rawValue: UInt32(LINUX_MAY_ADD))
    }

    /// What of the system's calls is refused.
    public enum Calls: Sendable, Equatable {
        /// What no child needs.
        case plain
        /// The same, but it may look into processes within walls of their own inside of its own, and judge their calls.
        case agent
        /// A shell's, which is told no; judged by the one that runs it where a file's mode, owner or times are to change.
        case offlineShell
        /// The same with TCP, each connection judged.
        case onlineShell

        fileprivate var number: Int32 {
            switch self {
            case .plain: Int32(LINUX_FILTER_PLAIN)
            case .agent: Int32(LINUX_FILTER_AGENT)
            case .offlineShell: Int32(LINUX_FILTER_OFFLINE_SHELL)
            case .onlineShell: Int32(LINUX_FILTER_ONLINE_SHELL)
            }
        }
    }

    /// A path, and what may be done there and everywhere beneath it.
    public struct Grant: Sendable, Hashable {
        /// Where; links are followed when the child starts.
        public var path: String
        /// What may be done there.
        public var rights: Rights
        /// False for a path that may be missing.
        public var isNeeded: Bool

        /// A grant that, unless it is needed, is passed over where there is no such path.
        public init(_ path: String, _ rights: Rights, isNeeded: Bool = false) {
            self.path = path
            self.rights = rights
            self.isNeeded = isNeeded
        }
    }

    /// All that may be done with files.
    public var grants: [Grant]
    /// The TCP ports it may connect to, and then it can bind none; nil for any.
    public var ports: [UInt16]?
    /// What of the system's calls is refused.
    public var calls = Calls.plain
    /// True when it may be called, and may share memory and queues with other processes of its user.
    public var mayServe = false
    /// True when it may send datagrams, which no rule for ports bounds, and so look names up.
    public var maySend = true
    /// The largest file it may write, in bytes; nil for any.
    public var largestFile: Int?
    /// The most memory of each of its processes that is private and can be written, in bytes; nil for any.
    public var largestProcess: Int?
    /// Beyond how many processes and threads of its user it may start none, counted within its namespace; nil for any.
    public var mostProcesses: Int?

    /// Walls with these grants alone.
    public init(_ grants: [Grant], ports: [UInt16]?) {
        self.grants = grants
        self.ports = ports
    }
}

/// What the kernel can enforce on the children of this process.
public struct WallKernel: Sendable, Equatable {
    /// The version of Landlock's interface; 0 for none.
    public var landlock: Int
    /// True when system calls can be refused.
    public var filtersCalls: Bool

    /// A kernel of one's own making.
    public init(landlock: Int, filtersCalls: Bool) {
        self.landlock = landlock
        self.filtersCalls = filtersCalls
    }

    /// The one we run on, tried once, in a child that does nothing else.
    public static let current: WallKernel = {
        let kernel = linux_probe_walls()
        return WallKernel(landlock: Int(kernel.landlock_abi), filtersCalls: kernel.filters_calls != 0)
    }()

    /// True when files are kept from children, and calls of the system refused: what walls are for above all.
    public var isSound: Bool { landlock > 0 && filtersCalls }

    /// True where walls keep the signals of what is within them from all else (Linux 6.12).
    public var boundsSignals: Bool { landlock >= 6 }

    /// What of the walls it cannot build, in words.
    public var missing: [String] {
        var missing: [String] = []
        if landlock < 1 { missing.append("files") }
        if !filtersCalls { missing.append("system calls") }
        if landlock < 4 { missing.append("TCP ports") }
        if !boundsSignals { missing.append("signals") }
        return missing
    }
}

extension Walls {
    /// Calls `body` with what the kernel is told.
    func withCWalls<Result>(
        _ kernel: WallKernel, _ body: (UnsafePointer<linux_walls>) -> Result
    ) -> Result {
        let paths = CStringArray(grants.map(\.path))
        var rows: [linux_grant] = unsafe []
        for (index, grant) in grants.enumerated() {
            let path = unsafe paths.pointer[index].map { unsafe UnsafePointer($0) }
            unsafe rows.append(linux_grant(path: path, rights: grant.rights.rawValue, is_needed: grant.isNeeded ? 1 : 0))
        }
        let limits = limits
        let ports = ports ?? []
        return unsafe rows.withUnsafeBufferPointer { rows in
            unsafe ports.withUnsafeBufferPointer { ports in
                unsafe limits.withUnsafeBufferPointer { limits in
                    var walls = unsafe linux_walls(
                        landlock_abi: Int32(kernel.landlock), grants: rows.baseAddress, grant_count: rows.count,
                        reads_itself: Int32(calls == .plain ? LINUX_READS_ALL : LINUX_READS_STATE), bounds_ports: self.ports == nil ? 0 : 1, ports: ports.baseAddress,
                        port_count: ports.count, filters_calls: kernel.filtersCalls ? 1 : 0, filter: calls.number,
                        may_serve: mayServe ? 1 : 0, may_send: maySend ? 1 : 0, limits: limits.baseAddress, limit_count: limits.count,
                        oom_score: Self.oomScore)
                    return unsafe body(&walls)
                }
            }
        }
    }

    /// No priority beyond others', no locked memory where nobody is served, no larger file.
    private var limits: [linux_limit] {
        var limits = [linux_limit(resource: 14, most: 0)]  // RLIMIT_RTPRIO
        if !mayServe { limits.append(linux_limit(resource: 8, most: 0)) }  // RLIMIT_MEMLOCK
        if let largestFile { limits.append(linux_limit(resource: 1, most: UInt64(largestFile))) }  // RLIMIT_FSIZE
        if let largestProcess { limits.append(linux_limit(resource: 2, most: UInt64(largestProcess))) }  // RLIMIT_DATA
        if let mostProcesses { limits.append(linux_limit(resource: 6, most: UInt64(mostProcesses))) }  // RLIMIT_NPROC
        return limits
    }

    /// Of all processes the kernel then takes children first where memory is short.
    private static let oomScore: Int32 = 500
}
