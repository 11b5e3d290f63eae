import ClaudeCLI
import Platform
import Vocabulary

/// How often, and for how long, one request may be tried again.
///
/// The CLI asks its vendor again by itself for most failures. Where it does not, as for a stream that breaks before its
/// first word or a process that dies, the gateway begins the turn anew. Both spend the same budget: the vendor is asked
/// no more than once and `maxRetries` times for a request, all waits together are no longer than the patience, and all
/// attempts together no longer than a turn may take.
struct RetryBudget {
    /// How often the turn was begun again.
    private(set) var retries = 0
    /// How often the CLI has asked again by itself.
    private(set) var cliRetries = 0
    private let limits: CLILimits
    private var spending = TurnSpending()
    /// When the first attempt began.
    private var start: Instant?

    init(_ limits: CLILimits) { self.limits = limits }

    /// What has been spent by attempts that are over.
    func spent(at now: Instant) -> TurnSpending {
        var spent = spending
        if let start { spent.milliseconds = now.since(start).count }
        return spent
    }

    /// An attempt has begun.
    mutating func begin(at now: Instant) { if start == nil { start = now } }

    /// An attempt is over, which has cost that much.
    mutating func note(_ attempt: TurnSpending) {
        spending.requests += attempt.requests
        spending.waitMilliseconds += attempt.waitMilliseconds
        spending.hasActed = spending.hasActed || attempt.hasActed
        cliRetries += max(0, attempt.requests - 1)
    }

    /// How long to wait before the turn is begun again after such a failure; nil where it is not.
    mutating func wait(after fault: Fault, at now: Instant) -> Milliseconds? {
        guard fault.isPassing, !spending.hasActed, retries < limits.maxRetries, spending.requests <= limits.maxRetries
        else { return nil }
        // Half of it by chance: whatever has failed many at once must not be met by all of them at once again.
        let longest = Self.firstWaitMilliseconds << min(retries, 6)
        let asked = (fault.retryAfterSeconds ?? 0) * 1000
        let wait = max(asked, longest / 2) + Int.random(in: 0...(longest / 2))
        let spent = spent(at: now)
        guard spent.waitMilliseconds + wait <= limits.retryPatienceMilliseconds,
            spent.milliseconds + wait < limits.requestMilliseconds
        else { return nil }
        retries += 1
        spending.waitMilliseconds += wait
        return Milliseconds(wait)
    }

    private static let firstWaitMilliseconds = 400
}
