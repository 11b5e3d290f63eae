import CLinux
import Glibc
import Synchronization

/// The thread that starts children in control groups and does away with the groups.
///
/// To join a group, and whatever else is done with groups meanwhile, takes as long as the kernel needs to be sure that
/// nobody forks: some 15 milliseconds, which no loop can spare. It lives as long as the process, since its children die
/// with it.
final class StartingThread: Sendable {
    private struct Work {
        var starts: [@Sendable () -> Void] = []
        var ends: [ControlGroup] = []
        var askers: [Int32] = []
    }

    private let bell: FileDescriptor
    private let work = Mutex(Work())

    /// Starts it.
    init() throws(SystemError) {
        let number = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard number >= 0 else { throw .last("eventfd") }
        bell = FileDescriptor(adopting: number)
        try DetachedThread.start { self.run() }
    }

    /// Runs `start` there, behind those that came before.
    func start(_ start: @escaping @Sendable () -> Void) {
        work.withLock { $0.starts.append(start) }
        Self.ring(bell)
    }

    /// Ends a group there, before anything else is started.
    func end(_ group: ControlGroup) {
        work.withLock { $0.ends.append(group) }
        Self.ring(bell)
    }

    /// Waits until all groups are gone that have been ended by now, for so many milliseconds at the longest.
    func settle(milliseconds: Int32) {
        let number = eventfd(0, Int32(EFD_CLOEXEC))
        guard number >= 0 else { return }
        work.withLock { $0.askers.append(number) }
        Self.ring(bell)
        var watch = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        _ = unsafe poll(&watch, 1, milliseconds)
        work.withLock { work in work.askers.removeAll { $0 == number } }
        close(number)
    }

    private static func ring(_ bell: borrowing FileDescriptor) {
        var one: UInt64 = 1
        unsafe withUnsafeBytes(of: &one) { _ = unsafe Glibc.write(bell.number, $0.baseAddress, 8) }
    }

    // MARK: - On the thread

    /// A group that is being removed.
    private struct Ending {
        let group: ControlGroup
        let since = Instant.now
        var attempts = 0
        var next = Instant.now
        var isFinished = false
    }

    private func run() {
        var endings: [Ending] = []
        while true {
            wait(until: endings.map(\.next).min())
            var isIdle = false
            while !isIdle {
                var ends: [ControlGroup] = []
                let start = work.withLock { work -> (@Sendable () -> Void)? in
                    swap(&work.ends, &ends)
                    return work.starts.isEmpty ? nil : work.starts.removeFirst()
                }
                endings += ends.map { Ending(group: $0) }
                Self.remove(&endings)
                start?()
                isIdle = start == nil && ends.isEmpty
            }
            if endings.isEmpty { answer() }
        }
    }

    private func wait(until next: Instant?) {
        var watch = pollfd(fd: bell.number, events: Int16(POLLIN), revents: 0)
        _ = unsafe poll(&watch, 1, next.map { Int32(clamping: $0.since(.now).count + 1) } ?? -1)
        var count: UInt64 = 0
        unsafe withUnsafeMutableBytes(of: &count) { _ = unsafe Glibc.read(bell.number, $0.baseAddress, 8) }
    }

    private func answer() {
        work.withLock { work in
            for number in work.askers {
                var one: UInt64 = 1
                unsafe withUnsafeBytes(of: &one) { _ = unsafe Glibc.write(number, $0.baseAddress, 8) }
            }
            work.askers = []
        }
    }

    /// What is killed takes a moment to end, and as long its group cannot be removed.
    private static func remove(_ endings: inout [Ending]) {
        let now = Instant.now
        for index in endings.indices where endings[index].next <= now {
            endings[index].attempts += 1
            let isGone = endings[index].group.remove()
            // A process that the kernel itself cannot end must not keep a turn's place for ever.
            if isGone || endings[index].since + patience <= now, !endings[index].isFinished {
                endings[index].isFinished = true
                endings[index].group.finish()
            }
            if isGone { endings[index].attempts = -1 }
            endings[index].next = Instant.now + Milliseconds(1 << min(max(0, endings[index].attempts), 13))
        }
        endings.removeAll { $0.attempts < 0 }
    }

    private static let patience = Milliseconds.seconds(5)
}
