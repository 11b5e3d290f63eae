import ClaudeCLI
import Glibc
import ClaudeCLI
import Platform
import Synchronization
import Testing
import Vocabulary

@testable import Gateway

/// What several tasks write down.
private final class Notes: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
}

@Suite("Admission", .timeLimit(.minutes(1)))
struct AdmissionTests {
    private let loop: EventLoop
    private let principals: [Principal]

    init() throws {
        loop = try #require(TestService.nextLoop())
        let keys = try (0..<3).map { try #require(APIKey(name: "key-\($0)", secret: "secret-number-\($0)")) }
        let directory = KeyDirectory(keys)
        principals = try keys.map { key in
            let secret = Array(key.secret.utf8)
            guard case .accepted(let found) = directory.authenticate(secret.span) else { return try #require(nil) }
            return found
        }
    }

    private func admission(running: Int, waiting: Int, wait: Milliseconds = .seconds(30)) -> Admission {
        Admission(Admission.Limits(running: running, waiting: waiting, waitMilliseconds: wait))
    }

    /// Asks for a permit, notes that it came or how it was refused, and gives it back.
    private func visit(_ admission: Admission, as key: Int, _ name: String, _ notes: Notes) -> Task<Void, Never> {
        let (loop, principal) = (loop, principals[key])
        // Unstructured because only a task can be given an executor.
        return Task(executorPreference: loop) {
            do throws(Fault) {
                let permit = try await admission.permit(
                    for: principal, on: loop, waking: Wakeup(), isGone: { false })
                notes.add(name)
                await Task.yield()
                _ = consume permit
            } catch {
                notes.add("\(name) refused \(error.kind) \(error.retryAfterSeconds ?? 0)")
            }
        }
    }

    /// Runs `body` on the loop while one permit is held.
    private func holding(
        _ admission: Admission, _ body: @escaping @Sendable () async -> Void
    ) async throws {
        let (loop, principal) = (loop, principals[2])
        // Unstructured because only a task can be given an executor.
        try await Task(executorPreference: loop) {
            let permit = try await admission.permit(for: principal, on: loop, waking: Wakeup(), isGone: { false })
            await body()
            _ = consume permit
        }.value
    }

    @Test("the keys take turns, so that one with many requests does not hold up another")
    func fairness() async throws {
        let (admission, notes) = (admission(running: 1, waiting: 10), Notes())
        let tasks = Mutex<[Task<Void, Never>]>([])
        try await holding(admission) {
            for (count, (key, name)) in [(0, "a1"), (0, "a2"), (0, "a3"), (0, "a4"), (1, "b1"), (1, "b2")].enumerated() {
                let task = visit(admission, as: key, name, notes)
                tasks.withLock { $0.append(task) }
                while admission.load.waiting <= count { await Task.yield() }
            }
            #expect(admission.load == (1, 6))
        }
        for task in tasks.withLock({ $0 }) { await task.value }
        #expect(notes.all == ["a1", "b1", "a2", "b2", "a3", "a4"])
        #expect(admission.load == (0, 0))
    }

    @Test("what waits is bounded, and who is turned away is told when to come again")
    func bounded() async throws {
        let (admission, notes) = (admission(running: 1, waiting: 1), Notes())
        let waiting = Mutex<Task<Void, Never>?>(nil)
        try await holding(admission) {
            let first = visit(admission, as: 0, "first", notes)
            waiting.withLock { $0 = first }
            while admission.load.waiting == 0 { await Task.yield() }
            await visit(admission, as: 1, "second", notes).value
        }
        await waiting.withLock({ $0 })?.value
        #expect(notes.all.count == 2)
        #expect(notes.all.first?.hasPrefix("second refused overloaded") == true)
        #expect(notes.all.last == "first")
    }

    @Test("nobody waits longer than the limit")
    func patience() async throws {
        let (admission, notes) = (admission(running: 1, waiting: 5, wait: Milliseconds(10)), Notes())
        try await holding(admission) { await visit(admission, as: 0, "a", notes).value }
        #expect(notes.all.count == 1)
        #expect(notes.all.first?.hasPrefix("a refused overloaded") == true)
        #expect(admission.load == (0, 0))
    }

    @Test("a client that goes while it waits leaves its place")
    func gone() async throws {
        let admission = admission(running: 1, waiting: 5)
        let (loop, principal) = (loop, principals[0])
        try await holding(admission) {
            let kind: FailureKind?
            do throws(Fault) {
                let wakeup = Wakeup()
                wakeup.signal()
                let permit = try await admission.permit(for: principal, on: loop, waking: wakeup, isGone: { true })
                _ = consume permit
                kind = nil
            } catch { kind = error.kind }
            #expect(kind == .requestTimeout)
            #expect(admission.load == (1, 0))
        }
        #expect(admission.load == (0, 0))
    }

    @Test("a higher limit lets in those who wait at once")
    func raised() async throws {
        let (admission, notes) = (admission(running: 1, waiting: 5), Notes())
        try await holding(admission) {
            let waiter = visit(admission, as: 0, "a", notes)
            while admission.load.waiting == 0 { await Task.yield() }
            admission.change(Admission.Limits(running: 2, waiting: 5, waitMilliseconds: .seconds(30)))
            await waiter.value
            #expect(notes.all == ["a"])
            #expect(admission.load == (1, 0))
        }
    }

    @Test("a lower limit takes effect as turns end")
    func change() async throws {
        let (admission, notes) = (admission(running: 2, waiting: 5), Notes())
        try await holding(admission) {
            admission.change(Admission.Limits(running: 1, waiting: 0, waitMilliseconds: .seconds(1)))
            await visit(admission, as: 0, "a", notes).value
        }
        await visit(admission, as: 0, "b", notes).value
        #expect(notes.all.first?.hasPrefix("a refused overloaded") == true)
        #expect(notes.all.last == "b")
    }

    /// A principal with options of its own.
    private func principal(_ id: String, _ words: String...) throws -> Principal {
        Principal(id: KeyID(named: id), name: id, options: try KeyOptions(words: words), owner: ProcessOwner(identity: []))
    }

    /// Runs `body` with permits of these, on the loop.
    private func permits(
        _ admission: Admission, _ principals: [Principal], _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        let loop = loop
        guard let first = principals.first else { return try await body() }
        let rest = Array(principals.dropFirst())
        // Unstructured because only a task can be given an executor.
        try await Task(executorPreference: loop) {
            let permit = try await admission.permit(for: first, on: loop, waking: Wakeup(), isGone: { false })
            try await permits(admission, rest, body)
            _ = consume permit
        }.value
    }

    @Test("while memory is short nobody is let in, and is told for how long")
    func pause() async throws {
        let admission = admission(running: 2, waiting: 2)
        let notes = Notes()
        admission.pause(until: Instant.now + .seconds(4))
        await visit(admission, as: 0, "early", notes).value
        #expect(["early refused overloaded 4", "early refused overloaded 5"].contains(notes.all.first ?? ""))
        admission.pause(until: Instant.now)
        await visit(admission, as: 0, "late", notes).value
        #expect(notes.all.last == "late" && admission.load == (0, 0))
    }

    @Test("a flood of one key leaves the last place free for another, who does not wait")
    func lastPlace() async throws {
        let admission = admission(running: 4, waiting: 0)
        let (flood, other) = (principals[0], principals[1])
        try await permits(admission, [flood, flood, flood]) {
            let notes = Notes()
            await visit(admission, as: 0, "flood", notes).value
            await visit(admission, as: 1, "other", notes).value
            #expect(notes.all.first?.hasPrefix("flood refused overloaded") == true && notes.all.last == "other")
        }
        let lone = Admission(
            Admission.Limits(running: 4, waiting: 0, waitMilliseconds: .seconds(1)), hasOtherKeys: { false })
        try await permits(lone, [flood, flood, flood, flood]) { #expect(lone.load.running == 4) }
        _ = other
    }

    @Test("a key that may run two turns at once waits for its own, and others pass it by")
    func ownPlaces() async throws {
        let admission = admission(running: 8, waiting: 8, wait: Milliseconds(10))
        let narrow = try principal("narrow", "turns=2")
        let loop = loop
        try await permits(admission, [narrow, narrow]) {
            let notes = Notes()
            await visit(admission, as: 1, "other", notes).value
            #expect(notes.all == ["other"])
            // Unstructured because only a task can be given an executor.
            let fault = await Task(executorPreference: loop) { () async -> Fault? in
                do throws(Fault) {
                    let permit = try await admission.permit(for: narrow, on: loop, waking: Wakeup(), isGone: { false })
                    _ = consume permit
                    return nil
                } catch {
                    return error
                }
            }.value
            #expect(fault?.kind == .rateLimited && fault?.message.contains("2 requests at once") == true)
        }
        #expect(admission.load == (0, 0))
    }
}
