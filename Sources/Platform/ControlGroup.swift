import Glibc
import Synchronization

/// The control group of one child: what the child starts is in it too, and cannot leave it.
///
/// Whoever has it ends it once, by `end`; what is in it then is killed and the group removed.
final class ControlGroup: Sendable {
    private let path: String
    private let thread: StartingThread
    private let waits: MemoryWaits
    private let work = Mutex<[@Sendable () -> Void]>([])

    /// A group in the directory `path`, which exists.
    init(path: String, endedBy thread: StartingThread, countedIn waits: MemoryWaits) {
        self.path = path
        self.thread = thread
        self.waits = waits
    }

    /// Has everything in it killed and the group removed, soon.
    func end() { thread.end(self) }

    /// Runs `work` once nothing is left of it; call before `end`.
    func whenGone(_ work: @escaping @Sendable () -> Void) { self.work.withLock { $0.append(work) } }

    /// Why the kernel ended processes in it for want of memory; nil when it did not.
    var memoryDeath: MemoryDeath? { MemoryDeath(events: MachineLoad.text(of: path + "/memory.events")) }

    // MARK: - For the thread

    /// Kills what is in it and removes it; false while something is left.
    func remove() -> Bool {
        let wait = MemoryWaits.ofOwnMaking(in: path)
        guard GroupFiles.remove(path) else { return false }
        waits.leave(path, after: wait)
        return true
    }

    /// Does what was to be done once nothing is left of it.
    func finish() {
        var due: [@Sendable () -> Void] = []
        work.withLock { swap(&$0, &due) }
        for work in due { work() }
    }
}
