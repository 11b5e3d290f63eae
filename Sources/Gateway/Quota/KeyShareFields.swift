import HTTP
import Vocabulary

/// A key's own limits as response fields: those that the vendor's own gateway sends for a capped caller, those that Codex
/// shows, and those that clients of either API know.
///
/// Of the account's windows nothing is told beside them: Claude Code would show these instead.
enum KeyShareFields {
    /// Appends how far the share is used up; `isRefused` for an answer that was refused because of it.
    static func append(_ share: KeyShare, isRefused: Bool, tellsCodex: Bool, to fields: inout ResponseFields) {
        plain(share, &fields)
        let reset = String(share.resetsAt)
        if isRefused {
            unified("status", "rejected", &fields)
            unified("reset", reset, &fields)
            unified("overage-reset", reset, &fields)
            unified("overage-utilization", hundredths(share.utilization), &fields)
            unified("overage-surpassed-threshold", "1", &fields)
            unified("overage-period", share.cap.period, &fields)
            unified("overage-disabled-reason", "org_spend_cap_reached", &fields)
        } else {
            let threshold = thresholds.last { share.utilization > $0.share }
            let status = threshold == nil ? "allowed" : "allowed_warning"
            unified("status", status, &fields)
            unified("reset", reset, &fields)
            unified("representative-claim", "overage", &fields)
            unified("overage-status", status, &fields)
            unified("overage-reset", reset, &fields)
            unified("overage-utilization", hundredths(min(share.utilization, 0.99)), &fields)
            if let threshold { unified("overage-surpassed-threshold", threshold.text, &fields) }
        }
        if tellsCodex {
            let percent = Int((min(share.utilization, 1) * 100).rounded())
            codex("primary-used-percent", String(percent), &fields)
            codex("primary-window-minutes", String(share.cap.minutes), &fields)
            codex("primary-reset-at", reset, &fields)
        }
    }

    /// Appends what is left of limits by the minute, as both vendors tell it.
    static func append(_ rates: [KeyRate], now: Int, to fields: inout ResponseFields) {
        var told: Set<String> = []
        for rate in rates {
            let isRequests = rate.cap.metric == .requests
            let name = isRequests ? "requests" : "tokens"
            // One field for tokens: of several the tightest was put first.
            guard told.insert(name).inserted else { continue }
            let values = [
                ("limit", String(rate.cap.amount)), ("remaining", String(rate.remaining)), ("reset", "\(rate.resetSeconds)s"),
            ]
            for (part, value) in values { add("x-ratelimit-\(part)-\(name)", value, &fields) }
            let vendors = isRequests ? "requests" : vendorName(of: rate.cap.metric)
            add("anthropic-ratelimit-\(vendors)-limit", String(rate.cap.amount), &fields)
            add("anthropic-ratelimit-\(vendors)-remaining", String(rate.remaining), &fields)
            add("anthropic-ratelimit-\(vendors)-reset", Timestamp.rfc3339(now + rate.resetSeconds), &fields)
        }
    }

    private static func vendorName(of metric: KeyCap.Metric) -> String {
        switch metric {
        case .inputTokens: "input-tokens"
        case .outputTokens: "output-tokens"
        default: "tokens"
        }
    }

    private static func plain(_ share: KeyShare, _ fields: inout ResponseFields) {
        fields.append(.rateLimitLimit, 100)
        fields.append(.rateLimitRemaining, max(0, 100 - Int((share.utilization * 100).rounded(.up))))
        fields.append(.rateLimitUnit, "percent")
        fields.append(.rateLimitReset, Timestamp.rfc3339(share.resetsAt))
        fields.append(.rateLimitWindow, share.cap.name)
    }

    private static let thresholds: [(share: Double, text: String)] = [(0.75, "0.75"), (0.95, "0.95")]

    private static func hundredths(_ value: Double) -> String {
        let whole = Int((max(0, min(value, 1000)) * 100).rounded())
        return "\(whole / 100).\(String(whole % 100 + 100).dropFirst())"
    }

    private static func unified(_ name: String, _ value: String, _ fields: inout ResponseFields) {
        add("anthropic-ratelimit-unified-" + name, value, &fields)
    }

    private static func codex(_ name: String, _ value: String, _ fields: inout ResponseFields) {
        add("x-codex-" + name, value, &fields)
    }

    private static func add(_ name: String, _ value: String, _ fields: inout ResponseFields) {
        guard let name = FieldName(parsing: name) else { return }
        fields.append(name, value)
    }

    /// All names beyond those of the account's limits, for browsers, which show a page no others.
    static let names: String = {
        let parts = ["limit", "remaining", "reset"]
        let plain = parts.flatMap { part in ["requests", "tokens"].map { "x-ratelimit-\(part)-\($0)" } }
        let vendors = ["requests", "tokens", "input-tokens", "output-tokens"].flatMap { name in
            parts.map { "anthropic-ratelimit-\(name)-\($0)" }
        }
        return (plain + vendors + ["overage-period", "overage-surpassed-threshold"].map { "anthropic-ratelimit-unified-\($0)" })
            .joined(separator: ", ")
    }()
}
