import ClaudeCLI
import Models
import Vocabulary

/// Fair parts of the windows that the vendor gives the account.
///
/// How much of a window is one key's doing is told by cost: of what is used of it, the key has as large a part as of all
/// that was paid since it began. A key that has a share may use it, but for the reserve. What is above it, and what keys without a
/// share use, must leave to the others what is theirs and not used yet; the nearer a window is to its end the less of
/// that is kept, so that what others leave unused flows over.
struct AccountShares {
    let costs: AccountCosts
    /// Whose windows these are.
    let account: String
    /// The keys that have a share.
    let sharing: [Principal]
    /// What is kept of each window for keys that may use the reserve, in hundredths.
    let reservePercent: Int

    /// Why a key is not to begin a turn with a model of `family` now; nil when it may.
    func refusal(_ principal: Principal, _ state: QuotaState, family: ModelFamily?, now: Int) -> (Fault, KeyShare)? {
        guard !sharing.isEmpty || reservePercent > 0 else { return nil }
        for window in state.windows {
            guard let used = window.usedFraction, used.isFinite, let end = window.resetsAt, end > now,
                let length = Self.length(of: window.name),
                ModelFamily.named(in: window.name).map({ family == nil || $0 == family }) ?? true
            else { continue }
            let span = WindowSpan(used: used, start: end - length, length: length, end: end)
            if isRefused(principal, span, now: now) {
                let share = KeyShare(spentUntil: end, of: window.name.hasPrefix("five_hour") ? .day : .week)
                return (Self.fault(window, end: end, now: now), share)
            }
        }
        return nil
    }

    /// How far one window is used, and when it was.
    private struct WindowSpan {
        let used: Double
        let start: Int
        let length: Int
        let end: Int
    }

    private func isRefused(_ principal: Principal, _ window: WindowSpan, now: Int) -> Bool {
        let reserve = principal.options.usesReserve ? 0 : Double(reservePercent) / 100
        guard window.used < 1 - reserve else { return true }
        let all = costs.cost(in: account, since: window.start, now: now)
        if let share = principal.options.share, part(of: principal, window, all, now) < Double(share) / 100 { return false }
        let left = Double(window.end - now) / Double(window.length)
        let kept = sharing.reduce(0.0) { sum, other in
            guard other.id != principal.id, let share = other.options.share else { return sum }
            return sum + max(0, Double(share) / 100 - part(of: other, window, all, now))
        }
        return window.used >= 1 - reserve - kept * max(0, min(1, left))
    }

    private func part(of principal: Principal, _ window: WindowSpan, _ all: Int, _ now: Int) -> Double {
        guard all > 0 else { return 0 }
        return window.used * Double(costs.cost(of: principal.id, in: account, since: window.start, now: now)) / Double(all)
    }

    /// How long a window of the vendor is, in seconds; nil for one that is not known here.
    private static func length(of name: String) -> Int? {
        if name.hasPrefix("five_hour") { return 5 * 3600 }
        return name.hasPrefix("seven_day") ? 7 * 86_400 : nil
    }

    private static func fault(_ window: Quota.Window, end: Int, now: Int) -> Fault {
        let name = window.name.hasPrefix("five_hour") ? "5-hour" : "weekly"
        let wait = max(1, end - now)
        return Fault(
            .shareSpent,
            "This key's part of the \(name) usage of this gateway's account is used up; the rest is kept for others. "
                + "The window ends in \(Waiting.length(wait)), at \(Timestamp.words(end)).",
            detail: "key share of \(window.name)", retryAfterSeconds: wait, shouldRetry: false, resetsAt: end)
    }
}
