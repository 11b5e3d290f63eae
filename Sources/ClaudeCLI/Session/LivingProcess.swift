import Glibc
import Platform

/// A CLI process between two turns, with the directory that is its own: nobody's, and to be taken by any loop.
///
/// Dropping it kills and reaps it, which makes the thread wait for its end: whoever keeps one ends it by `kill` and
/// `isGone`.
public struct LivingProcess: ~Copyable, Sendable {
    var child: ChildProcess
    private let directory: TurnDirectory
    private let directories: TurnDirectories
    /// What it holds in place of a credential; good until its end.
    private let token: (any StandInLogin.Token)?
    /// Its programs' way into the network; open until its end.
    let way: (any AgentWay)?
    /// True once it has served a turn.
    public internal(set) var hasServed = false
    /// True where it was started before anybody asked.
    var hasWaited = false
    /// What it holds of its last turn, as far as the next one's rows depend on it.
    var memory = ProcessMemory()

    /// True where programs may have left in its directory what takes long to remove.
    private let ranPrograms: Bool

    init(
        _ child: consuming ChildProcess, in directory: TurnDirectory, of directories: TurnDirectories,
        holding token: (any StandInLogin.Token)? = nil, going way: (any AgentWay)? = nil, ranPrograms: Bool = false
    ) {
        self.ranPrograms = ranPrograms
        self.token = token
        self.way = way
        self.child = child
        self.directory = directory
        self.directories = directories
    }

    deinit {
        child.signalGroup(SIGKILL)
        child.afterGroup { [directories, directory, ranPrograms] in
            let release: @Sendable () -> Void = { directories.release(directory) }
            guard ranPrograms else { return release() }
            // Not on a loop: a run can leave a million files. Where there is no thread, somebody has to wait.
            do throws(SystemError) { try DetachedThread.start(release) } catch { release() }
        }
    }

    /// Its process id.
    public var pid: Int32 { child.pid }
    /// Where it started.
    public var workingDirectory: String { directory.working }
    /// The directory that is its own.
    var ownDirectory: String { directory.path }
    /// The descriptor that becomes readable when it ends.
    public var exitNumber: Int32 { child.exit.number }

    /// Kills the whole group; `isGone` tells when it has ended.
    public func kill() { child.signalGroup(SIGKILL) }

    /// True once the process has ended and was reaped; dropping it then waits for nothing.
    public mutating func isGone() -> Bool { child.reapIfExited() != nil }

    func receiveErrors(into errors: inout ErrorOutput, limit: Int) -> IOResult {
        errors.receive(from: child.errors, limit: limit)
    }
}
