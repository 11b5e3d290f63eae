import ClaudeCLI
import Dialects
import HTTP
import Models
import Platform
import Vocabulary

/// The answer to `GET /v1/quota`.
enum QuotaAnswer {
    /// What is known, as JSON.
    static func body(_ state: QuotaState, overage: OveragePolicy) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.raw("\"object\":\"quota\"")
        json.member("known", state.isKnown)
        json.member("overage_policy", overage.rawValue)
        if state.isKnown { content(state, overage, &json) }
        json.endObject()
        return json.bytes
    }

    private static func content(_ state: QuotaState, _ overage: OveragePolicy, _ json: inout JSONWriter) {
        time("observed_at", state.observedAt, &json)
        text("status", state.status, &json)
        text("representative_claim", state.claim, &json)
        time("resets_at", state.resetsAt, &json)
        json.key("windows")
        json.beginObject()
        for window in state.windows where !window.name.isEmpty {
            json.key(JSONText(window.name))
            self.window(window, &json)
        }
        json.endObject()
        json.key("overage")
        json.beginObject()
        text("status", state.overage.status, &json)
        if let isInUse = state.overage.isInUse {
            json.member("in_use", isInUse)
        }
        time("resets_at", state.overage.resetsAt, &json)
        text("disabled_reason", state.overage.disabledReason, &json)
        json.endObject()
        json.key("refused")
        json.beginArray()
        for rejection in state.rejections where !rejection.isPaid || overage == .refuse {
            json.beginObject()
            text("claim", rejection.claim, &json)
            text("models", rejection.family?.rawValue ?? "all", &json)
            time("until", rejection.until, &json)
            json.endObject()
        }
        json.endArray()
    }

    private static func window(_ window: Quota.Window, _ json: inout JSONWriter) {
        json.beginObject()
        text("status", window.status, &json)
        fraction("utilization", window.utilization, &json)
        fraction("surpassed_threshold", window.surpassedThreshold, &json)
        time("resets_at", window.resetsAt, &json)
        if let limit = window.limit {
            json.member("limit", limit)
        }
        if let remaining = window.remaining {
            json.member("remaining", remaining)
        }
        json.endObject()
    }

    private static func text(_ name: StaticString, _ value: String?, _ json: inout JSONWriter) {
        guard let value else { return }
        json.member(name, value)
    }

    private static func time(_ name: StaticString, _ seconds: Int?, _ json: inout JSONWriter) {
        text(name, seconds.map { Timestamp.rfc3339($0) }, &json)
    }

    /// Swift spells finite numbers as JSON does.
    private static func fraction(_ name: StaticString, _ value: Double?, _ json: inout JSONWriter) {
        guard let value, value.isFinite else { return }
        json.member(name, JSONFragment(validated: Array("\(value)".utf8)[...]))
    }
}
