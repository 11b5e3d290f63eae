/// How long clients may have to wait, and the words that tell it.
public enum Waiting {
    /// The longest wait that a client is left to sleep through by itself, in seconds.
    ///
    /// SDKs sleep what `retry-after` says without a word to anybody. A longer wait is an error that says when to come
    /// back.
    public static let longestSleepSeconds = 20

    /// No usage limit lasts longer than a month: a time beyond it is a mistake.
    public static let longestLimitSeconds = 31 * 86_400

    /// A length in plain words, `2 h 13 min`: its two greatest units, rounded up so that nobody comes too early.
    public static func length(_ seconds: Int) -> String {
        if seconds < 60 { return seconds == 1 ? "1 second" : "\(max(0, seconds)) seconds" }
        let minutes = (seconds - 1) / 60 + 1
        if minutes < 24 * 60 { return pair(minutes / 60, "h", minutes % 60, "min") }
        let hours = (seconds - 1) / 3600 + 1
        return pair(hours / 24, hours < 48 ? "day" : "days", hours % 24, "h")
    }

    /// Whether a client is left to sleep through a wait by itself.
    public static func isSlept(_ seconds: Int) -> Bool { seconds <= longestSleepSeconds }

    /// How a sentence about something that passes ends.
    ///
    /// Programs look for "try again in 9 seconds" and do as it says, so only waits that may be slept are told so.
    static func advice(_ seconds: Int) -> String {
        isSlept(seconds)
            ? "; try again in \(length(seconds))." : " and asks to wait for \(length(seconds))."
    }

    private static func pair(_ great: Int, _ greatUnit: String, _ small: Int, _ smallUnit: String) -> String {
        [(great, greatUnit), (small, smallUnit)].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
            .joined(separator: " ")
    }
}

extension Fault {
    /// A usage limit of the account behind the gateway is reached; chat apps show nothing of it but this message.
    ///
    /// `limit` is its name, as `five_hour`; `end` and `now` are Unix seconds. `isPaid` says that usage beyond the limit
    /// would be paid for, which is not wanted.
    public static func usageLimit(
        _ limit: String?, end: Int?, isPaid: Bool = false, detail: String = "", now: Int
    ) -> Fault {
        let name = limit.flatMap(limitWord).map { $0 + " usage limit" } ?? "usage limit"
        let what =
            "The \(name) of this gateway's account is reached"
            + (isPaid ? ", and paid usage is not allowed here. " : ". ")
        guard let end else {
            return Fault(
                .rateLimited, what + "When it ends was not told; try again later.", detail: detail,
                retryAfterSeconds: unknownWaitSeconds, shouldRetry: false)
        }
        let wait = min(max(1, end - now), Waiting.longestLimitSeconds)
        let moment = Timestamp.words(now + wait)
        let isSlept = Waiting.isSlept(wait)
        let when =
            isSlept
            ? "It ends at \(moment); try again in \(Waiting.length(wait))."
            : "It ends in \(Waiting.length(wait)), at \(moment)."
        return Fault(
            .rateLimited, what + when, detail: detail, retryAfterSeconds: wait, shouldRetry: isSlept ? nil : false,
            resetsAt: now + wait)
    }

    /// The vendor lets the account ask too often: `wait` is what it asks for in seconds, nil where that is long and its
    /// length was not told.
    public static func rateLimit(wait: Int?) -> Fault {
        guard let wait else {
            return Fault(
                .rateLimited,
                "The model's provider limits the requests of this gateway's account. For how long was not told; "
                    + "try again later.",
                retryAfterSeconds: unknownWaitSeconds, shouldRetry: false)
        }
        var fault = Fault(
            .rateLimited,
            "The model's provider is limiting the requests of this gateway's account" + Waiting.advice(wait),
            retryAfterSeconds: wait, shouldRetry: Waiting.isSlept(wait) ? nil : false)
        fault.isPassing = Waiting.isSlept(wait)
        return fault
    }

    /// The vendor is overloaded or unavailable and asks to wait so many seconds.
    public static func outage(_ kind: FailureKind, wait: Int) -> Fault {
        let what = kind == .overloaded ? "overloaded" : "unavailable"
        var fault = Fault(
            kind, "The model's provider is \(what)" + Waiting.advice(wait), retryAfterSeconds: wait,
            shouldRetry: Waiting.isSlept(wait) ? nil : false)
        fault.isPassing = Waiting.isSlept(wait)
        return fault
    }

    /// What is told where the wait is long and its length is not known.
    private static let unknownWaitSeconds = 300

    /// How people call a limit; the vendor's own client calls them so.
    private static func limitWord(_ limit: String) -> String? {
        switch limit {
        case "five_hour": "5-hour"
        case "seven_day": "weekly"
        case "seven_day_opus": "weekly Opus"
        case "seven_day_sonnet": "weekly Sonnet"
        default: nil
        }
    }
}
