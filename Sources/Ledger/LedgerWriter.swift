/// What the writing thread is asked to do.
enum WriteJob: Sendable {
    /// Done once. `perform` returns what tells of its end, to be called when all is on the disk; `refuse` is called
    /// instead when nothing of it is.
    case once(
        perform: @Sendable (Database) -> () -> Void, refuse: @Sendable (LedgerFault) -> Void)
    /// Done in small steps when there is nothing else to do.
    case chore(Chore)
}

/// What is done in small steps when there is nothing else to do.
struct Chore: Sendable {
    /// A later one of that name takes over.
    let name: String
    /// Does a little; false when there is nothing left to do.
    let step: @Sendable (Database) throws(LedgerFault) -> Bool
    /// Hears how it ended.
    let then: @Sendable (LedgerFault?) -> Void
}

/// The writing thread's work: jobs that wait are written together, chores one step at a time.
struct LedgerWriter {
    private let database: Database
    private var chores: [Chore] = []

    init(_ database: Database) { self.database = database }

    /// Works until the queue is closed and empty.
    mutating func serve(_ queue: JobQueue<WriteJob>) {
        while let jobs = queue.take(64, isPatient: chores.isEmpty) {
            if jobs.isEmpty { advance() }
            for case .chore(let chore) in jobs { add(chore) }
            commit(jobs)
        }
        for chore in chores { chore.then(.closed) }
        chores = []
    }

    /// Runs jobs in one transaction and tells each how it ended, but none before all is on the disk.
    private func commit(_ jobs: [WriteJob]) {
        var told: [() -> Void] = []
        do throws(LedgerFault) {
            guard jobs.contains(where: { if case .once = $0 { true } else { false } }) else { return }
            try database.commit {
                for case .once(let perform, _) in jobs { told.append(perform(database)) }
            }
            for tell in told { tell() }
        } catch {
            for case .once(_, let refuse) in jobs { refuse(error) }
        }
    }

    // MARK: - Chores

    private mutating func add(_ chore: Chore) {
        if let index = chores.firstIndex(where: { $0.name == chore.name }) { chores.remove(at: index).then(nil) }
        chores.append(chore)
    }

    /// One step of the chore whose turn it is.
    private mutating func advance() {
        guard !chores.isEmpty else { return }
        let chore = chores.removeFirst()
        do throws(LedgerFault) {
            var isMore = false
            try database.commit { () throws(LedgerFault) in isMore = try database.step(chore.step) }
            // Gives some of the room of what was removed back to the file system.
            try database.run("PRAGMA incremental_vacuum(64)")
            if isMore { chores.append(chore) } else { chore.then(nil) }
        } catch {
            chore.then(error)
        }
    }
}
