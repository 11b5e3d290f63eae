import Ledger
import Vocabulary

/// Which usage is asked for, as people write it: behind `portcullis usage` and behind the `?` of `/v1/usage`.
struct UsageQuery: Sendable, Equatable {
    /// The first and the last day, in days since 1970 in UTC.
    var first: Int
    var last: Int
    var grouping = UsageGrouping.day
    /// The name of one key; nil for all that the asker may see.
    var key: String?

    /// This month until today.
    init(today: CivilDate) {
        first = CivilDate(year: today.year, month: today.month, day: 1).daysSince1970
        last = today.daysSince1970
    }

    /// By what rows can be told apart.
    static let groupings: [UsageGrouping] = [.day, .month, .model, .client, .key]

    /// Takes a parameter; false where there is none of that name.
    mutating func take(_ name: String, _ value: String, today: CivilDate) throws(ValueProblem) -> Bool {
        switch name {
        case "since": first = try Self.day(value, today: today)
        case "until": last = try Self.day(value, today: today)
        case "by":
            guard let grouping = Self.groupings.first(where: { $0.rawValue == value }) else {
                let words = Self.groupings.map(\.rawValue).joined(separator: ", ")
                throw ValueProblem("\(quoted(value)) is none of \(words)")
            }
            self.grouping = grouping
        case "key": key = value
        default: return false
        }
        return true
    }

    /// Refuses what ends before it begins.
    func check() throws(ValueProblem) {
        if last < first { throw ValueProblem("the last day is before the first") }
    }

    /// What the ledger is asked for.
    func filter(owner: String?) -> UsageFilter { UsageFilter(owner: owner, since: first * 24, until: (last + 1) * 24) }

    /// `2026-11-28`, `today`, `yesterday`, or `30d` for so many days with today as the last.
    private static func day(_ text: String, today: CivilDate) throws(ValueProblem) -> Int {
        if text == "today" { return today.daysSince1970 }
        if text == "yesterday" { return today.daysSince1970 - 1 }
        if text.hasSuffix("d"), let count = DecimalText.parse(text.dropLast().utf8), 1...3660 ~= count {
            return today.daysSince1970 - count + 1
        }
        guard let date = Timestamp.date(text) else {
            throw ValueProblem("\(quoted(text)) is no day; write 2026-11-28, today, yesterday, or 30d for the last 30 days")
        }
        return date.daysSince1970
    }
}
