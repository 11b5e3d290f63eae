import Glibc

/// A moment on the monotonic clock, which neither the operator nor NTP can set.
public struct Instant: Comparable, Sendable {
    /// Nanoseconds since an arbitrary start.
    public let nanoseconds: UInt64

    /// A moment so many nanoseconds after the clock's start.
    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// The moment it is now (`CLOCK_MONOTONIC`).
    public static var now: Instant {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(nanoseconds: UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec))
    }

    /// A later moment; saturates.
    public static func + (instant: Instant, milliseconds: Milliseconds) -> Instant {
        let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(
            UInt64(milliseconds.count) &* 1_000_000)
        return Instant(nanoseconds: overflow ? .max : sum)
    }

    /// How long after `earlier` this is; zero when it is not after it.
    public func since(_ earlier: Instant) -> Milliseconds {
        Milliseconds(Int((nanoseconds > earlier.nanoseconds ? nanoseconds - earlier.nanoseconds : 0) / 1_000_000))
    }

    /// Microseconds after `earlier`; zero when it is not after it.
    public func microseconds(since earlier: Instant) -> Int {
        Int((nanoseconds > earlier.nanoseconds ? nanoseconds - earlier.nanoseconds : 0) / 1000)
    }

    public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }
}

/// A length of time in thousandths of a second; never negative.
public struct Milliseconds: Comparable, Sendable {
    /// How many.
    public let count: Int

    /// So many milliseconds; fewer than none are none, more than a century are a century.
    public init(_ count: Int) { self.count = min(max(0, count), 3_155_760_000_000) }

    /// So many seconds.
    public static func seconds(_ count: Int) -> Milliseconds { Milliseconds(min(count, 3_155_760_000) * 1000) }

    public static func < (left: Milliseconds, right: Milliseconds) -> Bool { left.count < right.count }
}

/// The wall clock, for what people read: HTTP dates, log lines, `created`.
public enum WallClock {
    /// Seconds since 1970-01-01 UTC.
    public static var unixSeconds: Int {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return time.tv_sec
    }
}
