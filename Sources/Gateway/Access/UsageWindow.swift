import Vocabulary

/// A stretch of hours in which something is counted.
struct UsageWindow: Sendable, Equatable {
    /// Hours since 1970 in UTC.
    let hours: Range<Int>
    /// True where the stretch moves on with each hour.
    let rolls: Bool

    /// The stretch that a moment lies in, in Unix seconds; a minute has none, since it is counted by seconds.
    init?(_ window: KeyCap.Window, _ kind: KeyOptions.Windows, at now: Int) {
        rolls = kind == .rolling
        if rolls {
            guard let length = Self.length(window) else { return nil }
            let hour = CivilDate.floorDivide(now, 3600)
            // The hour that has begun and as many before it: never less than the whole length. What was counted while the
            // clock was ahead counts as well.
            hours = hour - length..<hour + length + 1
            return
        }
        let today = CivilDate(unixSeconds: now)
        let day = today.daysSince1970
        let days: Range<Int>
        switch window {
        case .minute: return nil
        case .day: days = day..<day + 1
        case .week:
            // 1970-01-01 was a Thursday.
            let monday = CivilDate.floorDivide(day + 3, 7) * 7 - 3
            days = monday..<monday + 7
        case .month:
            let first = CivilDate(year: today.year, month: today.month, day: 1).daysSince1970
            let next = CivilDate(
                year: today.month == 12 ? today.year + 1 : today.year, month: today.month % 12 + 1, day: 1)
            days = first..<next.daysSince1970
        }
        hours = days.lowerBound * 24..<days.upperBound * 24
    }

    private static func length(_ window: KeyCap.Window) -> Int? {
        switch window {
        case .minute: nil
        case .day: 24
        case .week: 7 * 24
        case .month: 30 * 24
        }
    }
}
