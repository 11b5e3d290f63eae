import Glibc
import Synchronization

/// What other threads leave for a thread that may block; bounded by those who add.
final class JobQueue<Job: Sendable>: Sendable {
    private struct State {
        var jobs: [Job] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    private let bell = Bell()

    /// Adds a job unless `limit` of them wait already; says why it could not.
    func add(_ job: Job, limit: Int) -> LedgerFault? {
        let refusal: LedgerFault? = state.withLock { state in
            if state.isClosed { return .closed }
            if state.jobs.count >= limit { return .busy }
            state.jobs.append(job)
            return nil
        }
        if refusal == nil { bell.ring() }
        return refusal
    }

    /// Takes no more jobs; those that wait are still done.
    func close() {
        state.withLock { $0.isClosed = true }
        bell.ring()
    }

    /// The next jobs, at most `count`; with `isPatient` not before there is one. Nil when the queue is closed and
    /// empty.
    func take(_ count: Int, isPatient: Bool) -> [Job]? {
        while true {
            let (jobs, isOver) = state.withLock { state in
                let jobs = Array(state.jobs.prefix(count))
                state.jobs.removeFirst(jobs.count)
                return (jobs, state.isClosed && jobs.isEmpty)
            }
            if isOver { return nil }
            if !jobs.isEmpty || !isPatient { return jobs }
            bell.wait()
        }
    }
}

/// What the thread of a queue sleeps on: a semaphore, of which more rings than jobs do no harm.
@safe private final class Bell: @unchecked Sendable {
    // `@unchecked Sendable`: a semaphore is made to be used by several threads, and its address never changes.
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { unsafe sem_init(semaphore, 0, 0) }

    deinit {
        unsafe sem_destroy(semaphore)
        unsafe semaphore.deallocate()
    }

    func ring() { unsafe sem_post(semaphore) }

    func wait() { unsafe sem_wait(semaphore) }
}
