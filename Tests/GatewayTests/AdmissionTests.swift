import Glibc
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
}

@Suite("Connection limits", .timeLimit(.minutes(1)))
struct ConnectionLimiterTests {
    private func peer(_ last: UInt8) -> PeerAddress {
        var storage = sockaddr_storage()
        storage.ss_family = sa_family_t(AF_INET)
        unsafe withUnsafeMutableBytes(of: &storage) { bytes in
            for (index, byte) in [10, 0, 0, last].enumerated() { unsafe bytes[4 + index] = byte }
        }
        return PeerAddress(storage)
    }

    private func limiter(total: Int = 10, perNetwork: Int = 10, strangers: Int = 10) -> ConnectionLimiter {
        ConnectionLimiter(
            ConnectionLimiter.Limits(total: total, perNetwork: perNetwork, unauthenticatedPerNetwork: strangers))
    }

    /// True when there is a place now; it is given back at once.
    private func hasPlace(_ limiter: ConnectionLimiter, _ last: UInt8) -> Bool {
        let place = limiter.admit(peer(last))
        return place != nil
    }

    @Test("there are so many in all, and places come back")
    func total() {
        let limiter = limiter(total: 2)
        do {
            let first = limiter.admit(peer(1))
            let second = limiter.admit(peer(2))
            let isRefused = !hasPlace(limiter, 3)
            #expect(isRefused)
            #expect(limiter.open == 2)
            _ = consume first
            _ = consume second
        }
        #expect(limiter.open == 0)
        #expect(hasPlace(limiter, 3))
    }

    @Test("one network does not take the places of others")
    func perNetwork() {
        let limiter = limiter(perNetwork: 1)
        let first = limiter.admit(peer(1))
        #expect(!hasPlace(limiter, 1))
        #expect(hasPlace(limiter, 2))
        _ = consume first
        #expect(hasPlace(limiter, 1))
        limiter.change(ConnectionLimiter.Limits(total: 0, perNetwork: 1, unauthenticatedPerNetwork: 1))
        #expect(!hasPlace(limiter, 1))
    }

    @Test("beyond so many strangers of one network the next waits until one has shown a key or gone")
    func strangers() async throws {
        let loop = try #require(TestService.nextLoop())
        let limiter = limiter(strangers: 1)
        let (one, two) = (peer(1), peer(2))
        // Unstructured because only a task can be given an executor.
        let steps = await Task(executorPreference: loop) {
            let wakeup = Wakeup()
            func remote() -> RemoteWakeup { RemoteWakeup(wakeup, on: loop) }
            guard var first = limiter.admit(one), var second = limiter.admit(one), var other = limiter.admit(two) else {
                return ["no place"]
            }
            var steps = [first.beginUnauthenticated(waking: remote()), second.beginUnauthenticated(waking: remote())]
            steps.append(other.beginUnauthenticated(waking: remote()))
            first.endUnauthenticated()
            await wakeup.wait()
            steps.append(second.beginUnauthenticated(waking: remote()))
            guard var third = limiter.admit(one) else { return ["no place"] }
            steps.append(third.beginUnauthenticated(waking: remote()))
            _ = consume second
            await wakeup.wait()
            steps.append(third.beginUnauthenticated(waking: remote()))
            return steps.map { $0 ? "begins" : "waits" }
        }.value
        #expect(steps == ["begins", "waits", "begins", "begins", "waits", "begins"])
        #expect(limiter.open == 0)
    }
}
