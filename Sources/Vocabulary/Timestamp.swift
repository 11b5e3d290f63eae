/// Points in time as the dialects spell them, and as people read them.
public enum Timestamp {
    /// Unix seconds as RFC 3339 in UTC, `2026-11-20T00:00:00Z`.
    public static func rfc3339(_ seconds: Int) -> String {
        let date = CivilDate(unixSeconds: seconds)
        let second = seconds - date.unixSeconds
        let clock = [second / 3600, second / 60 % 60, second % 60].map { digits($0, 2) }
        return "\(digits(date.year, 4))-\(digits(date.month, 2))-\(digits(date.day, 2))T"
            + clock.joined(separator: ":") + "Z"
    }

    /// Unix seconds in plain words, `14:20 UTC on 28 November 2026`; seconds are told where they are not zero.
    public static func words(_ seconds: Int) -> String {
        let date = CivilDate(unixSeconds: seconds)
        let second = seconds - date.unixSeconds
        var clock = "\(digits(second / 3600, 2)):\(digits(second / 60 % 60, 2))"
        if second % 60 != 0 { clock += ":" + digits(second % 60, 2) }
        return "\(clock) UTC on \(date.day) \(months[date.month - 1]) \(date.year)"
    }

    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]

    /// The whole Unix seconds of a time in UTC as RFC 3339 §5.6 writes it, `2026-11-21T12:00:00Z`; nil for anything else.
    public static func seconds(rfc3339 text: String) -> Int? {
        let bytes = Array(text.utf8)
        guard (20...40).contains(bytes.count), bytes.last == UInt8(ascii: "Z"), bytes[10] == UInt8(ascii: "T"),
            bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"), let date = date(bytes[0..<10]),
            let hour = number(bytes[11..<13]), let minute = number(bytes[14..<16]), let second = number(bytes[17..<19]),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        return date.unixSeconds + hour * 3600 + minute * 60 + second
    }

    /// A day as `2026-11-21`; nil for anything else, and for days that are not in their month.
    public static func date(_ text: String) -> CivilDate? {
        guard let date = date(Array(text.utf8)[...]), CivilDate(daysSince1970: date.daysSince1970) == date else { return nil }
        return date
    }

    private static func date(_ text: ArraySlice<UInt8>) -> CivilDate? {
        let parts = text.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.map(\.count) == [4, 2, 2], let year = number(parts[0]), let month = number(parts[1]),
            let day = number(parts[2]), 1...12 ~= month, 1...31 ~= day
        else { return nil }
        return CivilDate(year: year, month: month, day: day)
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        var value = 0
        for digit in digits {
            guard case 0x30...0x39 = digit else { return nil }
            value = value * 10 + Int(digit - 0x30)
        }
        return value
    }

    private static func digits(_ value: Int, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
}
