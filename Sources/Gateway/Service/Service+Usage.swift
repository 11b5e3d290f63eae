import Ledger
import Platform
import Server
import Vocabulary

extension Service {
    /// Binds the second address, where there is one; sockets of a socket unit come first.
    func makeWatchDoor(of site: Site) throws(ConfigurationFaults) -> Worker? {
        let told = inheritance.telling
        guard let address = site.snapshot.configuration.metrics.listener else {
            guard told.isEmpty else {
                throw ConfigurationFaults([
                    ConfigurationFault("METRICS_LISTEN", "is not set, and there is a socket of the name metrics")
                ])
            }
            return nil
        }
        do throws(SystemError) {
            let listeners = try watchListeners(address)
            for listener in listeners {
                if let place = listener.address { log.info("metrics are told on \(place)") }
            }
            return Worker(on: loop, serving: WatchDoor(site), listeners: listeners)
        } catch {
            throw ConfigurationFaults([ConfigurationFault("METRICS_LISTEN", error.description)])
        }
    }

    private func watchListeners(_ address: ListenAddress) throws(SystemError) -> sending [Listener] {
        var listeners: [Listener] = []
        for socket in inheritance.telling {
            listeners.append(try Listener.sharing(socket.number, isTCP: Systemd.isTCP(socket.number)))
        }
        guard listeners.isEmpty else { return listeners }
        let opened = try Listener.open(address, isFirst: true, kept: KeptSockets(inheritance.kept.map(\.number)))
        keep(Inheritance.keeping(opened))
        return opened
    }

    /// Lets those ask who watch.
    func openWatchDoor(_ worker: Worker?) async {
        watchWorker = worker
        await worker?.start()
    }

    /// Lets what has expired be removed in the background.
    func tidyLedger() {
        guard let site else { return }
        let configuration = site.snapshot.configuration
        let now = WallClock.unixSeconds
        site.meters.forget(unless: { site.keys.has($0) }, now: now)
        guard tidyClock.mayTidy(at: .current, newest: site.meters.newestHour.map { $0 * 3600 }) else {
            log.warning("the clock has jumped, or is far ahead of all that was used: nothing is tidied by it for an hour")
            return
        }
        let (responses, conversations) = (configuration.responses, configuration.conversations)
        ledger.conversations.tidy(notBefore: conversations.notBefore, within: conversations.maxBytes) { [log] fault in
            if let fault, fault != .closed { log.warning("expired conversations could not be removed: \(fault)") }
        }
        ledger.responses.tidy(notBefore: responses.notBefore, within: responses.maxBytes) { [log] fault in
            if let fault, fault != .closed { log.warning("expired responses could not be removed: \(fault)") }
        }
        let hour = now / 3600
        let tidying = UsageStore.Tidying(
            foldBefore: hour - Self.hoursApart, forgetBefore: hour - configuration.usage.keepDays * 24,
            forgetCostsBefore: hour - AccountCosts.keptHours, recentSince: now - 120)
        ledger.usage.tidy(tidying) { [log] fault in
            if let fault, fault != .closed { log.warning("old usage could not be removed: \(fault)") }
        }
        ledger.audit.tidy(keeping: Self.keptActs) { [log] fault in
            if let fault, fault != .closed { log.warning("old acts could not be removed: \(fault)") }
        }
    }

    /// As long as hours are told apart, which is longer than any limit of a key counts.
    private static let hoursApart = 40 * 24
    private static let keptActs = 100_000

    /// Meters that know what keys used before this start; what the turns of a life that ended in a crash had reserved
    /// counts as used.
    func meters(recording recorder: UsageRecorder, as gateway: String) async throws(LedgerFault) -> Meters {
        let usage = ledger.usage
        let (now, instant) = (WallClock.unixSeconds, Instant.now)
        let wakeup = Wakeup()
        let meters = Meters(recorder: recorder)
        let isSuccessor = inheritance.link != nil
        // Turns of the process before this one still run: what they have reserved counts as used until the next start, for
        // what they come to is not heard here.
        let lost = try await LedgerWait<[UsageHold]>.ask(on: loop, waking: wakeup) {
            if isSuccessor { usage.holds(of: gateway, then: $0) } else { usage.takeOver(gateway: gateway, at: now, then: $0) }
        }
        let newest = try await LedgerWait<Int?>.ask(on: loop, waking: wakeup) { usage.newestHour(then: $0) }
        // A clock that is ahead now may be set right while the service runs, and then this month counts.
        let last = min(newest ?? .max, now / 3600)
        let hours = try await LedgerWait<[OwnerHour]>.ask(on: loop, waking: wakeup) {
            usage.hours(since: last - Meters.longestHours, then: $0)
        }
        for hour in hours { meters.restore(KeyID(named: hour.owner), hour: hour.hour, Amounts(hour.count)) }
        let costs = try await LedgerWait<[AccountCost]>.ask(on: loop, waking: wakeup) {
            usage.accountCosts(since: now / 3600 - AccountCosts.keptHours, then: $0)
        }
        for cost in costs {
            meters.accounts.add(cost.cost, of: KeyID(named: cost.place.owner), in: cost.place.account, hour: cost.place.hour)
        }
        let recent = try await LedgerWait<[RecentUse]>.ask(on: loop, waking: wakeup) {
            usage.recent(since: now - 60, then: $0)
        }
        for use in recent {
            let used = Amounts(requests: use.requests, input: use.input, output: use.output, cached: use.cached)
            meters.restoreRecent(KeyID(named: use.owner), age: max(0, now - use.second), used, at: instant)
        }
        if isSuccessor {
            for hold in lost {
                let held = Amounts(input: hold.input, output: hold.output, cached: hold.cached, cost: hold.cost)
                meters.restore(KeyID(named: hold.place.owner), hour: hold.place.hour, held)
            }
        } else if !lost.isEmpty {
            log.warning("\(lost.count) turns were cut off with the service's last life; what they had reserved counts as used")
            for hold in lost {
                let held = Amounts(input: hold.input, output: hold.output, cached: hold.cached)
                meters.restoreRecent(KeyID(named: hold.place.owner), age: 0, held, at: instant)
            }
        }
        return meters
    }
}

/// Says whether the clock may be tidied by: one that was set far ahead would have everything forgotten.
struct TidyClock {
    /// What both clocks said when they were last looked at, which is once an hour.
    private var last: MeterMoment?

    private static let mostAhead = 32 * 86_400
    /// How far the clock that people set may get away from the one that nobody sets, in seconds.
    private static let mostApart = 86_400

    /// False where the clock has jumped since the last look, or is at the first one far ahead of the newest moment that is
    /// stored. An hour later it has gone on like a clock, and is believed.
    mutating func mayTidy(at moment: MeterMoment, newest: Int?) -> Bool {
        defer { last = moment }
        guard let last else { return newest.map { moment.now - $0 <= Self.mostAhead } ?? true }
        let passed = moment.instant.since(last.instant).count / 1000
        return abs(moment.now - last.now - passed) <= Self.mostApart
    }
}

extension Amounts {
    /// What the ledger has counted.
    init(_ count: UsageCount) {
        self.init(
            requests: count.requests, input: count.input.plus(count.cacheWrite), output: count.output, cached: count.cacheRead,
            cost: count.cost)
    }
}
