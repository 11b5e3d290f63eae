import Glibc
import Vocabulary

/// Times of log lines, as RFC 3339 writes them.
enum LogTime {
    /// The time of day in UTC, with milliseconds.
    static func now() -> String {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return text(seconds: time.tv_sec, milliseconds: time.tv_nsec / 1_000_000)
    }

    /// Unix seconds as `2026-11-20T00:00:00Z`; with milliseconds as `2026-11-20T00:00:00.000Z`.
    static func text(seconds: Int, milliseconds: Int? = nil) -> String {
        let date = CivilDate(unixSeconds: seconds)
        let second = seconds - date.unixSeconds
        var text: [UInt8] = []
        text.reserveCapacity(24)
        append(date.year, 4, "-", to: &text)
        append(date.month, 2, "-", to: &text)
        append(date.day, 2, "T", to: &text)
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
}
