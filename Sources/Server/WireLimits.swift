package import HTTP

/// How long a peer may take for what it owes; every number is in the unit its name ends with.
package struct Deadlines: Sendable {
    /// From accept to the end of the TLS handshake.
    package var handshakeSeconds = 10
    /// For a whole request head, from its first byte; on a new connection from the handshake.
    package var headSeconds = 10
    /// Between two reads of a body.
    package var bodyIdleSeconds = 15
    /// The slowest a body may come on average, once `bodyMinRateAfterSeconds` are over.
    package var bodyMinBytesPerSecond = 1024
    /// When the minimum rate begins to count.
    package var bodyMinRateAfterSeconds = 10
    /// For a whole body.
    package var bodyTotalSeconds = 120
    /// An HTTP/1.1 connection without a request.
    package var keepAliveSeconds = 60
    /// An HTTP/2 connection without a stream; pings do not extend it.
    package var http2IdleSeconds = 60
    /// A full output buffer that the client does not read.
    package var writeStallSeconds = 30

    /// The defaults.
    package init() {}
}

/// The bounds of connections and requests, in all their forms. An object, so that whoever keeps them for long, as a
/// connection does to its end, keeps no more than a reference.
package final class WireLimits: Sendable {
    /// How long peers may take.
    package let deadlines: Deadlines
    /// How much of a request is read.
    package let http: HTTPLimits
    /// How much of an HTTP/2 connection one peer may use.
    package let http2: HTTP2Limits

    /// Bounds of these three kinds.
    package init(
        _ deadlines: Deadlines = Deadlines(), http: HTTPLimits = HTTPLimits(), http2: HTTP2Limits = HTTP2Limits()
    ) {
        self.deadlines = deadlines
        self.http = http
        self.http2 = http2
    }
}
