import Glibc

/// Times as RFC 3339 writes them.
enum Timestamp {
    /// The time of day in UTC, with milliseconds.
    static func now() -> String {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return text(seconds: time.tv_sec, milliseconds: time.tv_nsec / 1_000_000)
    }

    /// Unix seconds as `2026-11-20T00:00:00Z`; with milliseconds as `2026-11-20T00:00:00.000Z`.
    static func text(seconds: Int, milliseconds: Int? = nil) -> String {
        // Days are counted from 1 March of the year 0, so that the leap day is the last of its year.
        let days = floorDivide(seconds, 86_400) + 719_468
        let second = seconds - (days - 719_468) * 86_400
        let era = floorDivide(days, 146_097)
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)

        var text: [UInt8] = []
        text.reserveCapacity(24)
        append(year, 4, "-", to: &text)
        append(month, 2, "-", to: &text)
        append(day, 2, "T", to: &text)
        append(second / 3600, 2, ":", to: &text)
        append(second / 60 % 60, 2, ":", to: &text)
        append(second % 60, 2, milliseconds == nil ? "Z" : ".", to: &text)
        if let milliseconds { append(milliseconds, 3, "Z", to: &text) }
        return String(decoding: text, as: UTF8.self)
    }

    private static func append(
        _ number: Int, _ width: Int, _ separator: Unicode.Scalar, to text: inout [UInt8]
    ) {
        var divisor = width == 4 ? 1000 : width == 3 ? 100 : 10
        while divisor > 0 {
            text.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / divisor % 10))
            divisor /= 10
        }
        text.append(UInt8(ascii: separator))
    }

    private static func floorDivide(_ number: Int, _ divisor: Int) -> Int {
        number >= 0 ? number / divisor : -((divisor - 1 - number) / divisor)
    }
}
