import CLinux
import Glibc
import Synchronization

/// Looks, while a run lasts, at what the kernel bounds only for each file and process, on a thread of its own.
public final class RunWatch: Sendable {
    /// What is too much.
    public enum Excess: Sendable, Equatable {
        /// The files that stay.
        case disk
        /// Those that go with the run.
        case passingDisk
        /// Files or directories beyond counting.
        case tree
        /// The file systems written to are almost full, by whomever.
        case room
        /// The memory of the run's processes.
        case memory
    }

    /// What a run may take of disks.
    public struct Disk: Sendable {
        /// Where files stay when it is over.
        public var lasting: String
        /// Where they go with it.
        public var passing: String?
        /// What either may come to, in bytes. Where there was more at the beginning, it may not become more.
        public var bytes: Int

        /// A bound on two directories.
        public init(lasting: String, passing: String?, bytes: Int) {
            self.lasting = lasting
            self.passing = passing
            self.bytes = bytes
        }
    }

    /// What is looked at.
    public struct Bounds: Sendable {
        /// The files.
        public var disk: Disk?
        /// The child apart, whose files without a name are counted with those that go with the run.
        public var child: Int32?
        /// How much memory it may take with all that it has started; nil where a control group bounds it.
        public var memoryBytes: Int?
        /// True where it is to be known which files that stay were changed meanwhile.
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

    /// Looks which files have been changed since the beginning, and tells it on its thread; never, once it has ended.
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

    /// When to count again after a count that has just ended.
    private static func next(after begin: Instant) -> Instant {
        .now + Milliseconds(max(diskMilliseconds, Instant.now.since(begin).count * share))
    }

    private func run(_ bounds: Bounds, _ hear: @Sendable (Excess) -> Void) {
        var files = bounds.tellsChanges ? FileStamps() : nil
        var looks: Looks? = Looks(bounds, noting: &files)
        var pause = Int32(bounds.memoryBytes == nil ? Self.diskMilliseconds : Self.memoryMilliseconds)
        while !hasStopped.load(ordering: .relaxed) {
            if let excess = looks?.excess() {
                // What was changed may still be asked.
                (looks, pause) = (nil, -1)
                hear(excess)
            }
            if let directory = bounds.disk?.lasting, let files, let tell = question.withLock({ $0.take() }) {
                let now = FileStamps(of: directory)
                tell(FileChanges(paths: now.changed(since: files), isPartial: now.isPartial || files.isPartial))
            }
            var watch = pollfd(fd: bell.number, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&watch, 1, pause) > 0 else { continue }
            var rung: UInt64 = 0
            unsafe withUnsafeMutableBytes(of: &rung) { _ = unsafe Glibc.read(bell.number, $0.baseAddress, 8) }
        }
    }

    /// One look after another, on the watch's thread.
    private struct Looks {
        private let mostMemory: Int?
        private var memory: ApartMemory?
        private let nameless: NamelessFiles?
        private let disk: DiskWatch?
        private var nextDisk: Instant

        init(_ bounds: Bounds, noting files: inout FileStamps?) {
            let begin = Instant.now
            mostMemory = bounds.memoryBytes
            memory = bounds.child.map { ApartMemory(of: $0) }
            nameless = bounds.child.map { NamelessFiles(of: $0) }
            disk = bounds.disk.map { DiskWatch($0, noting: &files) }
            nextDisk = RunWatch.next(after: begin)
        }

        /// What is too much just now.
        mutating func excess() -> Excess? {
            if let mostMemory, let bytes = memory?.bytes(), bytes > mostMemory { return .memory }
            guard let disk else { return nil }
            if disk.isAlmostFull { return .room }
            guard nextDisk <= .now else { return nil }
            let begin = Instant.now
            let excess = disk.look(at: nameless)
            nextDisk = RunWatch.next(after: begin)
            return excess
        }
    }
}
