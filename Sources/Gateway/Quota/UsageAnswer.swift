import ClaudeCLI
import Vocabulary

/// The answer to `GET /api/oauth/usage`, which Claude Code asks for its own display of usage.
enum UsageAnswer {
    /// The account's windows in percent, and what the key has spent; of a key with a share its share, and no windows, since
    /// these would be shown instead. Without meters nothing is said of money.
    static func body(_ state: QuotaState, of principal: Principal, in meters: Meters?, at moment: MeterMoment) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        let shares = meters?.shares(of: principal, at: moment) ?? []
        for name in ["five_hour", "seven_day"] {
            json.key(JSONText(name))
            let window = shares.isEmpty ? state.windows.first { $0.name == name } : nil
            if let window { Self.window(window, &json) } else { json.null() }
        }
        json.key("extra_usage")
        if let meters {
            spent(shares.fullest, { cents(ofNano: meters.used(principal.id, in: $0, at: moment).cost) }, &json)
        } else {
            json.null()
        }
        json.key("limits")
        json.beginArray()
        for share in shares { limit(share, isActive: share == shares.fullest, &json) }
        json.endArray()
        json.endObject()
        return json.bytes
    }

    private static func window(_ window: Quota.Window, _ json: inout JSONWriter) {
        json.beginObject()
        if let share = window.utilization, share.isFinite {
            // In tenths: a product of binary fractions would show all its digits.
            let percent = "\((share * 1000).rounded() / 10)"
            json.member("utilization", JSONFragment(validated: Array(percent.utf8)[...]))
        } else {
            json.key("utilization")
            json.null()
        }
        json.key("resets_at")
        if let end = window.resetsAt { json.string(Timestamp.rfc3339(end)) } else { json.null() }
        json.endObject()
    }

    private static func cents(ofNano nano: Int) -> Int { (nano + 5_000_000) / 10_000_000 }

    /// Money in cents. The client calls every bound on it monthly, however long it is.
    private static func spent(
        _ share: KeyShare?, _ used: (KeyCap.Window) -> Int, _ json: inout JSONWriter
    ) {
        json.beginObject()
        json.member("is_enabled", true)
        if let share, share.cap.metric == .spend {
            json.member("monthly_limit", cents(ofNano: share.cap.amount))
            json.member("used_credits", cents(ofNano: share.used))
            json.member("utilization", percent(share))
        } else {
            json.key("monthly_limit")
            json.null()
            json.member("used_credits", used(.month))
            json.key("utilization")
            if let share { json.integer(percent(share)) } else { json.null() }
        }
        json.member("currency", literal: "USD")
        if share == nil {
            json.key("daily")
            unbounded(used(.day), &json)
            json.key("weekly")
            unbounded(used(.week), &json)
        }
        json.endObject()
    }

    private static func unbounded(_ cents: Int, _ json: inout JSONWriter) {
        json.beginObject()
        json.key("limit")
        json.null()
        json.member("used_credits", cents)
        json.key("utilization")
        json.null()
        json.endObject()
    }

    private static func limit(_ share: KeyShare, isActive: Bool, _ json: inout JSONWriter) {
        json.beginObject()
        json.member("kind", share.cap.metric.rawValue)
        json.member("group", share.cap.period)
        json.member("percent", percent(share))
        json.member("resets_at", Timestamp.rfc3339(share.resetsAt).dropLast() + ".000Z")
        let severity = share.utilization > 0.95 ? "critical" : share.utilization > 0.75 ? "warning" : "normal"
        json.member("severity", severity)
        json.member("is_active", isActive)
        json.endObject()
    }

    private static func percent(_ share: KeyShare) -> Int { Int((min(share.utilization, 1_000_000) * 100).rounded()) }
}

extension [KeyShare] {
    /// The one that ends first.
    fileprivate var fullest: KeyShare? { self.max { $0.utilization < $1.utilization } }
}
