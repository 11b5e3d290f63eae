/// How much of an HTTP/2 connection one peer may use; every number is in the unit its name ends with.
public struct HTTP2Limits: Equatable, Sendable {
    /// Streams open at once (SETTINGS_MAX_CONCURRENT_STREAMS).
    public var concurrentStreams = 32
    /// Unread request body per stream (SETTINGS_INITIAL_WINDOW_SIZE).
    public var streamWindowBytes = 64 << 10
    /// Unread request bodies of the whole connection.
    public var connectionWindowBytes = 1 << 20
    /// Streams that may end by a reset, whoever sends it, within ten seconds (CVE-2023-44487, CVE-2025-8671).
    public var resetsPerTenSeconds = 100
    /// Frames that carry no request and no body, within ten seconds in which nothing useful happens (CVE-2019-9512…).
    public var idleFramesPerTenSeconds = 200
    /// Request body that is read and thrown away after a stream has been answered early.
    public var discardedBodyBytes = 64 << 20

    /// The defaults.
    public init() {}
}

/// Counts events in windows of ten seconds; a peer that exceeds the allowance is cut off.
struct HTTP2Budget {
    private let allowance: Int
    private var count = 0
    private var windowStart = 0

    init(allowance: Int) { self.allowance = allowance }

    /// Notes an event at a time in milliseconds; false when it is one too many.
    mutating func spend(at milliseconds: Int) -> Bool {
        if milliseconds - windowStart >= 10_000 {
            windowStart = milliseconds
            count = 0
        }
        count += 1
        return count <= allowance
    }

    /// Something useful happened: the window begins anew.
    mutating func refill() { count = 0 }
}
