import Ledger
import Platform
import Vocabulary

extension Service {
    /// Meters that know what keys used before this start; what the turns of a life that ended in a crash had reserved
    /// counts as used.
    func meters(recording recorder: UsageRecorder, as gateway: String) async throws(LedgerFault) -> Meters {
        let usage = ledger.usage
        let (now, instant) = (WallClock.unixSeconds, Instant.now)
        let wakeup = Wakeup()
        let meters = Meters(recorder: recorder)
        let lost = try await LedgerWait<[UsageHold]>.ask(on: loop, waking: wakeup) {
            usage.takeOver(gateway: gateway, at: now, then: $0)
        }
        let hours = try await LedgerWait<[OwnerHour]>.ask(on: loop, waking: wakeup) {
            usage.hours(since: now / 3600 - Self.restoredHours, then: $0)
        }
        for hour in hours { meters.restore(KeyID(named: hour.owner), hour: hour.hour, Amounts(hour.count)) }
        let recent = try await LedgerWait<[RecentUse]>.ask(on: loop, waking: wakeup) {
            usage.recent(since: now - 60, then: $0)
        }
        for use in recent {
            let used = Amounts(requests: use.requests, input: use.input, output: use.output, cached: use.cached)
            meters.restoreRecent(KeyID(named: use.owner), age: max(0, now - use.second), used, at: instant)
        }
        if !lost.isEmpty {
            log.warning("\(lost.count) turns were cut off with the service's last life; what they had reserved counts as used")
            for hold in lost {
                let held = Amounts(input: hold.input, output: hold.output, cached: hold.cached)
                meters.restoreRecent(KeyID(named: hold.place.owner), age: 0, held, at: instant)
            }
        }
        return meters
    }

    /// The longest stretch that is counted, and the day it may begin in.
    private static let restoredHours = 32 * 24
}

extension Amounts {
    /// What the ledger has counted.
    init(_ count: UsageCount) {
        self.init(
            requests: count.requests, input: count.input.plus(count.cacheWrite), output: count.output, cached: count.cacheRead,
            cost: count.cost)
    }
}
