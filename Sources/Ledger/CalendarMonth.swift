/// Months of the Gregorian calendar in UTC.
enum CalendarMonth {
    /// The hour since 1970 in which the month of an hour since 1970 begins.
    static func firstHour(of hour: Int) -> Int {
        let day = hour >= 0 ? hour / 24 : (hour - 23) / 24
        return (day - dayOfMonth(day)) * 24
    }

    /// Counted from 0. Years are taken to begin in March, so that the day that is not in every year comes last.
    private static func dayOfMonth(_ day: Int) -> Int {
        let shifted = day + 719_468  // days since the first of March of the year 0
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let ofEra = shifted - era * 146_097
        let year = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * year + year / 4 - year / 100)
        let month = (5 * ofYear + 2) / 153  // from March
        return ofYear - (153 * month + 2) / 5
    }
}
