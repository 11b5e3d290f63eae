import CLinux
import Glibc
import Synchronization

/// Looks, while a run lasts, at what the kernel bounds only for each file and process, on a thread of its own.
public final class RunWatch: Sendable {
    /// What is too much.
    public enum Excess: Sendable, Equatable {
        /// The files of the workspace.
        case disk
        /// The memory of the run's processes.
        case memory
    }

    /// What is looked at.
    public struct Bounds: Sendable {
        /// The directory whose files are counted, and how many bytes they may take.
        public var disk: (directory: String, bytes: Int)?
        /// The child apart whose memory is counted with that of all that it has started, and how much they may take; nil
        /// where a control group bounds it.
        public var memory: (child: Int32, bytes: Int)?
        /// True where it is to be known which files of the directory were changed meanwhile.
        public var tellsChanges = false

        /// Nothing yet.
        public init() {}
    }

    private let bell: FileDescriptor
    private let hasStopped = Atomic(false)
    private let question = Mutex<(@Sendable (FileChanges) -> Void)?>(nil)

    /// Calls `hear`, on its thread and once, when something is too much.
    public init(_ bounds: Bounds, _ hear: @escaping @Sendable (Excess) -> Void) throws(SystemError) {
        let number = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard number >= 0 else { throw .last("eventfd") }
        bell = FileDescriptor(adopting: number)
        try DetachedThread.start { [self] in run(bounds, hear) }
    }

    /// What of the files was changed since the beginning.
    public struct FileChanges: Sendable {
        /// Beneath the directory, in order.
        public let paths: [String]
        /// True where there may be others.
        public let isPartial: Bool
    }

    /// Looks which files have been changed since the beginning, and tells it on its thread; never, once it has ended or
    /// found too much.
    public func askForChanges(_ tell: @escaping @Sendable (FileChanges) -> Void) {
        question.withLock { $0 = tell }
        ring()
    }

    /// Ends it: nothing is heard of it from then on, but for what is being told just now.
    public func stop() {
        hasStopped.store(true, ordering: .relaxed)
        ring()
    }

    private func ring() {
        var one: UInt64 = 1
        unsafe withUnsafeBytes(of: &one) { _ = unsafe Glibc.write(bell.number, $0.baseAddress, 8) }
    }

    /// How often memory is looked at, and files at the most: to count many takes longer, and then it is done more rarely.
    private static let memoryMilliseconds = 200
    private static let diskMilliseconds = 1_000
    private static let share = 20

    private func run(_ bounds: Bounds, _ hear: @Sendable (Excess) -> Void) {
        var nextDisk = Instant.now
        var memory = bounds.memory.map { ApartMemory(of: $0.child) }
        var files = bounds.tellsChanges ? FileStamps() : nil
        var isFirst = true
        while !hasStopped.load(ordering: .relaxed) {
            if let most = bounds.memory?.bytes, let bytes = memory?.bytes(), bytes > most { return hear(.memory) }
            if let (directory, most) = bounds.disk, nextDisk <= .now {
                let begin = Instant.now
                var none: FileStamps?
                let use = isFirst ? DiskUse(of: directory, upTo: most, noting: &files) : DiskUse(of: directory, upTo: most, noting: &none)
                isFirst = false
                if use.bytes > most { return hear(.disk) }
                let taken = Instant.now.since(begin).count
                nextDisk = .now + Milliseconds(max(Self.diskMilliseconds, taken * Self.share))
            }
            if let directory = bounds.disk?.directory, let files, let tell = question.withLock({ $0.take() }) {
                let now = FileStamps(of: directory)
                tell(FileChanges(paths: now.changed(since: files), isPartial: now.isPartial || files.isPartial))
            }
            var watch = pollfd(fd: bell.number, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&watch, 1, Int32(bounds.memory == nil ? Self.diskMilliseconds : Self.memoryMilliseconds)) > 0 else { continue }
            var rung: UInt64 = 0
            unsafe withUnsafeMutableBytes(of: &rung) { _ = unsafe Glibc.read(bell.number, $0.baseAddress, 8) }
        }
    }
}
