import ClaudeCLI
import Models
import Vocabulary

/// What is known of one account's usage limits: the newest of each window, and who is refused for how long.
///
/// A value without a clock: `now` is given in Unix seconds wherever it matters.
struct QuotaState: Equatable, Sendable {
    /// Requests that would be refused, or paid for, until a limit ends.
    struct Rejection: Equatable, Sendable {
        /// The limit, as `five_hour`.
        let claim: String
        /// The one family of models that it concerns; nil when it concerns all.
        let family: ModelFamily?
        /// When it ends, in Unix seconds.
        let until: Int
        /// True when requests are answered all the same, but paid for.
        let isPaid: Bool
    }

    private(set) var status: String?
    private(set) var claim: String?
    private(set) var resetsAt: Int?
    private(set) var windows: [Quota.Window] = []
    private(set) var overage = Quota.Overage()
    private(set) var rejections: [Rejection] = []
    /// When the newest of it was said, in Unix seconds.
    private(set) var observedAt = 0

    /// True when something is known.
    var isKnown: Bool {
        status != nil || !windows.isEmpty || overage.status != nil || overage.isInUse == true
    }

    // MARK: - Change

    /// Takes what the CLI told during a turn with a model of `family`.
    mutating func take(_ quota: Quota, family: ModelFamily?, observedAt: Int) {
        guard !quota.isBare else { return }
        status = quota.status
        claim = quota.claim
        resetsAt = quota.resetsAt
        overage = quota.overage
        self.observedAt = observedAt
        for window in quota.windows { take(window) }
        rejections.removeAll { rejection in
            rejection.claim == quota.claim
                || quota.status != "rejected" && (rejection.family == nil || rejection.family == family)
        }
        guard quota.isRejected || quota.usesOverage else { return }
        let until = quota.status == "rejected" ? quota.resetsAt : quota.overage.resetsAt ?? quota.resetsAt
        // A refusal for an unknown time would never be lifted: nothing is asked that could tell the news.
        // Money is worth a while of caution all the same.
        let caution = quota.usesOverage ? observedAt + Self.cautionSeconds : nil
        guard let until = until ?? caution else { return }
        let name = quota.claim ?? ""
        rejections.append(
            Rejection(
                claim: name,
                family: Self.concernsOneFamily(name) ? ModelFamily.named(in: name) ?? family : nil,
                // A mistaken time must not stop the service.
                until: min(until, observedAt + Waiting.longestLimitSeconds), isPaid: quota.usesOverage))
    }

    /// Takes away what has ended; when a limit ends nothing is known of how the next begins.
    mutating func drop(endedBy now: Int) {
        windows.removeAll { ($0.resetsAt ?? .max) <= now }
        rejections.removeAll { $0.until <= now }
        if let end = overage.resetsAt, end <= now { overage = Quota.Overage() }
        guard let end = resetsAt, end <= now else { return }
        if status == "rejected" { overage.isInUse = nil }
        (status, claim, resetsAt) = (nil, nil, nil)
    }

    /// When `drop` will next have something to take away, in Unix seconds.
    var nextEnd: Int {
        let ends = windows.compactMap(\.resetsAt) + rejections.map(\.until)
        return (ends + [resetsAt, overage.resetsAt].compactMap { $0 }).min() ?? .max
    }

    private mutating func take(_ window: Quota.Window) {
        guard let index = windows.firstIndex(where: { $0.name == window.name }) else {
            if windows.count < Self.maxWindows { windows.append(window) }
            return
        }
        let known = windows[index]
        windows[index] = window
        // Some reports name the limit without how far it is used.
        if window.utilization == nil, window.limit == nil, window.resetsAt == known.resetsAt {
            windows[index].utilization = known.utilization
            windows[index].surpassedThreshold = window.surpassedThreshold ?? known.surpassedThreshold
            windows[index].limit = known.limit
            windows[index].remaining = known.remaining
        }
    }

    // MARK: - Questions

    /// The limit that stops a request for a model of `family`; with `refusingPaid` also one that would cost.
    func rejection(for family: ModelFamily?, refusingPaid: Bool, now: Int) -> Rejection? {
        rejections.filter { rejection in
            rejection.until > now && (!rejection.isPaid || refusingPaid)
                && (rejection.family == nil || rejection.family == family)
        }.max { $0.until < $1.until }
    }

    /// The window that ends first for a model of `family`: one that rejects, else the one most used.
    ///
    /// Without a family all windows count, else those of other families do not.
    func mostConstrained(for family: ModelFamily?) -> Quota.Window? {
        let candidates = windows.filter { window in
            guard window.name != Self.overageName else { return false }
            guard let family, let own = ModelFamily.named(in: window.name) else { return true }
            return own == family
        }
        return candidates.max { left, right in weight(left) < weight(right) }
    }

    /// How much a window presses: what rejects is above what is used up, the claimed one above its equals.
    private func weight(_ window: Quota.Window) -> Double {
        var weight = window.usedFraction ?? -1
        if window.status == "rejected" { weight = 2 + max(0, min(1, weight)) }
        if window.name == claim { weight += window.status == "rejected" ? 2 : 1e-9 }
        return weight
    }

    private static func concernsOneFamily(_ claim: String) -> Bool {
        ModelFamily.named(in: claim) != nil || claim == "seven_day_overage_included"
    }

    /// The name under which paid usage is told among the windows.
    static let overageName = "overage"
    private static let maxWindows = 32
    private static let cautionSeconds = 300
}

extension Quota.Window {
    /// The fraction that is used, by the CLI's own counts where it gives them.
    var usedFraction: Double? {
        if let limit, let remaining, limit > 0 { return 1 - Double(remaining) / Double(limit) }
        return utilization
    }

    /// What is left of 100; rounded down, so that 0 is said before the end and not after it.
    var remainingPercent: Int? {
        if status == "rejected" { return 0 }
        guard let used = usedFraction else { return nil }
        // A hundredth that has no exact binary form must not cost a whole percent.
        return max(0, min(100, Int(((1 - used) * 100 + 1e-9).rounded(.down))))
    }
}

extension ModelFamily {
    /// The family that a limit's name names, as in `seven_day_opus`.
    static func named(in claim: String) -> ModelFamily? { allCases.first { claim.hasSuffix("_" + $0.rawValue) } }
}
