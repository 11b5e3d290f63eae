import Synchronization
import TestSupport
import Testing

@testable import Ledger

@Suite("The ledger's threads")
struct LedgerThreadTests {
    private let folder: Scratch
    private let ledger: Ledger

    init() throws {
        folder = try Scratch()
        ledger = try Ledger(path: folder.file)
    }

    /// What a job waits for until the test lets it go.
    private final class Gate: Sendable {
        private let queue = JobQueue<Bool>()
        func open() { queue.close() }
        func pass() { _ = queue.take(1, isPatient: true) }
    }

    /// Holds the writer in a job of its own until the gate is opened.
    private func held() async -> Gate {
        let gate = Gate()
        await withCheckedContinuation { begun in
            ledger.write(
                { _ in
                    begun.resume()
                    gate.pass()
                }, then: { _ in })
        }
        return gate
    }

    /// What a job does.
    private enum Deed: Sendable {
        case add(String)
        case addAndFail(String)
        /// What SQLite does by itself when the disk is full.
        case undoAll
        case readWithinRead

        func done(in database: Database) throws(LedgerFault) -> Int {
            switch self {
            case .add(let subject): try LedgerThreadTests.add(subject, in: database)
            case .addAndFail(let subject):
                try LedgerThreadTests.add(subject, in: database)
                throw .full
            case .undoAll: try database.run("ROLLBACK")
            case .readWithinRead: return try LedgerThreadTests.readWithinRead(database)
            }
            return 1
        }
    }

    /// Has jobs written together: the writer is held until all of them wait.
    private func together(_ deeds: [Deed]) async -> [Result<Int, LedgerFault>] {
        let gate = await held()
        let seen = Mutex<[Int: Result<Int, LedgerFault>]>([:])
        await withCheckedContinuation { waiting in
            for (index, deed) in deeds.enumerated() {
                ledger.write({ (database) throws(LedgerFault) in try deed.done(in: database) }) { result in
                    let isLast = seen.withLock {
                        $0[index] = result
                        return $0.count == deeds.count
                    }
                    if isLast { waiting.resume() }
                }
            }
            gate.open()
        }
        return seen.withLock { seen in deeds.indices.compactMap { seen[$0] } }
    }

    private static func add(_ subject: String, in database: Database) throws(LedgerFault) {
        try AuditStore.append(
            AuditEntry(Act(at: 1, actor: "a"), action: "x", subject: subject), in: database)
    }

    /// How many rows a statement finds after it was used while it was in use; 0 when that was not noticed.
    private static func readWithinRead(_ database: Database) throws(LedgerFault) -> Int {
        let subjects: StaticString = "SELECT subject FROM audit ORDER BY number"
        var isRefused = false
        let found = try database.rows(subjects) { row in
            do throws(LedgerFault) { _ = try database.rows(subjects) { $0.text(0) } } catch { isRefused = true }
            return row.text(0)
        }
        guard isRefused, found == ["a", "b"] else { return 0 }
        return try database.rows(subjects) { $0.text(0) }.count
    }

    private func subjects() async throws -> [String] {
        try await answer { ledger.audit.newest(100, then: $0) }.map(\.entry.subject)
    }

    @Test("of a job that fails nothing is left, and those beside it are whole")
    func undone() async throws {
        let outcomes = await together([.add("a"), .addAndFail("b"), .add("c")])
        #expect(outcomes == [.success(1), .failure(.full), .success(1)])
        #expect(try await subjects() == ["c", "a"])
    }

    @Test("when a transaction is undone whole everybody in it hears of it, and nothing of it stays")
    func undoneWhole() async throws {
        let outcomes = await together([.add("a"), .undoAll, .add("c")])
        #expect(outcomes.count == 3)
        for outcome in outcomes { #expect(throws: LedgerFault.self) { try outcome.get() } }
        #expect(try await subjects().isEmpty)
        #expect(await together([.add("d")]) == [.success(1)])
        #expect(try await subjects() == ["d"])
    }

    @Test("a statement that is used twice at once is refused, and the outer use goes on")
    func nestedUse() async throws {
        let outcomes = await together([.add("a"), .add("b"), .readWithinRead])
        #expect(outcomes.last == .success(2))
    }

    @Test("a report on one key waits for none on all keys, nor the other way round", arguments: [Ledger.ReadKind.report, .own])
    func ownReports(held: Ledger.ReadKind) async throws {
        let gate = Gate()
        defer { gate.open() }
        await withCheckedContinuation { begun in
            ledger.read(
                held,
                { _ in
                    begun.resume()
                    gate.pass()
                }, then: { _ in })
        }
        let filter = UsageFilter(owner: held == .report ? "alice" : nil)
        let usage = ledger.usage
        #expect(try await answer { usage.report(filter, by: .day, then: $0) }.isEmpty)
        #expect(try await answer { usage.refusals(filter, by: .day, then: $0) }.isEmpty)
    }

    @Test("a long report keeps no look-up waiting")
    func reports() async throws {
        let gate = Gate()
        async let report: Void = answer { ledger.read(.report, { _ in gate.pass() }, then: $0) }
        #expect(await ledger.store(response("a")) == nil)
        #expect(try await ledger.answer("a") == "answer a")
        gate.open()
        try await report
    }

    @Test("chores take turns, and a later one of a name takes the place of the earlier")
    func chores() async {
        let order = Mutex<[String]>([])
        let gate = await held()
        let ends = Mutex<[String]>([])
        await withCheckedContinuation { waiting in
            for (name, label) in [("a", "early"), ("b", "b"), ("a", "late")] {
                ledger.tidy(
                    name,
                    { _ in
                        order.withLock {
                            $0.append(label)
                            return $0.count { $0 == label } < 3
                        }
                    },
                    then: { fault in
                        let isLast = ends.withLock {
                            $0.append("\(label) \(fault == nil)")
                            return $0.count == 3
                        }
                        if isLast { waiting.resume() }
                    })
            }
            gate.open()
        }
        #expect(order.withLock { $0 } == ["b", "late", "b", "late", "b", "late"])
        #expect(ends.withLock { $0 } == ["early true", "b true", "late true"])
    }

    @Test("a queue that is full says so at once")
    func busy() async throws {
        let gate = await held()
        let refusals = Mutex(0)
        for number in 0..<400 {
            let entry = AuditEntry(Act(at: number, actor: "a"), action: "x", subject: "s")
            ledger.audit.append(entry) { result in
                if case .failure(.busy) = result { refusals.withLock { $0 += 1 } }
            }
        }
        #expect(refusals.withLock { $0 } == 400 - 256)
        gate.open()
        ledger.close()
        let again = try Ledger(path: folder.file)
        let written = try await answer { again.audit.newest(1000, then: $0) }.count
        #expect(written == 400 - refusals.withLock { $0 })
    }
}
