import Glibc
import Platform
import Synchronization
import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("Processes that no turn uses are looked after", .timeLimit(.minutes(1)))
struct ProcessKeeperTests {
    private final class Notes: Sendable {
        private let lines = Mutex<[String]>([])
        func add(_ line: String) { lines.withLock { $0.append(line) } }
        var all: [String] { lines.withLock { $0 } }
    }

    /// Runs a keeper beside `body`, and to its end.
    private func keeping(
        _ shelf: Shelf, starting supply: CLISupply? = nil, isBusy: @escaping @Sendable () -> Bool = { false },
        _ body: @escaping @Sendable (EventLoop, Notes) async throws -> Void
    ) async throws {
        let notes = Notes()
        try await Harness.onLoop { loop in
            let source: ProcessKeeper.Source = {
                guard let supply, let program = ProgramFile(path: supply.profile.path) else { return nil }
                return [(supply, program)]
            }
            let keeper = LoopBound(try ProcessKeeper(shelf.store, on: loop, source: source, isBusy: isBusy) { notes.add($0) })
            // Unstructured: it runs beside the test, on the loop.
            let running = Task(executorPreference: loop) { await keeper.value.run() }
            try await body(loop, notes)
            shelf.store.end()
            await running.value
            #expect(shelf.store.load == (idle: 0, waiting: 0, serving: 0))
        }
    }

    @Test("one that is idle for too long is ended at its time")
    func expiry() async throws {
        let shelf = try Shelf { $0.idleSeconds = 1 }
        try await keeping(shelf) { loop, notes in
            let start = loop.now
            shelf.store.noteStart()
            let process = try await shelf.supply.start()
            let end = ProcessEnd(process.pid)
            shelf.store.put(process, at: shelf.place(1), isSingle: true, now: loop.now)
            #expect(await Harness.until(on: loop) { end.isOver })
            #expect(loop.now.since(start) >= Milliseconds(990) && shelf.store.load.idle == 0)
            #expect(shelf.store.counts.retired == 1 && notes.all.isEmpty)
        }
    }

    @Test("one that ends by itself is forgotten at once, and told of")
    func died() async throws {
        let shelf = try Shelf()
        try await keeping(shelf) { loop, notes in
            let pid = try shelf.put(1)
            try shelf.put(2)
            kill(-pid, SIGKILL)
            #expect(await Harness.until(on: loop) { shelf.store.load.idle == 1 })
            #expect(await Harness.until(on: loop) { !notes.all.isEmpty })
            #expect(notes.all == ["1 kept processes ended by themselves"] && shelf.store.counts.died == 1)
        }
    }

    @Test("what is let go is ended without a turn that waits for it")
    func letGo() async throws {
        let shelf = try Shelf(idle: 1)
        try await keeping(shelf) { loop, _ in
            let first = ProcessEnd(try shelf.put(1, at: 0))
            try shelf.put(2, at: 1)
            #expect(await Harness.until(on: loop) { first.isOver })
        }
    }

    @Test("those that wait are started one by one, and again when one is taken")
    func fill() async throws {
        let shelf = try Shelf()
        try await keeping(shelf, starting: shelf.supply) { loop, notes in
            #expect(await Harness.until(on: loop) { shelf.store.load.waiting == 2 })
            #expect(shelf.take(1).find == .waiting)
            shelf.store.noteEnd()
            #expect(await Harness.until(on: loop) { shelf.store.load.waiting == 2 })
            #expect(notes.all.isEmpty)
        }
    }

    @Test("none is started while turns need the machine")
    func busy() async throws {
        let shelf = try Shelf()
        let looks = Mutex(0)
        let isBusy: @Sendable () -> Bool = {
            looks.withLock {
                $0 += 1
                return $0 <= 3
            }
        }
        try await keeping(shelf, starting: shelf.supply, isBusy: isBusy) { loop, _ in
            let start = loop.now
            #expect(await Harness.until(on: loop) { shelf.store.load.waiting == 1 })
            #expect(loop.now.since(start) >= Milliseconds(290))
        }
    }

    @Test("a CLI that ends at its start is not started again and again")
    func backOff() async throws {
        let shelf = try Shelf(script: "exit 1")
        try await keeping(shelf, starting: shelf.supply) { loop, notes in
            #expect(await Harness.until(on: loop) { !notes.all.isEmpty })
            #expect(notes.all == ["waiting processes: a waiting process ended by itself; the next is started in 2 s"])
            let died = shelf.store.counts.died
            let later = loop.now + Milliseconds(500)
            #expect(await Harness.until(on: loop) { loop.now >= later })
            #expect(shelf.store.counts.died <= died + 1 && shelf.store.load.waiting <= 1)
        }
    }

    @Test("a CLI that cannot be started is told of, with the time of the next try")
    func unstartable() async throws {
        let shelf = try Shelf()
        unsafe chmod(shelf.supply.profile.path, 0o600)
        try await keeping(shelf, starting: shelf.supply) { loop, notes in
            #expect(await Harness.until(on: loop) { !notes.all.isEmpty })
            #expect(notes.all.count == 1 && notes.all[0].hasSuffix("the next is started in 2 s"))
            #expect(shelf.store.load.waiting == 0)
        }
    }
}

/// Carries what is confined to a loop into a task of the same loop.
private struct LoopBound<Value>: @unchecked Sendable {  // both ends are on one loop
    let value: Value
    init(_ value: Value) { self.value = value }
}
