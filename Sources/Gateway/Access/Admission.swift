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

    /// Where somebody waits: background tasks of a key have a line of their own.
    fileprivate struct Line: Hashable {
        let key: KeyID
        let isTask: Bool
    }

    /// Those of one line who wait, the first to come first.
    fileprivate struct Queue {
        var tickets: [Ticket] = []
        /// When its next one is due beside those of other lines: each turn moves it on by a part that its weight makes smaller.
        var pass: Double
        var weight: Int
        /// Tells who came first.
        let number: Int
        /// How many turns of the key may run at once.
        var mostRunning: Int
    }

    fileprivate struct State {
        var limits: Limits
        /// True where there is more than one key.
        let hasOtherKeys: @Sendable () -> Bool
        var running = 0
        /// Until when no turn is let in, since memory is short.
        var pauseEnd: Instant?
        /// The turns that run, by key.
        var runningByKey: [KeyID: Int] = [:]
        var waiting: [Line: Queue] = [:]
        var waitingCount = 0
        /// The pass of the newest turn that had waited: whoever comes now is not owed what they never waited for.
        var pass = 0.0
        /// How many lines there have been.
        var lines = 0
        /// A moving average of how long turns take, for `retry-after`.
        var averageMilliseconds = 5000.0
    }

    private let state: Mutex<State>

    /// An admission of turns; `hasOtherKeys` says whether there is more than one key, each time anew.
    init(_ limits: Limits, hasOtherKeys: @escaping @Sendable () -> Bool = { true }) {
        state = Mutex(State(limits: limits, hasOtherKeys: hasOtherKeys))
    }

    /// Takes new limits; those who run or wait stay.
    func change(_ limits: Limits) {
        let granted = state.withLock { state -> [Ticket] in
            state.limits = limits
            return state.grantAll()
        }
        for ticket in granted { ticket.wakeup.signal() }
    }

    /// Lets no turn in until then; those that wait already keep their places.
    func pause(until end: Instant) { state.withLock { $0.pauseEnd = end } }

    /// How many turns run and how many wait.
    var load: (running: Int, waiting: Int) { state.withLock { ($0.running, $0.waitingCount) } }

    /// A permit for one turn of a principal, waiting for it if need be.
    ///
    /// A key never has the last place while another turn of it runs, so that whoever comes next finds it free.
    ///
    /// - Throws: `.overloaded` with a delay when too many wait already or the wait is too long, `.rateLimited` where
    ///   it is the key's own turns that fill its places, and `.requestTimeout` when `isGone` says that nobody is left to
    ///   answer.
    func permit(
        for principal: Principal, isTask: Bool = false, on loop: EventLoop, waking wakeup: Wakeup, isGone: () -> Bool
    ) async throws(Fault) -> Permit {
        let line = Line(key: principal.id, isTask: isTask && principal.options.taskWeight != nil)
        let mostRunning = principal.options.turns ?? Int.max
        let outcome = state.withLock { state -> Outcome in
            if let end = state.pauseEnd {
                guard end <= loop.now else { return .refused(max(1, (end.since(loop.now).count + 999) / 1000)) }
                state.pauseEnd = nil
            }
            if state.waiting[line] == nil, state.hasPlace(for: principal.id, mostRunning) {
                state.begin(principal.id)
                return .granted
            }
            guard state.hasWaitingRoom(for: line) else { return .refused(state.delaySeconds) }
            let ticket = Ticket(RemoteWakeup(wakeup, on: loop))
            let weight = line.isTask ? principal.options.taskWeight ?? 1 : principal.options.weight
            state.enqueue(ticket, in: line, weight: weight, mostRunning: mostRunning)
            return .waits(ticket, state.limits.waitMilliseconds)
        }
        switch outcome {
        case .granted: return Permit(of: self, for: principal.id, at: loop.now)
        case .refused(let seconds): throw busy(principal, seconds)
        case .waits(let ticket, let patience):
            return try await wait(for: ticket, in: line, of: principal, patience, on: loop, waking: wakeup, isGone: isGone)
        }
    }

    /// Who fills their own places themselves is told so: others are not kept waiting by it.
    private func busy(_ principal: Principal, _ seconds: Int) -> Fault {
        let running = state.withLock { $0.runningByKey[principal.id] ?? 0 }
        guard let most = principal.options.turns, running >= most else { return .busy(retryAfterSeconds: seconds) }
        var fault = Fault(
            .rateLimited, "This key may run \(most) requests at once; try again in \(Waiting.length(seconds)).",
            detail: "key limit turns", retryAfterSeconds: seconds)
        fault.isMomentary = true
        return fault
    }

    private enum Outcome {
        case granted
        case waits(Ticket, Milliseconds)
        case refused(Int)
    }

    private func wait(
        for ticket: Ticket, in line: Line, of principal: Principal, _ patience: Milliseconds, on loop: EventLoop,
        waking wakeup: Wakeup, isGone: () -> Bool
    ) async throws(Fault) -> Permit {
        let alarm = Alarm(on: loop, waking: wakeup)
        alarm.deadline = loop.now + patience
        defer { alarm.cancel() }
        while true {
            if ticket.isGranted { return Permit(of: self, for: principal.id, at: loop.now) }
            let gone = isGone()
            if gone || alarm.isDue {
                // Granted in this very moment: the permit is taken and given back by its owner's end.
                if withdraw(ticket, from: line) {
                    if gone { throw Fault(.requestTimeout, "The client has gone.") }
                    throw busy(principal, state.withLock { $0.delaySeconds })
                }
                return Permit(of: self, for: principal.id, at: loop.now)
            }
            await wakeup.wait()
        }
    }

    /// Takes a ticket out of its line; false when it has been granted already.
    private func withdraw(_ ticket: Ticket, from line: Line) -> Bool { state.withLock { $0.remove(ticket, from: line) } }

    fileprivate func release(of key: KeyID, after duration: Milliseconds) {
        let granted = state.withLock { state -> [Ticket] in
            state.averageMilliseconds += (Double(duration.count) - state.averageMilliseconds) / 16
            state.end(key)
            return state.grantAll()
        }
        for ticket in granted { ticket.wakeup.signal() }
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

    /// From so many places on the last one is for whoever has none.
    private static let leastForKeptPlace = 4

    /// True when a turn of a key may begin now.
    fileprivate func hasPlace(for key: KeyID, _ mostRunning: Int) -> Bool {
        let own = runningByKey[key] ?? 0
        guard own < mostRunning else { return false }
        let keepsLast = own > 0 && limits.running >= Self.leastForKeptPlace && hasOtherKeys()
        return running < limits.running - (keepsLast ? 1 : 0)
    }

    fileprivate mutating func begin(_ key: KeyID) {
        running += 1
        runningByKey[key, default: 0] += 1
    }

    fileprivate mutating func end(_ key: KeyID) {
        running -= 1
        runningByKey[key, default: 1] -= 1
        if runningByKey[key] == 0 { runningByKey[key] = nil }
    }

    fileprivate mutating func enqueue(_ ticket: Admission.Ticket, in line: Admission.Line, weight: Int, mostRunning: Int) {
        if waiting[line] == nil {
            lines += 1
            waiting[line] = Admission.Queue(pass: pass, weight: weight, number: lines, mostRunning: mostRunning)
        }
        waiting[line]?.tickets.append(ticket)
        // As the key is now: it may have been changed while others of it wait.
        waiting[line]?.weight = weight
        waiting[line]?.mostRunning = mostRunning
        waitingCount += 1
    }

    /// True where one more may wait: a quarter of the places is not for a line that has the others.
    fileprivate func hasWaitingRoom(for line: Admission.Line) -> Bool {
        guard waitingCount < limits.waiting else { return false }
        guard limits.waiting >= Self.leastForKeptRoom, hasOtherKeys() else { return true }
        return (waiting[line]?.tickets.count ?? 0) < limits.waiting - limits.waiting / 4
    }

    private static let leastForKeptRoom = 8

    /// Grants what there is room for.
    fileprivate mutating func grantAll() -> [Admission.Ticket] {
        var granted: [Admission.Ticket] = []
        while let ticket = dequeue() {
            ticket.grant()
            granted.append(ticket)
        }
        return granted
    }

    /// The next ticket that may run: lines take turns by their weights, so that one with many requests does not hold up
    /// the others.
    private mutating func dequeue() -> Admission.Ticket? {
        let next = waiting.filter { hasPlace(for: $0.key.key, $0.value.mostRunning) }.min { left, right in
            // Whoever has less running goes first where both are due alike.
            (left.value.pass, runningByKey[left.key.key] ?? 0, left.value.number)
                < (right.value.pass, runningByKey[right.key.key] ?? 0, right.value.number)
        }
        guard let line = next?.key, var queue = waiting.removeValue(forKey: line), !queue.tickets.isEmpty else { return nil }
        let ticket = queue.tickets.removeFirst()
        pass = max(pass, queue.pass)
        queue.pass += 1 / Double(queue.weight)
        if !queue.tickets.isEmpty { waiting[line] = queue }
        waitingCount -= 1
        begin(line.key)
        return ticket
    }

    fileprivate mutating func remove(_ ticket: Admission.Ticket, from line: Admission.Line) -> Bool {
        guard let index = waiting[line]?.tickets.firstIndex(where: { $0 === ticket }) else { return false }
        waiting[line]?.tickets.remove(at: index)
        waitingCount -= 1
        if waiting[line]?.tickets.isEmpty == true { waiting[line] = nil }
        return true
    }
}

/// The right to run one turn; given back when it goes.
struct Permit: ~Copyable {
    private let admission: Admission
    private let key: KeyID
    private let since: Instant

    fileprivate init(of admission: Admission, for key: KeyID, at now: Instant) {
        self.admission = admission
        self.key = key
        since = now
    }

    deinit { admission.release(of: key, after: Instant.now.since(since)) }
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
