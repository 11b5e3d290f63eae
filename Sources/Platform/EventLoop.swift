import CLinux
import Glibc
import Synchronization

/// One thread with one epoll set, one queue of jobs and one heap of alarms: the executor of everything it serves.
///
/// Actors pinned to it and tasks that prefer it run on its thread alone, so their state needs no lock. Both
/// are needed: a task without the preference resumes on the global pool first, which costs two thread switches.
///
/// To actors the loop is another object, `LoopOfActors`. The runtime keeps in mind which of the two has run a job, and what
/// of a task belongs to no actor would be enqueued anew at every return if an actor's executor had.
@safe public final class EventLoop: TaskExecutor, @unchecked Sendable {
    // `@unchecked Sendable`: what is mutable below is either behind `remote`'s lock, atomic, or touched only by the
    // thread that runs the loop: `enqueue` from elsewhere goes through `remote`, and everything else is documented
    // as confined to the loop.
    private let epoll: FileDescriptor
    private let bell: FileDescriptor
    /// Zero until it runs. Atomic because every thread that enqueues asks whether it is this one.
    private let thread = Atomic<pthread_t>(0)
    private var ready: [LoopJob] = []
    private var running: [LoopJob] = []
    private let actors = LoopOfActors()
    private var watched: [Readiness?] = []
    private let remote = Mutex(Remote())
    private let isRung = Atomic(false)
    private var clock: Instant?
    var alarms = AlarmHeap()

    /// A buffer for reads that are consumed before the next `await`: idle connections hold none of their own.
    public let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 64)

    /// What other threads leave for the loop.
    private struct Remote {
        var jobs: [LoopJob] = []
        var work: [@Sendable () -> Void] = []
        var shouldStop = false
    }

    /// A loop that does not run yet.
    public init() throws(SystemError) {
        let set = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard set >= 0 else { throw .last("epoll_create1") }
        epoll = FileDescriptor(adopting: set)
        let event = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard event >= 0 else { throw .last("eventfd") }
        bell = FileDescriptor(adopting: event)
        ready.reserveCapacity(256)
        running.reserveCapacity(256)
        guard linux_epoll_add(set, event, EPOLLIN.rawValue) == 0 else { throw .last("epoll_ctl") }
        actors.serve(self)
    }

    deinit { unsafe scratch.deallocate() }

    /// The time, read once per turn of the loop. Confined to the loop.
    public var now: Instant {
        if let clock { return clock }
        let fresh = Instant.now
        clock = fresh
        return fresh
    }

    /// True on the loop's own thread.
    public var isCurrent: Bool { thread.load(ordering: .relaxed) == pthread_self() }

    /// Runs a closure on the loop's thread, from any thread, in the order of submission.
    public func submit(_ work: @escaping @Sendable () -> Void) {
        remote.withLock { $0.work.append(work) }
        ring()
    }

    /// Starts a task on the loop. Call it there.
    ///
    /// What the job refers to need not be `Sendable`: it never leaves the loop.
    public func spawn(_ job: @escaping () async -> Void) {
        checkIsolated()
        // Sound: this is the loop's thread, so all that the job refers to belongs to the loop or to nobody else; and a task
        // that prefers the loop runs there alone, but for what it calls of an actor that is pinned elsewhere, which the
        // compiler lets it reach with sendable values only.
        nonisolated(unsafe) let job = job
        // Unstructured: whoever calls says why.
        Task(executorPreference: self) { unsafe await job() }
    }

    /// Lets `run` return after the turn in progress, from any thread.
    public func stop() {
        remote.withLock { $0.shouldStop = true }
        ring()
    }

    /// Runs the loop on a new thread.
    public func start() throws(SystemError) {
        try DetachedThread.start { self.run() }
    }

    /// Runs the loop on this thread until it is stopped.
    public func run() {
        thread.store(pthread_self(), ordering: .relaxed)
        let events = UnsafeMutableBufferPointer<epoll_event>.allocate(capacity: 512)
        defer { unsafe events.deallocate() }
        var shouldStop = false
        while !shouldStop {
            shouldStop = unsafe look(into: events, for: timeout())
            clock = nil
            if let earliest = alarms.earliest, earliest <= now {
                // What came before it was due is told first. Of that nothing is known where the process has stood still for a
                // while: stopped, or on a machine that was asleep.
                if unsafe look(into: events, for: 0) { shouldStop = true }
                alarms.ring(at: now)
            }
            runJobs()
            for _ in 0..<Self.mostRounds where !ready.isEmpty {
                clock = nil
                runJobs()
            }
        }
    }

    /// Waits so many milliseconds for what happens, -1 for ever, and tells of it; true when the loop is to stop.
    private func look(into events: UnsafeMutableBufferPointer<epoll_event>, for milliseconds: Int32) -> Bool {
        guard let first = events.baseAddress else { return false }
        let count = unsafe epoll_wait(epoll.number, first, Int32(events.count), milliseconds)
        var shouldStop = false
        for index in 0..<max(0, Int(count)) {
            let number = unsafe linux_epoll_fd(first + index)
            if number == bell.number {
                shouldStop = takeRemote()
            } else if Int(number) < watched.count {
                // Nothing is unwatched between epoll_wait and here, so an event cannot meet a descriptor's heir.
                unsafe watched[Int(number)]?.fire(first[index].events)
            }
        }
        return shouldStop
    }

    /// What jobs have made ready runs at once, so many times: one wake-up of a task is several jobs in a row, and to ask the
    /// kernel between them costs as much as they do.
    private static let mostRounds = 8

    // MARK: - Executor

    /// Takes a job of a task that prefers the loop from the runtime, on any thread.
    public func enqueue(_ job: consuming ExecutorJob) { enqueue(LoopJob(job: UnownedJob(job), isOfActor: false)) }

    func enqueue(_ job: LoopJob) {
        if isCurrent {
            ready.append(job)
        } else {
            remote.withLock { $0.jobs.append(job) }
            ring()
        }
    }

    /// The executor of actors that are pinned to the loop, which must outlive it.
    public func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe actors.asUnownedSerialExecutor() }

    /// Ends the process where code of the loop runs elsewhere.
    public func checkIsolated() { precondition(isCurrent, "code of a loop ran off its loop") }

    private func runJobs() {
        let serial = unsafe actors.asUnownedSerialExecutor()
        let task = unsafe asUnownedTaskExecutor()
        swap(&ready, &running)
        for entry in running {
            if entry.isOfActor {
                unsafe entry.job.runSynchronously(isolatedTo: serial, taskExecutor: task)
            } else {
                unsafe entry.job.runSynchronously(on: task)
            }
        }
        running.removeAll(keepingCapacity: true)
    }

    private func timeout() -> Int32 {
        if !ready.isEmpty { return 0 }
        guard let earliest = alarms.earliest else { return -1 }
        let now = Instant.now
        guard earliest > now else { return 0 }
        return Int32(min((earliest.nanoseconds - now.nanoseconds + 999_999) / 1_000_000, 3_600_000))
    }

    private func ring() {
        guard !isRung.exchange(true, ordering: .acquiringAndReleasing) else { return }
        var one: UInt64 = 1
        unsafe withUnsafeBytes(of: &one) { _ = unsafe Glibc.write(bell.number, $0.baseAddress, 8) }
    }

    /// Empties what other threads left; true when the loop is to stop.
    private func takeRemote() -> Bool {
        var count: UInt64 = 0
        unsafe withUnsafeMutableBytes(of: &count) { _ = unsafe Glibc.read(bell.number, $0.baseAddress, 8) }
        // Cleared before the queue is emptied: whoever enqueues afterwards rings again.
        isRung.store(false, ordering: .sequentiallyConsistent)
        var left = Remote()
        remote.withLock { swap(&$0, &left) }
        ready.append(contentsOf: left.jobs)
        for work in left.work { work() }
        return left.shouldStop
    }

    // MARK: - Descriptors

    /// Begins to watch a descriptor; false when epoll cannot.
    func watch(_ number: Int32, events: UInt32, by readiness: Readiness) -> Bool {
        guard linux_epoll_add(epoll.number, number, events) == 0 else { return false }
        while watched.count <= Int(number) { watched.append(nil) }
        watched[Int(number)] = readiness
        return true
    }

    func rewatch(_ number: Int32, events: UInt32) { _ = linux_epoll_modify(epoll.number, number, events) }

    func unwatch(_ number: Int32) {
        _ = linux_epoll_remove(epoll.number, number)
        watched[Int(number)] = nil
    }
}
