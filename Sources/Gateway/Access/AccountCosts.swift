import Platform
import Synchronization
import Vocabulary

/// What the turns of keys have cost in each account, by hours, as far back as the vendor's windows reach. Usable from any
/// thread.
final class AccountCosts: Sendable {
    /// Costs in nano-dollars by hours since 1970.
    fileprivate typealias Hours = [Int: Int]

    fileprivate struct State {
        var sums: [String: Hours] = [:]
        var keys: [String: [KeyID: Hours]] = [:]
        /// The hour in which something was last added.
        var newest = Int.min
    }

    private let state = Mutex(State())
    /// The longest window is a week.
    static let keptHours = 8 * 24

    /// Counts what a turn has cost.
    func add(_ cost: Int, of id: KeyID, in account: String, hour: Int) {
        guard cost > 0 else { return }
        state.withLock { state in
            if hour > state.newest { state.forget(before: hour - Self.keptHours, now: hour) }
            state.sums[account, default: [:]][hour, default: 0] += cost
            state.keys[account, default: [:]][id, default: [:]][hour, default: 0] += cost
        }
    }

    /// What all have cost in an account since a moment, to the hour.
    func cost(in account: String, since start: Int, now: Int) -> Int {
        state.withLock { Self.sum($0.sums[account], start, now) }
    }

    /// What one key has cost there.
    func cost(of id: KeyID, in account: String, since start: Int, now: Int) -> Int {
        state.withLock { Self.sum($0.keys[account]?[id], start, now) }
    }

    private static func sum(_ hours: Hours?, _ start: Int, _ now: Int) -> Int {
        let range = CivilDate.floorDivide(start, 3600)...max(CivilDate.floorDivide(start, 3600), CivilDate.floorDivide(now, 3600))
        return (hours ?? [:]).reduce(0) { range.contains($1.key) ? $0.plus($1.value) : $0 }
    }
}

extension AccountCosts.State {
    /// Forgets old hours, with the keys that have had none since.
    fileprivate mutating func forget(before hour: Int, now: Int) {
        newest = now
        sums = sums.mapValues { hours in hours.filter { $0.key >= hour } }
        keys = keys.mapValues { keys in
            keys.compactMapValues { hours in
                let kept = hours.filter { $0.key >= hour }
                return kept.isEmpty ? nil : kept
            }
        }
    }
}
