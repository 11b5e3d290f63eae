import Glibc
import Synchronization
public import Vocabulary

/// The directories of one turn: nothing of one caller's turn is there when the next one's begins.
public struct TurnDirectory: Sendable, Equatable {
    /// Which of the numbered directories it is.
    public let slot: Int
    /// The directory itself, the child's HOME.
    public let path: String
    /// The child's configuration.
    public var configuration: String { path + "/config" }
    /// The child's temporary files and socket.
    public var temporary: String { path + "/tmp" }
    /// What the programs of a shell write, apart from the child's own.
    public var shell: String { path + "/shell" }
    /// Where the child starts; of its own only in a self-test, else the one that all turns have in common.
    public let working: String

    init(slot: Int, path: String, working: String? = nil) {
        self.slot = slot
        self.path = path
        self.working = working ?? path + "/work"
    }
}

/// Hands out turn directories, always the lowest free one, and empties them afterwards.
///
/// Shared by all loops. Whoever makes it must be alone in the state directory, but for a process whose place it takes: what
/// is found there of others is removed.
public final class TurnDirectories: Sendable {
    private let state: String
    private let root: String
    /// Where all turns start; nil where each has a place of its own for it.
    private let working: WorkingDirectory?
    private let parts: [String]
    private let shelf = Mutex(Shelf())

    private struct Shelf {
        var used: [Bool] = []
        /// Slots whose directories exist and are empty.
        var prepared: Set<Int> = []
        /// Where turns live while they cannot live in the state directory.
        var spare: String?
    }

    /// Directories below `state`/turns; what an earlier run left there is removed.
    ///
    /// All turns start in `state`/work, which is empty and not to be written, unless each gets a private place. A successor
    /// has its directories below `state`/turns-PID, for the turns of the process before it still run in theirs.
    public init(state: String, sharesWorking: Bool = true, isSuccessor: Bool = false) throws(Fault) {
        self.state = state
        root = state + (isSuccessor ? "\(Self.successors)\(getpid())" : "/turns")
        working = sharesWorking ? WorkingDirectory(state + "/work") : nil
        parts = ["config", "tmp", "shell"] + (sharesWorking ? [] : ["work"])
        for path in [state, root] where unsafe mkdir(path, 0o700) != 0 && errno != EEXIST {
            throw Self.fault("cannot make", path)
        }
        guard PrivateTree.empty(root, keeping: []) else { throw Self.fault("cannot empty", root) }
        if !isSuccessor { removeOthers() }
    }

    private static let successors = "/turns-"

    /// Removes the directories of processes in whose place this one is; call when they have ended.
    public func removeOthers() {
        for name in PrivateTree.names(in: state) where "/\(name)".hasPrefix(Self.successors) || name == "turns" {
            if "\(state)/\(name)" != root { Self.remove(state: "\(state)/\(name)") }
        }
    }

    /// Removes the directories `prefix`PID-… in `state` that processes which are gone have left there.
    public static func removeLeftovers(_ prefix: String, in state: String) {
        for name in PrivateTree.names(in: state) where name.hasPrefix(prefix) {
            let digits = name.dropFirst(prefix.count).prefix { $0 != "-" }
            guard let pid = Int32(digits), pid > 0 else { continue }
            if Glibc.kill(pid, 0) != 0, errno == ESRCH { remove(state: "\(state)/\(name)") }
        }
    }

    /// Removes the directory `state` and everything in it; call when all turns in it have ended.
    public static func remove(state: String) {
        _ = PrivateTree.empty(state, keeping: [])
        _ = unsafe rmdir(state)
    }

    /// Takes the lowest free directory that can be made ready; give it back with `release`.
    func take() throws(Fault) -> TurnDirectory {
        let root = usableRoot
        let working = try workingDirectory
        var unusable: [Int] = []
        while true {
            let (slot, isPrepared) = shelf.withLock { shelf in
                let slot = shelf.used.firstIndex(of: false) ?? shelf.used.count
                if slot == shelf.used.count { shelf.used.append(true) } else { shelf.used[slot] = true }
                return (slot, root == self.root && shelf.prepared.remove(slot) != nil)
            }
            let directory = TurnDirectory(slot: slot, path: "\(root)/\(slot)", working: working)
            if isPrepared { return directory }
            do throws(Fault) {
                try prepare(directory)
                // Those that could not be made ready, where this one could, are left alone from now on: else a few that
                // somebody has spoilt would stand in the way of every later turn.
                return directory
            } catch {
                unusable.append(slot)
                guard unusable.count == Self.attempts else { continue }
                // Not these but all, as on a full disk.
                free(unusable)
                throw error
            }
        }
    }

    private static let attempts = 16

    // MARK: - While the state directory cannot be used

    /// Names a private directory, best in memory, in which turns live while the state directory is full, cannot be
    /// written or is gone; what processes that are gone have left there is removed.
    public func useSpare(in runtime: String) {
        Self.removeLeftovers(Self.sparePrefix, in: runtime)
        let path = "\(runtime)/\(Self.sparePrefix)\(getpid())"
        guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST, PrivateTree.empty(path, keeping: []) else { return }
        shelf.withLock { $0.spare = path }
    }

    /// Where a turn that begins now can live.
    private var usableRoot: String {
        if Self.hasRoom(root) { return root }
        if unsafe access(root, F_OK) != 0, errno == ENOENT {
            // Somebody has removed it, and with it all that was prepared.
            shelf.withLock { $0.prepared = [] }
            _ = unsafe mkdir(String(root[..<(root.lastIndex(of: "/") ?? root.startIndex)]), 0o700)
            if unsafe mkdir(root, 0o700) == 0, Self.hasRoom(root) { return root }
        }
        guard let spare = shelf.withLock({ $0.spare }), Self.hasRoom(spare) else { return root }
        return spare
    }

    /// Where a turn that begins now starts; nil where it has a place of its own for that.
    private var workingDirectory: String? {
        get throws(Fault) {
            guard let working else { return nil }
            if working.prepare() { return working.path }
            if let spare = shelf.withLock({ $0.spare }) {
                let other = WorkingDirectory(spare + "/work")
                if other.prepare() { return other.path }
            }
            throw Fault(
                .unavailable, "The gateway cannot prepare a turn.",
                detail: "\(working.path) cannot be made an empty directory", retryAfterSeconds: 5)
        }
    }

    /// True where the CLI can write what it must, which is some kilobytes.
    private static func hasRoom(_ path: String) -> Bool {
        var status = statvfs()
        guard unsafe statvfs(path, &status) == 0, status.f_flag & UInt(ST_RDONLY) == 0 else { return false }
        // Some file systems have no fixed number of files, and tell none.
        return status.f_bavail * status.f_frsize >= leastRoom && (status.f_files == 0 || status.f_favail >= leastFiles)
    }

    private static let sparePrefix = "turns-"
    private static let leastRoom: UInt = 1 << 20
    private static let leastFiles: UInt = 64

    private func free(_ slots: [Int]) {
        shelf.withLock { shelf in
            for slot in slots { shelf.used[slot] = false }
        }
    }

    /// Makes a directory with its parts, and removes what a release could not.
    private func prepare(_ directory: TurnDirectory) throws(Fault) {
        guard unsafe mkdir(directory.path, 0o700) == 0 || errno == EEXIST else {
            throw Self.fault("cannot make", directory.path)
        }
        guard PrivateTree.empty(directory.path, keeping: parts) else {
            throw Self.fault("cannot empty", directory.path)
        }
    }

    /// Empties a directory and makes it free.
    func release(_ directory: TurnDirectory) {
        let isEmpty = PrivateTree.empty(directory.path, keeping: parts)
        let isSpare = directory.path != "\(root)/\(directory.slot)"
        if isSpare { Self.remove(state: directory.path) }
        shelf.withLock { shelf in
            if isEmpty, !isSpare { shelf.prepared.insert(directory.slot) }
            shelf.used[directory.slot] = false
        }
    }

    private static func fault(_ what: String, _ path: String) -> Fault {
        let reason = unsafe String(cString: strerror(errno))
        return Fault(
            .unavailable, "The gateway cannot prepare a turn.", detail: "\(what) \(path): \(reason)",
            retryAfterSeconds: 5)
    }
}
