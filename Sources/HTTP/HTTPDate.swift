/// The one form of date that HTTP sends (RFC 9110 §5.6.7).
public enum HTTPDate {
    /// The time as `Sun, 06 Nov 1994 08:49:37 GMT`: 29 bytes of ASCII.
    ///
    /// - Parameter unixSeconds: seconds since 1970, without leap seconds; clamped to the years 1970 to 9999.
    public static func imfFixdate(unixSeconds: Int) -> [UInt8] {
        let seconds = min(max(unixSeconds, 0), 253_402_300_799)
        let days = seconds / 86_400
        let time = seconds % 86_400
        let date = civil(days)
        var text: [UInt8] = []
        text.reserveCapacity(29)
        // 1 January 1970 was a Thursday.
        text += "ThuFriSatSunMonTueWed".utf8.dropFirst(days % 7 * 3).prefix(3)
        text += ", ".utf8
        appendTwo(date.day)
        text += " ".utf8
        text += "JanFebMarAprMayJunJulAugSepOctNovDec".utf8.dropFirst((date.month - 1) * 3).prefix(3)
        text += " ".utf8
        appendTwo(date.year / 100)
        appendTwo(date.year % 100)
        for (lead, part) in zip([" ", ":", ":"], [time / 3600, time / 60 % 60, time % 60]) {
            text += lead.utf8
            appendTwo(part)
        }
        text += " GMT".utf8
        return text

        func appendTwo(_ number: Int) {
            text.append(0x30 + UInt8(number / 10))
            text.append(0x30 + UInt8(number % 10))
        }
    }

    /// The Gregorian date of a day counted from 1 January 1970.
    private static func civil(_ days: Int) -> (year: Int, month: Int, day: Int) {
        var year = 1970 + days / 366
        while daysBefore(year: year + 1) <= days { year += 1 }
        var day = days - daysBefore(year: year)
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        var month = 1
        for length in [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
            if day < length { break }
            day -= length
            month += 1
        }
        return (year, month, day + 1)
    }

    /// The days from 1 January 1970 to 1 January of a year.
    private static func daysBefore(year: Int) -> Int {
        let past = year - 1
        return 365 * (year - 1970) + (past / 4 - past / 100 + past / 400) - 477
    }
}
