import HTTP
import Platform

/// Gathers the body of one request, over whichever version of HTTP, under the limits that the request began with.
struct BodyIntake: ~Copyable {
    /// What has come so far.
    private(set) var bytes: [UInt8] = []
    /// For whoever reads it.
    var fairness = Fairness()
    private let framing: BodyFraming
    private let limits: WireLimits
    private var chunks: ChunkedDecoder
    private var clock: BodyClock

    /// Refuses at once what declares to be too large.
    init(_ framing: BodyFraming, within limits: WireLimits) throws(HTTPFault) {
        if case .length(let count) = framing, count > limits.http.bodyBytes { throw Self.tooLarge }
        self.framing = framing
        self.limits = limits
        chunks = ChunkedDecoder(limits: limits.http)
        clock = BodyClock(limits.deadlines, now: Instant(nanoseconds: 0))
    }

    /// The client has been told to send: its time begins.
    mutating func begin(at now: Instant) {
        clock = BodyClock(limits.deadlines, now: now)
        if case .length(let count) = framing { bytes.reserveCapacity(count) }
    }

    /// When to look again at the latest.
    var deadline: Instant { clock.deadline }

    /// Notes bytes that have arrived, of whatever framing.
    mutating func note(_ count: Int, now: Instant) { clock.note(count, now: now) }

    /// Takes what belongs to the body from `position` on, which is moved behind it; true once the body is complete.
    mutating func take(from input: [UInt8], at position: inout Int) throws(HTTPFault) -> Bool {
        switch framing {
        case .none, .untilEnd: return true
        case .length(let count):
            let part = min(count - bytes.count, input.count - position)
            bytes.append(contentsOf: input[position..<(position + part)])
            position += part
            return bytes.count == count
        case .chunked:
            while true {
                let event = try input.withSpan(from: 0) { (span) throws(HTTPFault) in
                    try chunks.next(in: span, at: &position)
                }
                switch event {
                case .data(let range): bytes.append(contentsOf: input[range])
                case .needsMore: return false
                case .finished: return true
                }
            }
        }
    }

    /// Lets a stream, which knows its own framing, add what it has received; true when that was anything.
    mutating func take(at now: Instant, _ move: (inout [UInt8]) -> Void) throws(HTTPFault) -> Bool {
        let before = bytes.count
        move(&bytes)
        guard bytes.count > before else { return false }
        guard bytes.count <= limits.http.bodyBytes else { throw Self.tooLarge }
        clock.note(bytes.count - before, now: now)
        return true
    }

    /// The whole body.
    consuming func finish() -> [UInt8] { bytes }

    /// The refusal of a body that comes too slowly (RFC 9110 §15.5.9).
    static let tooSlow = HTTPFault(status: 408, reason: "the request body arrived too slowly", scope: .connection)
    private static let tooLarge = HTTPFault(status: 413, reason: "the request body is too large", scope: .connection)
}
