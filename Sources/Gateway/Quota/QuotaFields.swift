import ClaudeCLI
import HTTP
import Models
import Vocabulary

/// What is known of usage limits as response fields.
///
/// They have the plain names that many clients know, and those that the vendor's own client reads.
enum QuotaFields {
    /// The fields for an answer that concerns models of `family`, or none of them.
    static func fields(of state: QuotaState, for family: ModelFamily?) -> ResponseFields {
        var fields = ResponseFields()
        plain(state.mostConstrained(for: family), &fields)
        unified(state, &fields)
        return fields
    }

    private static func plain(_ window: Quota.Window?, _ fields: inout ResponseFields) {
        guard let window else { return }
        if let limit = window.limit {
            fields.append(.rateLimitLimit, limit)
            if let remaining = window.remaining { fields.append(.rateLimitRemaining, remaining) }
        } else if let remaining = window.remainingPercent {
            fields.append(.rateLimitLimit, 100)
            fields.append(.rateLimitRemaining, remaining)
            fields.append(.rateLimitUnit, "percent")
        }
        if let reset = window.resetsAt { fields.append(.rateLimitReset, Timestamp.rfc3339(reset)) }
        if !window.name.isEmpty { fields.append(.rateLimitWindow, window.name) }
    }

    private static func unified(_ state: QuotaState, _ fields: inout ResponseFields) {
        if let status = state.status {
            append("status", status, &fields)
            if let reset = state.resetsAt { append("reset", String(reset), &fields) }
            if let claim = state.claim { append("representative-claim", claim, &fields) }
            let claimed = state.windows.first { $0.name == state.claim }
            if let threshold = claimed?.surpassedThreshold {
                append("surpassed-threshold", "\(threshold)", &fields)
            }
        }
        for window in state.windows where !window.name.isEmpty {
            let name = abbreviation(of: window.name)
            let isOverage = window.name == QuotaState.overageName
            if let status = window.status, !isOverage { append("\(name)-status", status, &fields) }
            if let used = window.utilization { append("\(name)-utilization", "\(used)", &fields) }
            if let reset = window.resetsAt, !isOverage { append("\(name)-reset", String(reset), &fields) }
            if let threshold = window.surpassedThreshold {
                append("\(name)-surpassed-threshold", "\(threshold)", &fields)
            }
        }
        overage(state, &fields)
    }

    private static func overage(_ state: QuotaState, _ fields: inout ResponseFields) {
        let window = state.windows.first { $0.name == QuotaState.overageName }
        if let status = state.overage.status ?? window?.status { append("overage-status", status, &fields) }
        if let reset = state.overage.resetsAt ?? window?.resetsAt {
            append("overage-reset", String(reset), &fields)
        }
        if state.overage.isInUse == true { append("overage-in-use", "true", &fields) }
        if let reason = state.overage.disabledReason { append("overage-disabled-reason", reason, &fields) }
    }

    private static func append(_ name: String, _ value: String, _ fields: inout ResponseFields) {
        guard let name = FieldName(parsing: prefix + name) else { return }
        fields.append(name, value)
    }

    /// How the vendor's fields call a window: `5h` for `five_hour`, `7d_opus` for `seven_day_opus`.
    static func abbreviation(of window: String) -> String {
        switch window {
        case "five_hour": "5h"
        case "seven_day": "7d"
        case "seven_day_overage_included": "7d_oi"
        case _ where window.hasPrefix("seven_day_"): "7d_" + window.dropFirst("seven_day_".count)
        case _ where window.hasPrefix("five_hour_"): "5h_" + window.dropFirst("five_hour_".count)
        default: window
        }
    }

    private static let prefix = "anthropic-ratelimit-unified-"

    /// All names, for browsers, which show a page no others; windows that nobody knows yet are left out.
    static let names: String = {
        let windows = ["5h", "7d", "7d_opus", "7d_sonnet", "7d_oi"].flatMap { window in
            ["status", "utilization", "reset", "surpassed-threshold"].map { "\(window)-\($0)" }
        }
        let others = [
            "status", "reset", "representative-claim", "surpassed-threshold", "overage-status",
            "overage-reset", "overage-utilization", "overage-in-use", "overage-disabled-reason",
        ]
        let plain: [FieldName] = [
            .rateLimitLimit, .rateLimitRemaining, .rateLimitReset, .rateLimitUnit, .rateLimitWindow,
        ]
        return (plain.map(\.description) + (others + windows).map { prefix + $0 }).joined(separator: ", ")
    }()
}

extension FieldName {
    static let rateLimitLimit: FieldName = "x-ratelimit-limit"
    static let rateLimitRemaining: FieldName = "x-ratelimit-remaining"
    /// RFC 3339 in UTC.
    static let rateLimitReset: FieldName = "x-ratelimit-reset"
    /// `percent` where the CLI gave no counts of its own.
    static let rateLimitUnit: FieldName = "x-ratelimit-unit"
    /// The CLI's name of the window that the others are about.
    static let rateLimitWindow: FieldName = "x-ratelimit-window"
}
