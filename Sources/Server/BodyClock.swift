import Platform

/// The deadlines under which a body must arrive, slow senders included.
struct BodyClock {
    private let deadlines: Deadlines
    private let start: Instant
    private var lastByte: Instant
    private var received = 0

    init(_ deadlines: Deadlines, now: Instant) {
        self.deadlines = deadlines
        start = now
        lastByte = now
    }

    /// Notes bytes that have arrived.
    mutating func note(_ bytes: Int, now: Instant) {
        received += bytes
        lastByte = now
    }

    /// When the body is too slow unless more of it has come.
    var deadline: Instant {
        var deadline = min(lastByte + .seconds(deadlines.bodyIdleSeconds), start + .seconds(deadlines.bodyTotalSeconds))
        // The moment at which what has arrived is less than the minimum rate asks for.
        let allowed = received / max(1, deadlines.bodyMinBytesPerSecond) + 1
        deadline = min(deadline, start + .seconds(max(deadlines.bodyMinRateAfterSeconds, allowed)))
        return deadline
    }
}
