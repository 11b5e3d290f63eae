/// Points in time as the dialects spell them, and as people read them.
public enum Timestamp {
    /// Unix seconds as RFC 3339 in UTC, `2026-11-20T00:00:00Z`.
    public static func rfc3339(_ seconds: Int) -> String {
        let (day, second) = seconds.quotientAndRemainder(floorDividingBy: 86_400)
        let (year, month, dayOfMonth) = civil(day)
        let clock = [second / 3600, second / 60 % 60, second % 60].map { digits($0, 2) }
        return "\(digits(year, 4))-\(digits(month, 2))-\(digits(dayOfMonth, 2))T"
            + clock.joined(separator: ":") + "Z"
    }

    /// Unix seconds in plain words, `14:20 UTC on 28 November 2026`; seconds are told where they are not zero.
    public static func words(_ seconds: Int) -> String {
        let (day, second) = seconds.quotientAndRemainder(floorDividingBy: 86_400)
        let (year, month, dayOfMonth) = civil(day)
        var clock = "\(digits(second / 3600, 2)):\(digits(second / 60 % 60, 2))"
        if second % 60 != 0 { clock += ":" + digits(second % 60, 2) }
        return "\(clock) UTC on \(dayOfMonth) \(months[month - 1]) \(year)"
    }

    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]

    /// The date of a day counted from 1970-01-01 in the Gregorian calendar.
    ///
    /// Years are taken to begin in March, so that the leap day is the last of its year.
    private static func civil(_ day: Int) -> (year: Int, month: Int, day: Int) {
        let (era, dayOfEra) = (day + 719_468).quotientAndRemainder(floorDividingBy: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    private static func digits(_ value: Int, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
}

extension Int {
    /// Division that rounds down, so that moments before 1970 fall on the right day.
    fileprivate func quotientAndRemainder(floorDividingBy divisor: Int) -> (Int, Int) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
