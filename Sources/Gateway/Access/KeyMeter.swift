import Platform
import Vocabulary

/// What one key has used and its running turns have reserved: a value without a clock.
///
/// Hours are counted by the wall clock, each for itself, so that a clock that is set changes which ones are asked for and
/// nothing of what they hold. Minutes are counted by the clock that is never set.
struct KeyMeter: Sendable {
    /// What was used in one hour since 1970.
    struct Hour: Sendable, Equatable {
        var hour: Int
        var used: Amounts
    }

    /// The oldest first; each hour once.
    private(set) var hours: [Hour] = []
    private var seconds = SecondLog()
    /// What running turns may come to use; their requests are counted as used.
    private(set) var held = Amounts()
    private(set) var running = 0
    /// True once its key was removed: it goes with its last turn.
    var isForsaken = false

    /// Longer than two months: what is farthest from now goes first, whichever way the clock was set.
    private static let mostHours = 1600

    /// Counts something as used.
    mutating func add(_ amounts: Amounts, at now: Int, _ instant: Instant) {
        add(amounts, hour: CivilDate.floorDivide(now, 3600))
        seconds.add(amounts, at: instant)
    }

    /// Counts what was used in an hour that may be over.
    mutating func add(_ amounts: Amounts, hour: Int) {
        var index = hours.endIndex
        while index > 0, hours[index - 1].hour > hour { index -= 1 }
        if index > 0, hours[index - 1].hour == hour {
            hours[index - 1].used += amounts
        } else {
            hours.insert(Hour(hour: hour, used: amounts), at: index)
            if hours.count > Self.mostHours {
                let isFirstFarther = hour - hours[0].hour >= hours[hours.count - 1].hour - hour
                if isFirstFarther { hours.removeFirst() } else { hours.removeLast() }
            }
        }
    }

    /// True when nothing more comes of it.
    var isOver: Bool { isForsaken && running <= 0 }

    /// Counts what was used some seconds ago, before this process began.
    mutating func addRecent(_ amounts: Amounts, age seconds: Int, at instant: Instant) {
        self.seconds.add(amounts, at: instant, age: seconds)
    }

    mutating func hold(_ amounts: Amounts) { held += amounts }
    mutating func release(_ amounts: Amounts) { held -= amounts }
    mutating func begin() { running += 1 }
    mutating func end() { running -= 1 }

    /// What was used in a stretch, without what is held.
    func used(_ window: KeyCap.Window, _ kind: KeyOptions.Windows, at now: Int, _ instant: Instant) -> Amounts {
        guard let stretch = UsageWindow(window, kind, at: now) else { return seconds.sum(at: instant) }
        return sum(stretch.hours)
    }

    /// What was used in some hours.
    func sum(_ range: Range<Int>) -> Amounts {
        var sum = Amounts()
        for hour in hours.reversed() {
            if hour.hour < range.lowerBound { break }
            if hour.hour < range.upperBound { sum += hour.used }
        }
        return sum
    }

    /// When so much of what fills a stretch has gone that `room` fits below `limit`, in Unix seconds.
    ///
    /// A calendar stretch ends as a whole. Of one that rolls the oldest hours go first.
    func end(
        of window: KeyCap.Window, _ kind: KeyOptions.Windows, _ metric: KeyCap.Metric, limit: Int, at now: Int,
        _ instant: Instant
    ) -> Int {
        guard let stretch = UsageWindow(window, kind, at: now) else {
            return now + seconds.secondsUntil(metric, isBelow: limit, at: instant)
        }
        guard stretch.rolls else { return stretch.hours.upperBound * 3600 }
        var rest = sum(stretch.hours).of(metric)
        for hour in hours where stretch.hours.contains(hour.hour) {
            rest -= hour.used.of(metric)
            let length = (stretch.hours.count - 1) / 2
            if rest < max(1, limit) { return max(now + 1, (hour.hour + length + 1) * 3600) }
        }
        return now + 3600
    }
}

/// What was used in the last minute, second by second.
struct SecondLog: Sendable {
    private var seconds: [(second: UInt64, used: Amounts)] = []
    /// The second that has begun counts as well, so that no minute ever has more than its limit.
    private static let length: UInt64 = 60

    private static func second(of instant: Instant) -> UInt64 { instant.nanoseconds / 1_000_000_000 }

    /// Counts something as used, now or some seconds ago.
    mutating func add(_ amounts: Amounts, at instant: Instant, age: Int = 0) {
        let now = Self.second(of: instant)
        let second = now - min(now, UInt64(clamping: age))
        seconds.removeAll { $0.second + Self.length < now }
        if let index = seconds.lastIndex(where: { $0.second <= second }) {
            if seconds[index].second == second {
                seconds[index].used += amounts
            } else {
                seconds.insert((second, amounts), at: index + 1)
            }
        } else {
            seconds.insert((second, amounts), at: 0)
        }
    }

    func sum(at instant: Instant) -> Amounts {
        let now = Self.second(of: instant)
        var sum = Amounts()
        for entry in seconds.reversed() {
            if entry.second + Self.length < now { break }
            sum += entry.used
        }
        return sum
    }

    /// How long until there is room for one more, in whole seconds from 1 on.
    func secondsUntil(_ metric: KeyCap.Metric, isBelow limit: Int, at instant: Instant) -> Int {
        let now = Self.second(of: instant)
        var rest = sum(at: instant).of(metric)
        for entry in seconds where entry.second + Self.length >= now {
            rest -= entry.used.of(metric)
            if rest < max(1, limit) { return max(1, Int(entry.second + Self.length + 1 - now)) }
        }
        return 1
    }
}
