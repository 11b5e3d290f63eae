/// What survives a restart: one SQLite file, a thread that writes and three that read.
///
/// What it holds is in the stores that stand on it (`responses` and its neighbours). They may be called from any thread
/// and never block: what is asked for comes to a closure, on one of the ledger's own threads. What is written at about
/// the same time is written together and shares one fsync.
public final class Ledger: Sendable {
    private let writes: JobQueue<WriteJob>
    private let writing: LedgerThread
    private let lookups: LedgerReader
    private let reports: LedgerReader
    private let owners: LedgerReader

    /// Opens the file, makes it with mode 0600 where there is none, checks it whole and brings it to the newest form.
    ///
    /// `isShared`: another process still writes it, so its form must not change.
    public init(path: String, isShared: Bool = false) throws(LedgerFault) {
        try LedgerFile.make(path)
        // The writer comes first: it is the one that brings the file to its form.
        let writer = Confined(try Database(path: path))
        try LedgerFile.prepare(writer.value, isShared: isShared)
        lookups = try LedgerReader(path: path)
        reports = try LedgerReader(path: path)
        owners = try LedgerReader(path: path)
        let writes = JobQueue<WriteJob>()
        self.writes = writes
        writing = try LedgerThread {
            var writer = LedgerWriter(writer.value)
            writer.serve(writes)
        }
    }

    /// Checks a file as opening it would, but changes nothing of it, whatever its form, and may be used beside a running
    /// service. The result is what it holds, nil when there is no file. Blocks.
    public static func inspect(path: String) throws(LedgerFault) -> LedgerContents? { try LedgerFile.inspect(path) }

    deinit { close() }

    /// Does what was asked before, ends the threads and waits for them. What is asked afterwards is `.closed`.
    public func close() {
        // The readers go first: two connections that close at once each take the other for one that stays, and
        // neither brings the log into the file.
        lookups.close()
        reports.close()
        owners.close()
        writes.close()
        writing.join()
    }

    // MARK: - What the stores are made of

    /// Runs `body` in a transaction that it may share with others; what it did is undone when it throws. `then` hears
    /// what it returned when that is on the disk. Refused when `limit` of them wait already.
    func write<Value: Sendable>(
        limit: Int = Ledger.manyWaiting, _ body: @escaping @Sendable (Database) throws(LedgerFault) -> Value,
        then: @escaping @Sendable (Result<Value, LedgerFault>) -> Void
    ) {
        let job = WriteJob.once(
            perform: { database in
                do throws(LedgerFault) {
                    let value = try database.step(body)
                    return { then(.success(value)) }
                } catch {
                    return { then(.failure(error)) }
                }
            }, refuse: { then(.failure($0)) })
        if let fault = writes.add(job, limit: limit) { then(.failure(fault)) }
    }

    /// Lets `body` see the file as it is at one moment, and `then` hear what it returned.
    func read<Value: Sendable>(
        _ kind: ReadKind, _ body: @escaping @Sendable (Database) throws(LedgerFault) -> Value,
        then: @escaping @Sendable (Result<Value, LedgerFault>) -> Void
    ) {
        let job: LedgerReader.Job = { database in
            do throws(LedgerFault) {
                let value = try database.look(body)
                then(.success(value))
            } catch {
                then(.failure(error))
            }
        }
        let fault =
            switch kind {
            case .lookup: lookups.add(job, limit: Self.manyWaiting)
            case .report: reports.add(job, limit: Self.fewWaiting)
            case .own: owners.add(job, limit: Self.manyWaiting)
            }
        if let fault { then(.failure(fault)) }
    }

    /// How long a question can take.
    enum ReadKind {
        /// A few rows; a request may wait for it.
        case lookup
        /// A table; keeps no look-up waiting.
        case report
        /// What one key used; keeps neither look-ups nor reports on all keys waiting, and does not wait for them.
        case own
    }

    /// Begins a chore: small steps, each a transaction, when there is nothing else to do, as long as `step` returns true.
    /// `then` hears nil when all is done, or when a later chore of that name has taken over.
    func tidy(
        _ name: String, _ step: @escaping @Sendable (Database) throws(LedgerFault) -> Bool,
        then: @escaping @Sendable (LedgerFault?) -> Void
    ) {
        let chore = Chore(name: name, step: step, then: then)
        if let fault = writes.add(.chore(chore), limit: Self.fewWaiting) { then(fault) }
    }

    /// As many as there can be turns: what was paid for is not lost to a queue.
    static let manyWaiting = 8192
    /// Enough for what people do by hand.
    static let fewWaiting = 256
}
