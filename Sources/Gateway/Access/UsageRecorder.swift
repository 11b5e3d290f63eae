import Ledger
import Platform
import Synchronization
import Vocabulary

/// Brings what keys use into the ledger, off the way of requests.
///
/// Usable from any thread; nothing here waits. What comes while a batch is written goes with the next one, so that a crash
/// loses what came since the newest write began, which is some milliseconds.
final class UsageRecorder: Sendable {
    /// Of what kind a turn was.
    struct Place: Sendable, Hashable {
        /// The model that the CLI was asked for, or `other`.
        var model = ""
        /// The kind of client.
        var client = ""
        /// Whose limits it used.
        var account = ""
    }

    /// What became of a turn.
    struct Record: Sendable {
        var amounts = Amounts()
        /// Of the input, what the vendor wrote into its cache.
        var cacheWritten = 0
        var hasFailed = false
        var milliseconds = 0
        var firstMilliseconds = 0
    }

    /// Hears that what came before is in the ledger, or why not.
    typealias Listener = @Sendable (Result<Void, LedgerFault>) -> Void

    fileprivate struct State {
        var batch = UsageBatch()
        var isWriting = false
        /// How many batches were given to the ledger.
        var begun = 0
        /// Who hears when the batch of that number was written or could not be.
        var listeners: [(batch: Int, then: Listener)] = []
        /// Why the newest batch could not be written; it goes with the next one.
        var fault: LedgerFault?
        /// Who hears when that has changed.
        var watcher: RemoteWakeup?
    }

    private let store: UsageStore
    /// What tells this gateway's reservations from those of others.
    private let gateway: String
    private let state = Mutex(State())
    private let holds = Atomic(0)
    /// Tells the holds of this life from those of an earlier one.
    private let life: String

    init(_ store: UsageStore, gateway: String) {
        self.store = store
        self.gateway = gateway
        var random = SystemRandomNumberGenerator()
        life = Base62.encode((0..<8).map { _ in UInt8.random(in: .min ... .max, using: &random) }, digits: 11)
    }

    /// Why what was used is not on the disk; nil while all is well.
    var fault: LedgerFault? { state.withLock { $0.fault } }

    /// Names who is woken when `fault` has changed.
    func attach(_ watcher: RemoteWakeup) { state.withLock { $0.watcher = watcher } }

    // MARK: - What comes

    /// Counts a request of a key that has a limit on requests; of which model it is, is known when it ends.
    func begin(_ principal: Principal, at now: Int) {
        guard principal.options.caps.contains(where: { $0.metric == .requests }) else { return }
        add { batch in
            batch.usage[Self.place(principal.id, Place(), now), default: UsageCount()].requests += 1
            if principal.options.caps.contains(where: { !$0.isShare }) {
                batch.addRecent(RecentUse(owner: principal.id.text, second: now, requests: 1, input: 0, output: 0, cached: 0))
                batch.recentSince = now - Self.recentSeconds
            }
        }
    }

    func note(refusal reason: String, of id: KeyID, at now: Int) {
        add { batch in
            let hour = CivilDate.floorDivide(now, 3600)
            batch.addRefusal(RefusalDelta(owner: id.text, reason: reason, hour: hour, count: 1))
        }
    }

    /// Writes down what a turn has reserved; returns by what it is dropped again.
    func hold(_ held: Amounts, of id: KeyID, as place: Place, at now: Int) -> String {
        let number = holds.add(1, ordering: .relaxed).newValue
        let hold = UsageHold(
            id: "\(gateway)/\(life)/\(number)", gateway: gateway, place: Self.place(id, place, now), requests: 0,
            input: held.input, output: held.output, cached: held.cached, cost: held.cost, until: now + Self.longestTurnSeconds)
        add { $0.holds.append(hold) }
        return hold.id
    }

    func drop(_ hold: String) { add { $0.dropped.append(hold) } }

    /// Takes back a request that was counted and not let in.
    func cancel(_ principal: Principal, begun: Int, dropping hold: String?) {
        let counts = principal.options.caps.contains { $0.metric == .requests }
        guard counts || hold != nil else { return }
        add { batch in
            if counts { batch.usage[Self.place(principal.id, Place(), begun), default: UsageCount()].requests -= 1 }
            if counts, principal.options.caps.contains(where: { !$0.isShare }) {
                batch.addRecent(RecentUse(owner: principal.id.text, second: begun, requests: -1, input: 0, output: 0, cached: 0))
            }
            if let hold { batch.dropped.append(hold) }
        }
    }

    /// Tries again to write what could not be written.
    func retry() { add { _ in } }

    /// Counts what a turn has used that began at `begun`.
    func settle(
        _ record: Record, of principal: Principal, as place: Place, begun: Int, dropping hold: String?, at now: Int
    ) {
        let amounts = record.amounts
        add { batch in
            var count = UsageCount()
            count.requests = 1
            if principal.options.caps.contains(where: { $0.metric == .requests }) {
                batch.usage[Self.place(principal.id, Place(), begun), default: UsageCount()].requests -= 1
            }
            count.failures = record.hasFailed ? 1 : 0
            count.input = amounts.input - record.cacheWritten
            count.cacheWrite = record.cacheWritten
            count.output = amounts.output
            count.cacheRead = amounts.cached
            count.cost = amounts.cost
            count.milliseconds = record.milliseconds
            count.firstMilliseconds = record.firstMilliseconds
            let usagePlace = Self.place(principal.id, place, now)
            batch.usage[usagePlace, default: UsageCount()] += count
            if amounts.cost > 0 {
                let accountPlace = AccountPlace(account: place.account, owner: usagePlace.owner, hour: usagePlace.hour)
                batch.accountCosts[accountPlace, default: 0] += amounts.cost
            }
            if principal.options.caps.contains(where: { !$0.isShare }) {
                batch.addRecent(
                    RecentUse(
                        owner: principal.id.text, second: now, requests: 0, input: amounts.input, output: amounts.output,
                        cached: amounts.cached))
                batch.recentSince = now - Self.recentSeconds
            }
            if let hold { batch.dropped.append(hold) }
        }
    }

    private static func place(_ id: KeyID, _ place: Place, _ now: Int) -> UsagePlace {
        UsagePlace(owner: id.text, model: place.model, client: place.client, hour: CivilDate.floorDivide(now, 3600))
    }

    /// Reservations of a gateway that never comes back are counted as used by others after this.
    private static let longestTurnSeconds = 86_400
    private static let recentSeconds = 120

    // MARK: - What goes

    private func add(_ change: (inout UsageBatch) -> Void) {
        let batch = state.withLock { state -> UsageBatch? in
            change(&state.batch)
            return state.next()
        }
        if let batch { write(batch) }
    }

    private func write(_ batch: UsageBatch) {
        store.apply(batch) { [self] result in
            let (next, watcher, listeners) = state.withLock { state in
                let (before, listeners) = (state.fault, state.end(result))
                guard case .failure(let fault) = result else {
                    state.fault = nil
                    return (state.next(), before == nil ? nil : state.watcher, listeners)
                }
                // Goes with the next one, which whoever comes begins: a ledger that fails is not asked in a circle.
                state.fault = fault
                state.batch.prepend(batch)
                return (nil, before == fault ? nil : state.watcher, listeners)
            }
            watcher?.signal()
            for listener in listeners { listener(result) }
            if let next { write(next) }
        }
    }

    /// Waits until everything that came before is in the ledger; throws why it cannot be brought there.
    ///
    /// Other causes that signal `wakeup` meanwhile are signalled again at the end.
    func flush(on loop: EventLoop, waking wakeup: Wakeup) async throws(LedgerFault) {
        try await LedgerWait<Void>.ask(on: loop, waking: wakeup) { tellWhenWritten($0) }
    }

    private func tellWhenWritten(_ listener: @escaping Listener) {
        let known = state.withLock { state -> Result<Void, LedgerFault>? in
            guard state.isWriting else { return state.fault.map { .failure($0) } ?? .success(()) }
            state.listeners.append((state.batch.isEmpty ? state.begun : state.begun + 1, listener))
            return nil
        }
        if let known { listener(known) }
    }
}

extension UsageRecorder.State {
    /// What is to be written now.
    fileprivate mutating func next() -> UsageBatch? {
        guard !isWriting, !batch.isEmpty else { return nil }
        isWriting = true
        begun += 1
        let next = batch
        batch = UsageBatch()
        return next
    }

    /// Notes that nothing is written any more; returns who is to hear of it.
    fileprivate mutating func end(_ result: Result<Void, LedgerFault>) -> [UsageRecorder.Listener] {
        isWriting = false
        // A batch that could not be written goes with another one, some time: nobody waits for that.
        let last = if case .failure = result { Int.max } else { begun }
        defer { listeners.removeAll { $0.batch <= last } }
        return listeners.filter { $0.batch <= last }.map(\.then)
    }
}

extension UsageBatch {
    fileprivate mutating func addRefusal(_ refusal: RefusalDelta) {
        let index = refusals.firstIndex {
            $0.owner == refusal.owner && $0.reason == refusal.reason && $0.hour == refusal.hour
        }
        if let index { refusals[index].count += refusal.count } else { refusals.append(refusal) }
    }

    fileprivate mutating func addRecent(_ use: RecentUse) {
        if let index = recent.lastIndex(where: { $0.owner == use.owner && $0.second == use.second }) {
            recent[index].requests += use.requests
            recent[index].input += use.input
            recent[index].output += use.output
            recent[index].cached += use.cached
        } else {
            recent.append(use)
        }
    }

    /// Puts what came before in front.
    fileprivate mutating func prepend(_ older: UsageBatch) {
        for (place, count) in older.usage { usage[place, default: UsageCount()] += count }
        for (place, cost) in older.accountCosts { accountCosts[place, default: 0] += cost }
        let newRefusals = refusals
        refusals = older.refusals
        for refusal in newRefusals { addRefusal(refusal) }
        let newer = recent
        recent = older.recent
        for use in newer { addRecent(use) }
        let gone = Set(older.dropped + dropped)
        let unwritten = older.holds + holds
        holds = unwritten.filter { !gone.contains($0.id) }
        // What was never written need not be dropped.
        dropped = Array(gone.subtracting(unwritten.map(\.id)))
        recentSince = max(recentSince, older.recentSince)
        recent.removeAll { $0.second < recentSince }
    }
}
