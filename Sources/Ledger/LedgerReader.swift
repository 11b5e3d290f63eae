/// A thread that reads, with a connection of its own.
final class LedgerReader: Sendable {
    /// One question.
    typealias Job = @Sendable (Database) -> Void

    private let jobs: JobQueue<Job>
    private let thread: LedgerThread

    /// Reads a file that has the newest form.
    init(path: String) throws(LedgerFault) {
        let database = Confined(try Database(path: path))
        try database.value.execute("PRAGMA query_only=ON; PRAGMA cache_size=-512")
        let queue = JobQueue<Job>()
        jobs = queue
        thread = try LedgerThread {
            while let jobs = queue.take(1, isPatient: true) {
                for job in jobs { job(database.value) }
            }
        }
    }

    deinit { close() }

    /// Asks unless so many wait already; says why it could not.
    func add(_ job: @escaping Job, limit: Int) -> LedgerFault? { jobs.add(job, limit: limit) }

    /// Answers what was asked before and ends.
    func close() {
        jobs.close()
        thread.join()
    }
}

/// What only one thread uses after it has been handed over.
struct Confined<Value>: @unchecked Sendable {
    // `@unchecked Sendable`: made on one thread, used by the one it is given to and by no other.
    let value: Value

    init(_ value: Value) { self.value = value }
}
