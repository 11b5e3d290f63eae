import HTTP
import Platform

/// One request's way back to its client, over whichever version of HTTP. Confined to its connection's loop.
protocol ResponseChannel: AnyObject {
    /// The request's head.
    var request: Request { get }
    /// Signalled when the client goes, takes output, or the service ends; the exchange hangs its own causes on it.
    var wakeup: Wakeup { get }
    /// True when nobody is left to answer.
    var isClientGone: Bool { get }

    /// Reads the whole body, up to the limit.
    func readBody() async throws(BodyFault) -> [UInt8]
    /// Sends a whole response.
    func respond(_ response: Response) async
    /// Sends the head of a streamed response.
    func begin(_ response: Response)
    /// Sends what `bytes` holds and empties it; false when the client is gone or takes nothing for too long.
    func send(_ bytes: inout [UInt8]) async -> Bool
    /// Ends a streamed response.
    func finish() async
    /// Cuts a streamed response off, so that the client sees that it is not whole.
    func abort()
}

/// Why a body could not be read.
enum BodyFault: Error {
    /// The client is told so.
    case refused(HTTPFault)
    /// Nobody is left to be told.
    case gone
}

/// The only way to answer: answering consumes it, so that a second answer does not compile.
struct ResponseWriter: ~Copyable {
    private let channel: any ResponseChannel

    init(_ channel: any ResponseChannel) { self.channel = channel }

    /// Sends a whole response.
    consuming func respond(_ response: Response) async { await channel.respond(response) }

    /// Gives up: the client is gone, or the service ends.
    consuming func abandon() { channel.abort() }

    /// Begins a streamed response.
    consuming func stream(_ head: Response) -> StreamWriter {
        channel.begin(head)
        return StreamWriter(channel)
    }
}

/// A streamed response in progress; one that is dropped unfinished is cut off, never silently ended.
struct StreamWriter: ~Copyable {
    private let channel: any ResponseChannel
    private var isFinished = false
    /// How many bytes the client's side has taken.
    private(set) var sentBytes = 0

    fileprivate init(_ channel: any ResponseChannel) { self.channel = channel }

    deinit { if !isFinished { channel.abort() } }

    /// Sends what `bytes` holds and empties it; false when the client is gone or takes nothing for too long.
    mutating func send(_ bytes: inout [UInt8]) async -> Bool {
        let count = bytes.count
        guard await channel.send(&bytes) else { return false }
        sentBytes += count
        return true
    }

    /// Ends the response.
    consuming func finish() async {
        isFinished = true
        await channel.finish()
    }
}

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
