import HTTP

/// The bounds of connections and requests, in all their forms. An object, so that whoever keeps them for long, as a
/// connection does to its end, keeps no more than a reference.
final class WireLimits: Sendable {
    /// As they are configured.
    let configured: Limits
    let http: HTTPLimits
    let http2: HTTP2Limits

    init(_ limits: Limits) {
        configured = limits
        http = HTTPLimits(limits)
        http2 = HTTP2Limits(limits)
    }
}

extension HTTPLimits {
    init(_ limits: Limits) {
        self.init()
        requestLineBytes = limits.maxRequestLineBytes
        fieldBytes = limits.maxHeaderBytes
        headBytes = limits.maxHeadBytes
        fieldCount = limits.maxHeaders
        bodyBytes = limits.maxBodyBytes
        chunkExtensionBytes = limits.maxChunkExtensionBytes
        chunkExtensionTotalBytes = limits.maxChunkExtensionsBytes
        trailerBytes = limits.maxTrailerBytes
    }
}

extension HTTP2Limits {
    init(_ limits: Limits) {
        self.init()
        concurrentStreams = limits.http2MaxStreams
        streamWindowBytes = limits.http2StreamWindowBytes
        // Streams whose bodies wait for a permit must not take the window from those that have one.
        let sumOfWindows = (limits.http2MaxStreams + 1) * limits.http2StreamWindowBytes
        connectionWindowBytes = max(limits.http2ConnectionWindowBytes, sumOfWindows)
        resetsPerTenSeconds = limits.http2MaxResets
        idleFramesPerTenSeconds = limits.http2MaxControlFrames
    }
}
