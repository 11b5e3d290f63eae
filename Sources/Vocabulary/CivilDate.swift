/// A day of the Gregorian calendar in UTC, and its place among the days since 1970-01-01.
///
/// Years are taken to begin in March, so that the leap day is the last of its year (days_from_civil, H. Hinnant).
public struct CivilDate: Sendable, Equatable {
    /// The year, from 0 on.
    public var year: Int
    /// 1 to 12.
    public var month: Int
    /// 1 to 31.
    public var day: Int

    /// A day by its numbers, which are not checked: the 31st of a shorter month is a day of the next one.
    public init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    /// The day that begins so many days after 1970-01-01.
    public init(daysSince1970 days: Int) {
        let days = days + 719_468
        let era = Self.floorDivide(days, 146_097)
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// The day of a moment in Unix seconds.
    public init(unixSeconds: Int) { self.init(daysSince1970: Self.floorDivide(unixSeconds, 86_400)) }

    /// How many days after 1970-01-01 it is.
    public var daysSince1970: Int {
        let marchYear = month > 2 ? year : year - 1
        let era = Self.floorDivide(marchYear, 400)
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// When it begins, in Unix seconds.
    public var unixSeconds: Int { daysSince1970 * 86_400 }

    /// The quotient, rounded down also for moments before 1970.
    public static func floorDivide(_ dividend: Int, _ divisor: Int) -> Int {
        let (quotient, remainder) = dividend.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
