/// What has become of connections, most of which no log line of a request tells.
struct ConnectionCounts: Sendable {
    /// Served now.
    var open = 0
    /// Accepted since the start, wherever it led.
    var accepted: Int?
    /// Closed unread since the start, by reason; every reason is there.
    var refused: [(reason: String, count: Int)] = []
    /// TLS handshakes that came to nothing since the start, by kind; every kind is there.
    var failedHandshakes: [(kind: String, count: Int)] = []

    func write(to text: inout MetricsText) {
        text.begin("portcullis_connections", .gauge, "Connections that are open.")
        text.sample([], open)
        if let accepted {
            text.begin("portcullis_connections_accepted_total", .counter, "Connections that were accepted.")
            text.sample([], accepted)
        }
        if !refused.isEmpty {
            text.begin("portcullis_connections_refused_total", .counter, "Connections that were closed unread, by reason.")
            for (reason, count) in refused { text.sample([("reason", reason)], count) }
        }
        if !failedHandshakes.isEmpty {
            text.begin("portcullis_handshakes_failed_total", .counter, "TLS handshakes that came to nothing, by kind.")
            for (kind, count) in failedHandshakes { text.sample([("kind", kind)], count) }
        }
    }
}
