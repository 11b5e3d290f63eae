import ClaudeCLI
import HTTP

/// The account's windows in the fields that Codex shows as its limits.
enum CodexQuotaFields {
    /// Appends what is known of the two windows that Codex has a place for.
    static func append(_ state: QuotaState, to fields: inout ResponseFields) {
        for (window, place, minutes) in places {
            guard let known = state.windows.first(where: { $0.name == window }), let used = known.utilization, used.isFinite
            else {
                continue
            }
            append("\(place)-used-percent", percent(used), &fields)
            append("\(place)-window-minutes", String(minutes), &fields)
            if let reset = known.resetsAt { append("\(place)-reset-at", String(reset), &fields) }
        }
    }

    private static let places = [("five_hour", "primary", 300), ("seven_day", "secondary", 10_080)]

    /// At most one digit behind the point; the vendor tells two of the fraction.
    private static func percent(_ fraction: Double) -> String {
        let tenths = (max(0, min(fraction, 100)) * 1000).rounded()
        let text = "\(tenths / 10)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    private static func append(_ name: String, _ value: String, _ fields: inout ResponseFields) {
        guard let name = FieldName(parsing: "x-codex-" + name) else { return }
        fields.append(name, value)
    }
}
