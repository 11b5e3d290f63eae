import HTTP
import Platform

/// The deadlines under which a body must arrive, slow senders included.
struct BodyClock {
    private let limits: Limits
    private let start: Instant
    private var lastByte: Instant
    private var received = 0
    private var reads = 0

    init(_ limits: Limits, now: Instant) {
        self.limits = limits
        start = now
        lastByte = now
    }

    /// Notes bytes that have arrived.
    mutating func note(_ bytes: Int, now: Instant) {
        received += bytes
        reads += 1
        lastByte = now
    }

    /// True after every sixteenth read.
    var isTimeToYield: Bool { reads % 16 == 0 }

    /// When to look again at the latest.
    var deadline: Instant {
        var deadline = min(lastByte + .seconds(limits.bodyIdleSeconds), start + .seconds(limits.bodyTotalSeconds))
        // The moment at which what has arrived is less than the minimum rate asks for.
        let allowed = received / max(1, limits.bodyMinBytesPerSecond) + 1
        deadline = min(deadline, start + .seconds(max(limits.bodyMinRateAfterSeconds, allowed)))
        return deadline
    }

    /// The refusal of a body that comes too slowly (RFC 9110 §15.5.9).
    static var tooSlow: HTTPFault {
        HTTPFault(status: 408, reason: "the request body arrived too slowly", scope: .connection)
    }

    /// The refusal of a body beyond the limit.
    static var tooLarge: HTTPFault {
        HTTPFault(status: 413, reason: "the request body is too large", scope: .connection)
    }
}
