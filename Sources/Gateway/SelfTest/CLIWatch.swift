import ClaudeCLI
import Platform
import Synchronization
import Vocabulary

/// Where turns wait until a CLI that was replaced has been tried, and how the service learns of it.
///
/// Shared by all loops. The service tries, once for all who wait.
final class CLIWatch: Sendable {
    /// A program that could not be used, and until when nobody tries it again unless it changes.
    private struct Failure {
        var file: ProgramFile?
        var reason: String
        var until: Instant
    }

    private struct State {
        var failure: Failure?
        var waiting: [Ticket] = []
        var service: RemoteWakeup?
        var isTrialWanted = false
    }

    private let state = Mutex(State())
    /// Longer than any trial: a version in twenty seconds, a self-test in thirty and its last two.
    private static let patience = Milliseconds.seconds(60)

    // MARK: - For turns

    /// Returns once the service has looked at the program, which the caller found to be `file`: it looks again then.
    ///
    /// - Throws: `.unavailable` when this very program is known not to work, or nobody looked in time, and
    ///   `.requestTimeout` when `isGone` says that nobody is left to answer.
    func wait(
        for file: ProgramFile?, on loop: EventLoop, waking wakeup: Wakeup, isGone: () -> Bool
    ) async throws(Fault) {
        let ticket = try join(file, RemoteWakeup(wakeup, on: loop), now: loop.now)
        let alarm = Alarm(on: loop, waking: wakeup)
        alarm.deadline = loop.now + Self.patience
        defer { alarm.cancel() }
        while !ticket.isDone {
            if isGone() {
                leave(ticket)
                throw Fault(.requestTimeout, "The client has gone.")
            }
            if alarm.isDue {
                leave(ticket)
                throw .replacedCLI("its trial took too long", retryAfterSeconds: 5)
            }
            await wakeup.wait()
        }
    }

    private func join(_ file: ProgramFile?, _ wakeup: RemoteWakeup, now: Instant) throws(Fault) -> Ticket {
        let ticket = Ticket(wakeup)
        let (failure, service) = state.withLock { state -> (Failure?, RemoteWakeup?) in
            if let failure = state.failure, failure.file == file { return (failure, nil) }
            state.waiting.append(ticket)
            return (nil, state.service)
        }
        if let failure {
            let seconds = (failure.until.since(now).count + 999) / 1000
            throw .replacedCLI(failure.reason, retryAfterSeconds: min(Waiting.longestSleepSeconds, max(1, seconds)))
        }
        service?.signal()
        return ticket
    }

    private func leave(_ ticket: Ticket) {
        state.withLock { state in state.waiting.removeAll { $0 === ticket } }
    }

    private final class Ticket: Sendable {
        let wakeup: RemoteWakeup
        private let done = Atomic(false)

        init(_ wakeup: RemoteWakeup) { self.wakeup = wakeup }

        var isDone: Bool { done.load(ordering: .acquiring) }
        func finish() {
            done.store(true, ordering: .releasing)
            wakeup.signal()
        }
    }

    // MARK: - For the service

    /// Names who is woken when a turn has found another program; at once where one has already.
    func attach(_ service: RemoteWakeup) {
        let isWanted = state.withLock { state in
            state.service = service
            return state.isTrialWanted || !state.waiting.isEmpty
        }
        if isWanted { service.signal() }
    }

    /// Asks for a trial even of a program that has not changed.
    func wantTrial() {
        state.withLock { state -> RemoteWakeup? in
            state.isTrialWanted = true
            return state.service
        }?.signal()
    }

    /// True once for each time that a trial was asked for.
    func takeWish() -> Bool {
        state.withLock { state in
            defer { state.isTrialWanted = false }
            return state.isTrialWanted
        }
    }

    /// Lets everybody who waits look again: the program has been tried, or is the one that was tried before.
    func settle() { release { $0 = nil } }

    /// The same, after a trial that came to nothing.
    func settle(failing file: ProgramFile?, because reason: String, until: Instant) {
        release { $0 = Failure(file: file, reason: reason, until: until) }
    }

    /// Lets those who wait look again while nothing has become better.
    func lookAgain() { release { _ in } }

    private func release(_ change: (inout Failure?) -> Void) {
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            change(&state.failure)
            return state.waiting
        }
        for ticket in waiting { ticket.finish() }
    }
}

extension Fault {
    /// The program that turns run on is another than before, and cannot be used.
    static func replacedCLI(_ reason: String, retryAfterSeconds: Int) -> Fault {
        Fault(
            .unavailable,
            "The CLI behind this gateway has been replaced and cannot be used yet; try again in a moment.",
            detail: "CLAUDE_PATH: \(reason)", retryAfterSeconds: retryAfterSeconds)
    }
}
