import HTTP
import Server

extension WireLimits {
    /// The bounds that the settings give.
    convenience init(_ limits: Limits) {
        self.init(Deadlines(limits), http: HTTPLimits(limits), http2: HTTP2Limits(limits))
    }
}

extension Deadlines {
    fileprivate init(_ limits: Limits) {
        self.init()
        handshakeSeconds = limits.tlsHandshakeSeconds
        headSeconds = limits.requestHeadSeconds
        bodyIdleSeconds = limits.bodyIdleSeconds
        bodyMinBytesPerSecond = limits.bodyMinBytesPerSecond
        bodyMinRateAfterSeconds = limits.bodyMinRateAfterSeconds
        bodyTotalSeconds = limits.bodyTotalSeconds
        keepAliveSeconds = limits.keepAliveSeconds
        http2IdleSeconds = limits.http2IdleSeconds
        writeStallSeconds = limits.writeStallSeconds
    }
}

extension HTTPLimits {
    fileprivate init(_ limits: Limits) {
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
    fileprivate init(_ limits: Limits) {
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
