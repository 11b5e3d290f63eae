extension Setting {
    static let time: [Setting] = [
        seconds(
            "TLS_HANDSHAKE_SECONDS", \.limits.tlsHandshakeSeconds,
            "From accept to the end of the TLS handshake."),
        seconds("REQUEST_HEAD_SECONDS", \.limits.requestHeadSeconds, "For a whole request head."),
        seconds("BODY_IDLE_SECONDS", \.limits.bodyIdleSeconds, "Between two pieces of a request body."),
        Setting(
            "BODY_MIN_BYTES_PER_SECOND", .time,
            .size(0...(1 << 30), \.limits.bodyMinBytesPerSecond, syntax: "bytes per second"),
            "The slowest a request body may come on average, after `BODY_MIN_RATE_AFTER_SECONDS`."),
        seconds(
            "BODY_MIN_RATE_AFTER_SECONDS", \.limits.bodyMinRateAfterSeconds,
            "When `BODY_MIN_BYTES_PER_SECOND` begins to count."),
        seconds("BODY_TOTAL_SECONDS", \.limits.bodyTotalSeconds, "For a whole request body."),
        seconds("KEEPALIVE_SECONDS", \.limits.keepAliveSeconds, "An HTTP/1.1 connection without a request."),
        seconds(
            "HTTP2_IDLE_SECONDS", \.limits.http2IdleSeconds,
            "An HTTP/2 connection without a stream; pings do not extend it."),
        seconds(
            "WRITE_STALL_SECONDS", \.limits.writeStallSeconds,
            "A client that reads nothing of a waiting answer; then the answer is ended."),
    ]

    static let size: [Setting] = [
        bytes("MAX_REQUEST_LINE_BYTES", 64...(64 << 10), \.limits.maxRequestLineBytes, "The request line."),
        bytes("MAX_HEADER_BYTES", 64...(64 << 10), \.limits.maxHeaderBytes, "One header line."),
        bytes("MAX_HEAD_BYTES", 512...(256 << 10), \.limits.maxHeadBytes, "All of a request head."),
        count("MAX_HEADERS", 8...1000, "lines", .size, \.limits.maxHeaders, "Header lines of a request."),
        bytes("MAX_BODY_BYTES", 1...(256 << 20), \.limits.maxBodyBytes, "A request body."),
        bytes(
            "MAX_CHUNK_EXTENSION_BYTES", 0...(8 << 10), \.limits.maxChunkExtensionBytes,
            "The extensions of one chunk."),
        bytes(
            "MAX_CHUNK_EXTENSIONS_BYTES", 0...(64 << 10), \.limits.maxChunkExtensionsBytes,
            "The extensions of all chunks of a body."),
        bytes(
            "MAX_TRAILER_BYTES", 0...(64 << 10), \.limits.maxTrailerBytes,
            "The trailer section, which is discarded."),
        count("MAX_JSON_DEPTH", 8...512, "levels", .size, \.limits.maxJSONDepth, "How deep JSON may nest."),
        count(
            "MAX_JSON_VALUES", 100...10_000_000, "values", .size, \.limits.maxJSONValues,
            "Values and keys in one JSON body."),
    ]

    static let http2: [Setting] = [
        count(
            "HTTP2_MAX_STREAMS", 1...1000, "streams", .http2, \.limits.http2MaxStreams,
            "Streams of one connection at once."),
        Setting(
            "HTTP2_STREAM_WINDOW_BYTES", .http2, .size(1024...(16 << 20), \.limits.http2StreamWindowBytes),
            "How much of a body may be under way on one stream."),
        Setting(
            "HTTP2_CONNECTION_WINDOW_BYTES", .http2,
            .size((64 << 10)...(256 << 20), \.limits.http2ConnectionWindowBytes),
            "How much may be under way on all streams of a connection; at least enough for each."),
        count(
            "HTTP2_MAX_RESETS", 1...100_000, "resets", .http2, \.limits.http2MaxResets,
            "Streams reset in ten seconds, by the client or for its faults; more end the connection."),
        count(
            "HTTP2_MAX_CONTROL_FRAMES", 10...1_000_000, "frames", .http2, \.limits.http2MaxControlFrames,
            "PING, SETTINGS, PRIORITY and empty DATA frames in ten seconds without useful work."),
    ]

    static let connections: [Setting] = [
        count(
            "MAX_CONNECTIONS", 1...1_000_000, "connections", .connections, \.limits.maxConnections,
            "Connections in all."),
        count(
            "MAX_CONNECTIONS_PER_ADDRESS", 1...1_000_000, "connections", .connections,
            \.limits.maxConnectionsPerAddress, "Connections of one IPv4 address or IPv6 /64."),
        count(
            "MAX_UNAUTHENTICATED_PER_ADDRESS", 1...1_000_000, "connections", .connections,
            \.limits.maxUnauthenticatedPerAddress, "Of those, the ones that have shown no valid key yet."),
        count(
            "FAILED_KEYS_PER_ADDRESS", 0...1_000_000, "keys", .connections, \.limits.failedKeysPerAddress,
            "Wrong keys of one IPv4 address or IPv6 /48 before the next is not looked at; one more every 6 s, 0 for any "
                + "number."),
    ]

    private static func seconds(_ name: String, _ field: Field<Int>, _ help: String) -> Setting {
        Setting(name, .time, .whole(1...86_400, "seconds", field), help)
    }

    private static func bytes(
        _ name: String, _ range: ClosedRange<Int>, _ field: Field<Int>, _ help: String
    ) -> Setting {
        Setting(name, .size, .size(range, field), help)
    }

    private static func count(
        _ name: String, _ range: ClosedRange<Int>, _ unit: String, _ section: Section,
        _ field: Field<Int>, _ help: String
    ) -> Setting {
        Setting(name, section, .whole(range, unit, field), help)
    }
}
