import Platform
import Synchronization
import Vocabulary

/// What every key has used and may still use.
///
/// In memory, usable from any thread: a request is checked, counted and settled without a word to the ledger, which hears
/// of it afterwards. A turn reserves what it may come to at the most before it begins, so that turns side by side never
/// pass a cap together.
final class Meters: Sendable {
    private let meters = Mutex<[KeyID: KeyMeter]>([:])
    /// What the turns of keys have cost in each account.
    let accounts = AccountCosts()
    private let newest = Atomic(Int.min)
    private let recorder: UsageRecorder?

    /// Meters that tell what is used to `recorder`.
    init(recorder: UsageRecorder? = nil) { self.recorder = recorder }

    /// Takes what was used before this process began.
    func restore(_ id: KeyID, hour: Int, _ used: Amounts) {
        meters.withLock { $0[id, default: KeyMeter()].add(used, hour: hour) }
        newest.max(hour, ordering: .relaxed)
    }

    /// Takes what was used in the last minute before this process began.
    func restoreRecent(_ id: KeyID, age seconds: Int, _ used: Amounts, at instant: Instant) {
        meters.withLock { $0[id, default: KeyMeter()].addRecent(used, age: seconds, at: instant) }
    }

    /// The newest hour in which anything was used, in hours since 1970; nil where nothing was.
    var newestHour: Int? {
        let hour = newest.load(ordering: .relaxed)
        return hour == .min ? nil : hour
    }

    // MARK: - Keys that go

    /// How many keys are known of.
    var count: Int { meters.withLock { $0.count } }

    /// Forgets a key whose id is never given to another; while it has turns, when the last of them ends.
    func forget(_ id: KeyID) {
        meters.withLock { meters in
            meters[id]?.isForsaken = true
            if meters[id]?.isOver == true { meters[id] = nil }
        }
    }

    /// Forgets keys of the ledger that `isKnown` denies, and others that it denies once no limit counts so far back.
    func forget(unless isKnown: (KeyID) -> Bool, now: Int) {
        // Asked outside of the lock, which every request waits for.
        let ids = meters.withLock { Array($0.keys) }.filter { !isKnown($0) }
        let hour = CivilDate.floorDivide(now, 3600) - Self.longestHours
        for id in ids {
            meters.withLock { meters in
                guard let meter = meters[id], id.isStored || meter.hours.last.map({ $0.hour < hour }) ?? true else { return }
                meters[id]?.isForsaken = true
                if meter.running <= 0 { meters[id] = nil }
            }
        }
    }

    /// The longest stretch that is counted, and the day it may begin in.
    static let longestHours = 32 * 24

    // MARK: - The way of a turn

    /// Counts a request, unless one of the key's limits is reached already; what it will use is not known yet.
    ///
    /// A request that only counts tokens costs nothing, and so is no matter of limits; one that begins no turn is a matter
    /// of those on requests alone.
    func begin(
        _ principal: Principal, countsTokens: Bool = false, isTurn: Bool = true, at moment: MeterMoment
    ) throws(LimitRefusal) -> TurnCharge {
        let refusal = meters.withLock { meters -> LimitRefusal? in
            // In its place: a copy would copy all its hours.
            meters[principal.id, default: KeyMeter()]
                .begin(principal.options, countsTokens: countsTokens, isTurn: isTurn, at: moment)
        }
        if let refusal {
            recorder?.note(refusal: refusal.cap.name, of: principal.id, at: moment.now)
            throw refusal
        }
        if !countsTokens { recorder?.begin(principal, at: moment.now) }
        return TurnCharge(principal, of: self, recorder: recorder, countsTokens: countsTokens, at: moment)
    }

    /// Reserves what a turn may come to at the most.
    ///
    /// Beside other turns of the key all of it must be left. A turn that is alone has whatever is left: it need only be
    /// enough for what its prompt likely comes to and a short answer, which may then have no more tokens than are left for
    /// it. So no turns ever pass a cap together, and the last of a share is not lost to caution.
    fileprivate func reserve(
        _ need: TurnNeed, for principal: Principal, at moment: MeterMoment
    ) throws(LimitRefusal) -> Amounts {
        let outcome = meters.withLock { meters -> Result<Amounts, LimitRefusal> in
            meters[principal.id, default: KeyMeter()].reserve(need, principal.options, at: moment)
        }
        switch outcome {
        case .success(let granted): return granted
        case .failure(let refusal):
            recorder?.note(refusal: refusal.cap.name, of: principal.id, at: moment.now)
            throw refusal
        }
    }

    /// Says that a turn is too large for the fullest of the key's limits on what turns use.
    func tooLarge(_ principal: Principal, at moment: MeterMoment) -> LimitRefusal {
        meters.withLock { meters in
            let meter = meters[principal.id] ?? KeyMeter()
            let caps = principal.options.caps.filter { $0.metric != .requests }
            let refusals = caps.map { meter.refusal(.tooLarge, $0, principal.options, needing: 1, at: moment) }
            let none = KeyCap(metric: .requests, window: .day, amount: 0)
            return refusals.max { $0.utilization < $1.utilization }
                ?? meter.refusal(.tooLarge, none, principal.options, needing: 1, at: moment)
        }
    }

    /// Ends a turn: what it had reserved is free, what it used is counted.
    fileprivate func settle(_ principal: Principal, held: Amounts, used: Amounts, at moment: MeterMoment) {
        meters.withLock { meters in
            meters[principal.id]?.release(held)
            meters[principal.id]?.end()
            meters[principal.id]?.add(used, at: moment.now, moment.instant)
            if meters[principal.id]?.isOver == true { meters[principal.id] = nil }
        }
        newest.max(CivilDate.floorDivide(moment.now, 3600), ordering: .relaxed)
    }

    /// How far a key has used up its share; nil where it has none.
    func share(of principal: Principal, at moment: MeterMoment) -> KeyShare? {
        guard principal.options.hasShare else { return nil }
        return shares(of: principal, at: moment).max { $0.utilization < $1.utilization }
    }

    /// How far a key has used up each of its bounds on days or more.
    func shares(of principal: Principal, at moment: MeterMoment) -> [KeyShare] {
        meters.withLock { meters in
            let meter = meters[principal.id] ?? KeyMeter()
            return principal.options.caps.filter(\.isShare).map { cap in
                let used = meter.used(cap.window, principal.options.windows, at: moment.now, moment.instant).of(cap.metric)
                return KeyShare(
                    cap: cap, used: used,
                    resetsAt: meter.end(
                        of: cap.window, principal.options.windows, cap.metric, limit: cap.amount, at: moment.now, moment.instant),
                    message: principal.options.message)
            }
        }
    }

    /// What is left of a key's limits by the minute.
    func rates(of principal: Principal, at moment: MeterMoment) -> [KeyRate] {
        let caps = principal.options.caps.filter { !$0.isShare }
        guard !caps.isEmpty else { return [] }
        return meters.withLock { meters in
            let meter = meters[principal.id] ?? KeyMeter()
            let rates = caps.map { cap in
                let used = meter.used(.minute, .rolling, at: moment.now, moment.instant).of(cap.metric)
                let end = meter.end(of: .minute, .rolling, cap.metric, limit: 1, at: moment.now, moment.instant)
                return KeyRate(cap: cap, remaining: max(0, cap.amount - used), resetSeconds: used == 0 ? 0 : end - moment.now)
            }
            // The tightest first.
            return rates.sorted { $0.remaining * max(1, $1.cap.amount) < $1.remaining * max(1, $0.cap.amount) }
        }
    }

    /// What a key has used in a calendar stretch.
    func used(_ id: KeyID, in window: KeyCap.Window, at moment: MeterMoment) -> Amounts {
        meters.withLock { $0[id]?.used(window, .calendar, at: moment.now, moment.instant) ?? Amounts() }
    }
}

/// What a turn may come to.
struct TurnNeed: Sendable {
    /// At the most.
    var most = Amounts()
    /// What its prompt likely comes to.
    var prompt = Amounts()
    /// What one token of its answer costs at the most, in nano-dollars.
    var outputCost = 0

    /// An answer of fewer tokens than this is worth nothing.
    private static let leastOutput = 16

    /// The prompt with the shortest answer.
    fileprivate var least: Amounts {
        var least = prompt
        least.output = min(most.output, Self.leastOutput)
        least.cost = least.cost.plus(least.output.times(outputCost))
        return least
    }

    /// Fits what is granted into what is left of a metric, by a shorter answer; false where that would be too short.
    fileprivate func shorten(_ granted: inout Amounts, _ metric: KeyCap.Metric, to left: Int) -> Bool {
        guard least.of(metric) <= left else { return false }
        let room = left - prompt.of(metric)
        switch metric {
        case .requests: return true
        case .inputTokens: granted.input = left
        case .cachedTokens: granted.cached = left
        case .outputTokens: granted.output = min(granted.output, left)
        case .tokens:
            granted.output = min(granted.output, room)
            granted.input = left - granted.output
        case .spend:
            if outputCost > 0 { granted.output = min(granted.output, room / outputCost) }
            granted.cost = left
        }
        return true
    }
}

extension KeyMeter {
    /// A limit by the minute is over in a minute, but for a request that is larger than all of it, and for what others hold.
    private static func reason(
        _ reason: LimitRefusal.Reason, _ cap: KeyCap, needing amount: Int
    ) -> LimitRefusal.Reason {
        guard !cap.isShare else { return reason }
        switch reason {
        case .tooLarge where amount > cap.amount: return .tooLarge
        case .reserved: return .reserved
        case .spent, .tooLarge, .rate: return .rate
        }
    }

    /// Counts a request; or why it may not be.
    fileprivate mutating func begin(
        _ options: KeyOptions, countsTokens: Bool, isTurn: Bool, at moment: MeterMoment
    ) -> LimitRefusal? {
        if !countsTokens {
            let spent = options.caps.compactMap { cap -> LimitRefusal? in
                guard isTurn || cap.metric == .requests else { return nil }
                let used = used(cap.window, options.windows, at: moment.now, moment.instant).of(cap.metric)
                return used >= cap.amount ? refusal(.spent, cap, options, needing: 1, at: moment) : nil
            }
            // Of several the one that lasts longest: before its end there is no use in coming again.
            if let longest = spent.max(by: { $0.resetsAt < $1.resetsAt }) { return longest }
            add(Amounts(requests: 1), at: moment.now, moment.instant)
        }
        begin()
        return nil
    }

    /// A share of days or more of which nothing is left, but for what is reserved; of several the one that lasts longest.
    fileprivate func spentShare(_ options: KeyOptions, at moment: MeterMoment) -> LimitRefusal? {
        options.caps.compactMap { cap -> LimitRefusal? in
            guard cap.isShare, cap.metric != .requests else { return nil }
            let used = used(cap.window, options.windows, at: moment.now, moment.instant).of(cap.metric)
            return used >= cap.amount ? refusal(.spent, cap, options, needing: 1, at: moment) : nil
        }.max { $0.resetsAt < $1.resetsAt }
    }

    /// Holds what a turn needs, or what is left of it for one that is alone; or why it may not be.
    fileprivate mutating func reserve(
        _ need: TurnNeed, _ options: KeyOptions, at moment: MeterMoment
    ) -> Result<Amounts, LimitRefusal> {
        var granted = need.most
        for cap in options.caps where cap.metric != .requests {
            let used = used(cap.window, options.windows, at: moment.now, moment.instant).of(cap.metric)
            let left = cap.amount - used - held.of(cap.metric)
            guard granted.of(cap.metric) > left else { continue }
            let isAlone = held == Amounts()
            guard isAlone, need.shorten(&granted, cap.metric, to: left) else {
                let reason: LimitRefusal.Reason = isAlone ? .tooLarge : .reserved
                return .failure(refusal(reason, cap, options, needing: need.least.of(cap.metric), at: moment))
            }
        }
        hold(granted)
        return .success(granted)
    }

    fileprivate func refusal(
        _ reason: LimitRefusal.Reason, _ cap: KeyCap, _ options: KeyOptions, needing amount: Int, at moment: MeterMoment
    ) -> LimitRefusal {
        let used = used(cap.window, options.windows, at: moment.now, moment.instant).of(cap.metric)
        return LimitRefusal(
            reason: Self.reason(reason, cap, needing: amount), cap: cap, utilization: cap.amount == 0 ? 1 : Double(used) / Double(cap.amount),
            resetsAt: end(
                of: cap.window, options.windows, cap.metric, limit: max(1, cap.amount - amount + 1), at: moment.now, moment.instant),
            windows: options.windows, message: options.message)
    }
}

/// A moment by both clocks.
struct MeterMoment: Sendable {
    /// In Unix seconds, by the clock that people set.
    let now: Int
    /// By the clock that nobody sets.
    let instant: Instant

    init(now: Int, instant: Instant) {
        self.now = now
        self.instant = instant
    }

    /// This one.
    static var current: MeterMoment { MeterMoment(now: WallClock.unixSeconds, instant: .now) }
}

/// A request of a key that has been counted and not settled yet. Left alone it settles as having used nothing.
struct TurnCharge: ~Copyable {
    let principal: Principal
    private let meters: Meters
    private let recorder: UsageRecorder?
    private var held = Amounts()
    private var hold: String?
    /// What was counted before the turn was over.
    private var foreseen = Amounts()
    private let countsTokens: Bool
    private let begun: MeterMoment
    private var isSettled = false

    fileprivate init(
        _ principal: Principal, of meters: Meters, recorder: UsageRecorder?, countsTokens: Bool, at moment: MeterMoment
    ) {
        self.countsTokens = countsTokens
        begun = moment
        self.principal = principal
        self.meters = meters
        self.recorder = recorder
    }

    /// Reserves what the turn may come to; returns how many tokens its answer may have. A turn that is begun again gives
    /// back what its attempt before had reserved.
    mutating func reserve(
        _ need: TurnNeed, as place: UsageRecorder.Place, at moment: MeterMoment = .current
    ) throws(LimitRefusal) -> Int {
        giveBack()
        guard !principal.options.caps.isEmpty else { return need.most.output }
        held = try meters.reserve(need, for: principal, at: moment)
        hold = recorder?.hold(held, of: principal.id, as: place, at: moment.now)
        return held.output
    }

    private mutating func giveBack() {
        meters.giveBack(held, of: principal.id)
        if let hold { recorder?.drop(hold) }
        held = Amounts()
        hold = nil
    }

    /// Counts what the turn has used so far, while what it has reserved stays so; a share that is used up by it, if any.
    mutating func note(_ used: Amounts, at moment: MeterMoment = .current) -> LimitRefusal? {
        var more = used
        more -= foreseen
        foreseen = used
        return meters.note(more, for: principal, at: moment)
    }

    /// Ends the turn with what it has used.
    consuming func settle(_ record: UsageRecorder.Record, as place: UsageRecorder.Place, at moment: MeterMoment = .current) {
        isSettled = true
        guard !countsTokens else { return meters.settle(principal, held: held, used: Amounts(), at: moment) }
        var rest = record.amounts
        rest -= foreseen
        meters.settle(principal, held: held, used: rest, at: moment)
        meters.accounts.add(
            record.amounts.cost, of: principal.id, in: place.account, hour: CivilDate.floorDivide(moment.now, 3600))
        recorder?.settle(record, of: principal, as: place, begun: begun.now, dropping: hold, at: moment.now)
    }

    /// The answer is about to end: what is known of its use counts from now on, and nothing is reserved any more. Whoever
    /// goes on as soon as they have it then finds what is left.
    mutating func foresee(_ used: Amounts, at moment: MeterMoment = .current) {
        guard !countsTokens else { return }
        var more = used
        more -= foreseen
        meters.foresee(principal, held: held, used: more, at: moment)
        foreseen = used
        held = Amounts()
    }

    /// Ends a request that was not let in after all: it counts for nothing.
    consuming func cancel() {
        isSettled = true
        meters.cancel(principal, held: held, countsTokens: countsTokens, begun: begun)
        if !countsTokens { recorder?.cancel(principal, begun: begun.now, dropping: hold) }
    }

    deinit {
        guard !isSettled else { return }
        meters.settle(principal, held: held, used: Amounts(), at: .current)
        if let hold { recorder?.drop(hold) }
    }
}

extension Meters {
    fileprivate func foresee(_ principal: Principal, held: Amounts, used: Amounts, at moment: MeterMoment) {
        meters.withLock { meters in
            meters[principal.id]?.release(held)
            meters[principal.id]?.add(used, at: moment.now, moment.instant)
        }
    }

    fileprivate func note(_ more: Amounts, for principal: Principal, at moment: MeterMoment) -> LimitRefusal? {
        let refusal = meters.withLock { meters in
            meters[principal.id]?.add(more, at: moment.now, moment.instant)
            return meters[principal.id]?.spentShare(principal.options, at: moment)
        }
        if let refusal { recorder?.note(refusal: refusal.cap.name, of: principal.id, at: moment.now) }
        return refusal
    }

    fileprivate func cancel(_ principal: Principal, held: Amounts, countsTokens: Bool, begun: MeterMoment) {
        meters.withLock { meters in
            meters[principal.id]?.release(held)
            meters[principal.id]?.end()
            if !countsTokens { meters[principal.id]?.add(Amounts(requests: -1), at: begun.now, begun.instant) }
            if meters[principal.id]?.isOver == true { meters[principal.id] = nil }
        }
    }

    fileprivate func giveBack(_ held: Amounts, of id: KeyID) { meters.withLock { $0[id]?.release(held) } }
}
