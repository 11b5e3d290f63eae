import Ledger
import Vocabulary

/// Which usage is asked for, as people write it: behind `portcullis usage` and behind the `?` of `/v1/usage`.
struct UsageQuery: Sendable, Equatable {
    /// One end of the time and the other, in days since 1970 in UTC, as far as they were said.
    private var since: Int?
    private var until: Int?
    private let today: Int
    var grouping = UsageGrouping.day
    /// The name of one key; nil for all that the asker may see.
    var key: String?

    /// This month until today.
    init(today: CivilDate) { self.today = today.daysSince1970 }

    /// The first day; of what ends on a day that alone was said, that of its month.
    var first: Int { min(begin, end) }
    /// The last day; today unless said.
    var last: Int { max(begin, end) }

    private var end: Int { until ?? max(today, since ?? today) }

    private var begin: Int {
        if let since { return since }
        let day = CivilDate(daysSince1970: end)
        return CivilDate(year: day.year, month: day.month, day: 1).daysSince1970
    }

    /// By what rows can be told apart.
    static let groupings: [UsageGrouping] = [.day, .month, .model, .client, .key]

    /// Takes a parameter; false where there is none of that name.
    mutating func take(_ name: String, _ value: String, today: CivilDate) throws(ValueProblem) -> Bool {
        switch name {
        case "since": since = try Self.day(value, today: today)
        case "until": until = try Self.day(value, today: today)
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
