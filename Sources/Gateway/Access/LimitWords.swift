import Vocabulary

extension Fault {
    /// A limit of the caller's own key is reached.
    ///
    /// A share of days or more is an end that no program sleeps through. A rate is over in a minute at the longest.
    init(_ refusal: LimitRefusal, now: Int) {
        let limit = refusal.cap.words(refusal.windows)
        let wait = max(1, refusal.resetsAt - now)
        let words = refusal.message.map { " \($0)" } ?? ""
        switch refusal.reason {
        case .spent:
            self.init(
                .shareSpent,
                "This key's \(limit) is reached. It resets in \(Waiting.length(wait)), at \(Timestamp.words(refusal.resetsAt))."
                    + words,
                detail: "key limit \(refusal.cap.name)", retryAfterSeconds: wait, shouldRetry: false,
                resetsAt: refusal.resetsAt)
        case .tooLarge where !refusal.cap.isShare:
            self.init(
                .shareSpent,
                "This request may use more than this key's \(limit) ever allows. Ask for a shorter answer or send less.\(words)",
                detail: "key limit \(refusal.cap.name): too large", shouldRetry: false)
        case .tooLarge:
            self.init(
                .shareSpent,
                "This request may use more than what is left of this key's \(limit). Ask for a shorter answer or send less, "
                    + "or wait until it resets at \(Timestamp.words(refusal.resetsAt)).\(words)",
                detail: "key limit \(refusal.cap.name): too large", retryAfterSeconds: wait, shouldRetry: false,
                resetsAt: refusal.resetsAt)
        case .reserved:
            self.init(
                .rateLimited,
                "What is left of this key's \(limit) is reserved by requests that are running; try again in "
                    + "\(Waiting.length(Self.reservedWaitSeconds)).",
                detail: "key limit \(refusal.cap.name): reserved", retryAfterSeconds: Self.reservedWaitSeconds)
            isMomentary = true
        case .rate:
            let wait = min(wait, 61)
            self.init(
                .rateLimited, "This key's \(limit) is reached; try again in \(Waiting.length(wait)).\(words)",
                detail: "key limit \(refusal.cap.name)", retryAfterSeconds: wait)
            isRate = true
        }
    }

    private static let reservedWaitSeconds = 5
}

extension KeyCap {
    /// How people call it: `daily spend limit of $5.00`.
    func words(_ windows: KeyOptions.Windows) -> String {
        let stretch =
            switch (window, windows) {
            case (.minute, _): "per minute"
            case (.day, .calendar): "daily"
            case (.week, .calendar): "weekly"
            case (.month, .calendar): "monthly"
            case (.day, .rolling): "24-hour"
            case (.week, .rolling): "7-day"
            case (.month, .rolling): "30-day"
            }
        let what = metric == .spend ? "spend" : metric.rawValue.split(separator: "-").joined(separator: " ")
        let amount = metric == .spend ? "$\(Self.dollarText(amount))" : String(amount)
        if window == .minute { return "limit of \(amount) \(what) \(stretch)" }
        return "\(stretch) \(what == "spend" ? "spend" : what) limit of \(amount)"
    }

    /// The word of the vendor's own client for how long it is.
    var period: String {
        switch window {
        case .minute: "minute"
        case .day: "daily"
        case .week: "weekly"
        case .month: "monthly"
        }
    }

    /// How long it is, in minutes.
    var minutes: Int {
        switch window {
        case .minute: 1
        case .day: 1440
        case .week: 10_080
        case .month: 43_200
        }
    }
}
