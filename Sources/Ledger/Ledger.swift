import Glibc

/// Responses that survive a restart: one SQLite file, a thread that writes and a thread that reads.
///
/// May be called from any thread and never blocks: what is asked for comes to a closure, on one of the ledger's own
/// threads. Answers that end together are written together and share one fsync.
public final class Ledger: Sendable {
    private enum Write: Sendable {
        case store(NewResponse, maxBytes: Int, @Sendable (LedgerFault?) -> Void)
        case delete(String, Reader, @Sendable (Result<Bool, LedgerFault>) -> Void)
        case tidy(Chore)
    }

    /// What is to be removed when there is nothing else to do.
    private struct Chore: Sendable {
        let notBefore: Int
        let maxBytes: Int
        let then: @Sendable (LedgerFault?) -> Void
    }

    private let writes: JobQueue<Write>
    private let reads: JobQueue<@Sendable (ResponseReader) -> Void>
    private let writing: LedgerThread
    private let reading: LedgerThread

    /// Opens the file, makes it with mode 0600 where there is none, and checks it whole.
    public init(path: String) throws(LedgerFault) {
        try LedgerFile.make(path)
        // Behind the writer: it is the one that brings the file to its form.
        let writer = Confined(try ResponseWriter(path: path))
        let reader = Confined(try ResponseReader(path: path))
        let writes = JobQueue<Write>()
        let reads = JobQueue<@Sendable (ResponseReader) -> Void>()
        (self.writes, self.reads) = (writes, reads)
        writing = try LedgerThread { Self.write(writer.value, writes) }
        reading = try LedgerThread {
            while let jobs = reads.take(1, isPatient: true) {
                for job in jobs { job(reader.value) }
            }
        }
    }

    /// Checks a file as opening it would, but changes nothing of it and may be used beside a running service. The result
    /// is how many responses can be found in it, nil when there is no file. Blocks.
    public static func inspect(path: String) throws(LedgerFault) -> Int? { try LedgerFile.inspect(path) }

    /// What only one thread uses after it has been handed over.
    private struct Confined<Value>: @unchecked Sendable {
        // `@unchecked Sendable`: made on one thread, used by the one it is given to and by no other.
        let value: Value
        init(_ value: Value) { self.value = value }
    }

    deinit { close() }

    /// Does what was asked before, ends both threads and waits for them. What is asked afterwards is `.closed`.
    public func close() {
        // The reader goes first: two connections that close at once each take the other for one that stays, and
        // neither brings the log into the file.
        reads.close()
        reading.join()
        writes.close()
        writing.join()
    }

    // MARK: - Writing

    /// Stores a response. `then` hears nil when it is on the disk; where `maxBytes` are reached the conversations that
    /// nobody has continued for longest go.
    public func store(
        _ response: NewResponse, within maxBytes: Int, then: @escaping @Sendable (LedgerFault?) -> Void
    ) {
        // As many as there can be turns: an answer that was paid for is not lost to a queue.
        if let fault = writes.add(.store(response, maxBytes: maxBytes, then), limit: 8192) { then(fault) }
    }

    /// Deletes a response. What others continue is kept for them alone and cannot be found any more. `then` hears false
    /// when the reader has no such response.
    public func delete(
        _ id: String, for reader: Reader, then: @escaping @Sendable (Result<Bool, LedgerFault>) -> Void
    ) {
        if let fault = writes.add(.delete(id, reader, then), limit: 256) { then(.failure(fault)) }
    }

    /// Begins to remove what has expired and what is beyond the bound: a few at a time, when there is nothing else to
    /// do. `then` hears nil when all of it has gone, or when a later call has taken over.
    public func tidy(notBefore: Int, within maxBytes: Int, then: @escaping @Sendable (LedgerFault?) -> Void) {
        let chore = Chore(notBefore: notBefore, maxBytes: maxBytes, then: then)
        if let fault = writes.add(.tidy(chore), limit: 256) { then(fault) }
    }

    /// The writing thread.
    private static func write(_ writer: ResponseWriter, _ queue: JobQueue<Write>) {
        var chore: Chore?
        while let jobs = queue.take(64, isPatient: chore == nil) {
            if jobs.isEmpty, let current = chore {
                switch tidy(writer, current) {
                case .success(true): break
                case .success(false): (chore, _) = (nil, current.then(nil))
                case .failure(let fault): (chore, _) = (nil, current.then(fault))
                }
            }
            for case .tidy(let next) in jobs {
                chore?.then(nil)
                chore = next
            }
            commit(jobs, writer)
        }
        chore?.then(.closed)
    }

    /// Runs jobs in one transaction and tells each how it ended, but none before all is on the disk.
    private static func commit(_ jobs: [Write], _ writer: ResponseWriter) {
        guard !jobs.isEmpty else { return }
        var outcomes: [Result<Bool, LedgerFault>] = []
        var fault: LedgerFault?
        do throws(LedgerFault) {
            try writer.commit { outcomes = jobs.map { perform($0, writer) } }
        } catch {
            fault = error
        }
        for (index, job) in jobs.enumerated() {
            let outcome = fault.map { .failure($0) } ?? outcomes[index]
            switch job {
            case .store(_, _, let then):
                switch outcome {
                case .success: then(nil)
                case .failure(let fault): then(fault)
                }
            case .delete(_, _, let then): then(outcome)
            case .tidy: break
            }
        }
    }

    private static func perform(_ job: Write, _ writer: ResponseWriter) -> Result<Bool, LedgerFault> {
        do throws(LedgerFault) {
            switch job {
            case .store(let response, let maxBytes, _):
                try writer.step { () throws(LedgerFault) in try writer.store(response, within: maxBytes) }
                return .success(true)
            case .delete(let id, let reader, _):
                return .success(try writer.step { () throws(LedgerFault) in try writer.delete(id, for: reader) })
            case .tidy: return .success(true)
            }
        } catch {
            return .failure(error)
        }
    }

    /// One step of tidying; false when there is nothing left to do.
    private static func tidy(_ writer: ResponseWriter, _ chore: Chore) -> Result<Bool, LedgerFault> {
        var outcome: Result<Bool, LedgerFault> = .success(false)
        do throws(LedgerFault) {
            try writer.commit {
                do throws(LedgerFault) {
                    outcome = .success(
                        try writer.step { () throws(LedgerFault) in
                            try writer.tidy(notBefore: chore.notBefore, within: chore.maxBytes)
                        })
                } catch {
                    outcome = .failure(error)
                }
            }
            try writer.shrink()
        } catch {
            return .failure(error)
        }
        return outcome
    }

    // MARK: - Reading

    /// A part of a response. `then` hears nil when the reader has no such response.
    public func find(
        _ id: String, _ part: StoredPart, for reader: Reader,
        then: @escaping @Sendable (Result<[UInt8]?, LedgerFault>) -> Void
    ) {
        read(then) { (responses) throws(LedgerFault) in try responses.find(id, part, for: reader) }
    }

    /// What a request refers to.
    public func history(
        _ request: HistoryRequest, for reader: Reader,
        then: @escaping @Sendable (Result<History, LedgerFault>) -> Void
    ) {
        read(then) { (responses) throws(LedgerFault) in try responses.history(request, for: reader) }
    }

    private func read<Value: Sendable>(
        _ then: @escaping @Sendable (Result<Value, LedgerFault>) -> Void,
        _ body: @escaping @Sendable (ResponseReader) throws(LedgerFault) -> Value
    ) {
        let fault = reads.add(
            { responses in
                do throws(LedgerFault) {
                    let value = try body(responses)
                    then(.success(value))
                } catch {
                    then(.failure(error))
                }
            }, limit: 8192)
        if let fault { then(.failure(fault)) }
    }
}
