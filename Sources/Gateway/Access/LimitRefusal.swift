import Vocabulary

/// Why a key may not begin a turn now, because of its own limits.
struct LimitRefusal: Error, Sendable, Equatable {
    enum Reason: Sendable, Equatable {
        /// A share of days or more is used up.
        case spent
        /// What is left of it is less than this turn may come to, and nothing of it is reserved by others.
        case tooLarge
        /// What is left of it is reserved by turns that run.
        case reserved
        /// A rate, which there is room in again in a moment.
        case rate
    }

    let reason: Reason
    let cap: KeyCap
    /// How much of the cap is used, 1 for all of it; reserved parts do not count.
    let utilization: Double
    /// When there is room again, in Unix seconds.
    let resetsAt: Int
    let windows: KeyOptions.Windows
    /// The operator's own words.
    let message: String?
}

/// How far a key has used up its share: of all bounds on days or more the fullest.
struct KeyShare: Sendable, Equatable {
    let cap: KeyCap
    /// In pieces, or in nano-dollars.
    let used: Int
    let resetsAt: Int
    let message: String?

    /// The share that a request was refused for.
    init(_ refusal: LimitRefusal) {
        cap = refusal.cap
        used = Int(min(refusal.utilization, 1e6) * Double(refusal.cap.amount))
        resetsAt = refusal.resetsAt
        message = refusal.message
    }

    /// A share of which nothing is left until then.
    init(spentUntil resetsAt: Int, of window: KeyCap.Window) {
        cap = KeyCap(metric: .spend, window: window, amount: 0)
        used = 0
        self.resetsAt = resetsAt
        message = nil
    }

    /// What was used of a share.
    init(cap: KeyCap, used: Int, resetsAt: Int, message: String?) {
        self.cap = cap
        self.used = used
        self.resetsAt = resetsAt
        self.message = message
    }

    /// 1 for all of it; a bound of nothing is used up.
    var utilization: Double { cap.amount == 0 ? 1 : Double(used) / Double(cap.amount) }
}

/// What is left of a limit by the minute.
struct KeyRate: Sendable, Equatable {
    let cap: KeyCap
    let remaining: Int
    /// How long until all of it may be used again, in seconds.
    let resetSeconds: Int
}
