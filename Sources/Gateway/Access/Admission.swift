import Platform
import Synchronization
import Vocabulary

/// How many turns run at once and who is next: waiting is bounded, and fair between keys.
final class Admission: Sendable {
    struct Limits: Sendable {
        var running: Int
        var waiting: Int
        var waitMilliseconds: Milliseconds
    }

    fileprivate struct State {
        var limits: Limits
        var running = 0
        /// Who waits, by key; `order` holds each key that has waiters once, the next to be served first.
        var waiting: [KeyID: [Ticket]] = [:]
        var order: [KeyID] = []
        var waitingCount = 0
        /// A moving average of how long turns take, for `retry-after`.
        var averageMilliseconds = 5000.0
    }

    private let state: Mutex<State>

    init(_ limits: Limits) { state = Mutex(State(limits: limits)) }

    /// Takes new limits; those who run or wait stay.
    func change(_ limits: Limits) {
        let granted = state.withLock { state -> [Ticket] in
            state.limits = limits
            var granted: [Ticket] = []
            while state.running < limits.running, let ticket = state.dequeue() {
                state.running += 1
                ticket.grant()
                granted.append(ticket)
            }
            return granted
        }
        for ticket in granted { ticket.wakeup.signal() }
    }

    /// How many turns run and how many wait.
    var load: (running: Int, waiting: Int) { state.withLock { ($0.running, $0.waitingCount) } }

    /// A permit for one turn of a principal, waiting for it if need be.
    ///
    /// - Throws: `.overloaded` with a delay when too many wait already or the wait is too long, and
    ///   `.requestTimeout` when `isGone` says that nobody is left to answer.
    func permit(
        for principal: Principal, on loop: EventLoop, waking wakeup: Wakeup, isGone: () -> Bool
    ) async throws(Fault) -> Permit {
        let outcome = state.withLock { state -> Outcome in
            if state.running < state.limits.running {
                state.running += 1
                return .granted
            }
            guard state.waitingCount < state.limits.waiting else { return .refused(state.delaySeconds) }
            let ticket = Ticket(RemoteWakeup(wakeup, on: loop))
            state.enqueue(ticket, for: principal.id)
            return .waits(ticket, state.limits.waitMilliseconds)
        }
        switch outcome {
        case .granted: return Permit(of: self, at: loop.now)
        case .refused(let seconds): throw .busy(retryAfterSeconds: seconds)
        case .waits(let ticket, let patience):
            return try await wait(for: ticket, of: principal, patience, on: loop, waking: wakeup, isGone: isGone)
        }
    }

    private enum Outcome {
        case granted
        case waits(Ticket, Milliseconds)
        case refused(Int)
    }

    private func wait(
        for ticket: Ticket, of principal: Principal, _ patience: Milliseconds, on loop: EventLoop,
        waking wakeup: Wakeup, isGone: () -> Bool
    ) async throws(Fault) -> Permit {
        let alarm = Alarm(on: loop, waking: wakeup)
        alarm.deadline = loop.now + patience
        defer { alarm.cancel() }
        while true {
            if ticket.isGranted { return Permit(of: self, at: loop.now) }
            let gone = isGone()
            if gone || alarm.isDue {
                // Granted in this very moment: the permit is taken and given back by its owner's end.
                if withdraw(ticket, of: principal.id) {
                    if gone { throw Fault(.requestTimeout, "The client has gone.") }
                    throw .busy(retryAfterSeconds: state.withLock { $0.delaySeconds })
                }
                return Permit(of: self, at: loop.now)
            }
            await wakeup.wait()
        }
    }

    /// Takes a ticket out of the queue; false when it has been granted already.
    private func withdraw(_ ticket: Ticket, of key: KeyID) -> Bool {
        state.withLock { $0.remove(ticket, of: key) }
    }

    fileprivate func release(after duration: Milliseconds) {
        let next = state.withLock { state -> Ticket? in
            state.averageMilliseconds += (Double(duration.count) - state.averageMilliseconds) / 16
            if state.running <= state.limits.running, let ticket = state.dequeue() {
                ticket.grant()
                return ticket
            }
            state.running -= 1
            return nil
        }
        next?.wakeup.signal()
    }

    /// Somebody waiting for a permit.
    fileprivate final class Ticket: Sendable {
        let wakeup: RemoteWakeup
        private let granted = Atomic(false)

        init(_ wakeup: RemoteWakeup) { self.wakeup = wakeup }

        var isGranted: Bool { granted.load(ordering: .acquiring) }
        func grant() { granted.store(true, ordering: .releasing) }
    }
}

extension Admission.State {
    /// How long until a place is likely to be free, in whole seconds from 1 to what a client may sleep through: beyond
    /// that it is a guess.
    fileprivate var delaySeconds: Int {
        let turns = Double(waitingCount + 1) / Double(max(1, limits.running))
        return min(Waiting.longestSleepSeconds, max(1, Int((turns * averageMilliseconds / 1000).rounded(.up))))
    }

    fileprivate mutating func enqueue(_ ticket: Admission.Ticket, for key: KeyID) {
        if waiting[key] == nil { order.append(key) }
        waiting[key, default: []].append(ticket)
        waitingCount += 1
    }

    /// The next ticket: the keys take turns, so that one with many requests does not hold up the others.
    fileprivate mutating func dequeue() -> Admission.Ticket? {
        guard !order.isEmpty else { return nil }
        let key = order.removeFirst()
        guard var tickets = waiting.removeValue(forKey: key), !tickets.isEmpty else { return nil }
        let ticket = tickets.removeFirst()
        if !tickets.isEmpty {
            waiting[key] = tickets
            order.append(key)
        }
        waitingCount -= 1
        return ticket
    }

    fileprivate mutating func remove(_ ticket: Admission.Ticket, of key: KeyID) -> Bool {
        guard let index = waiting[key]?.firstIndex(where: { $0 === ticket }) else { return false }
        waiting[key]?.remove(at: index)
        waitingCount -= 1
        if waiting[key]?.isEmpty == true {
            waiting[key] = nil
            order.removeAll { $0 == key }
        }
        return true
    }
}

/// The right to run one turn; given back when it goes.
struct Permit: ~Copyable {
    private let admission: Admission
    private let since: Instant

    fileprivate init(of admission: Admission, at now: Instant) {
        self.admission = admission
        since = now
    }

    deinit { admission.release(after: Instant.now.since(since)) }
}

extension Fault {
    /// Too many turns at once.
    static func busy(retryAfterSeconds: Int) -> Fault {
        var fault = Fault(
            .overloaded, "The gateway is busy; try again in \(Waiting.length(retryAfterSeconds)).",
            detail: "no permit", retryAfterSeconds: retryAfterSeconds)
        fault.isMomentary = true
        return fault
    }
}
