import Server

extension MetricsText {
    /// Writes what has become of connections, most of which no log line of a request tells.
    mutating func connections(_ counts: ServerCounts) {
        begin("portcullis_connections", .gauge, "Connections that are open.")
        sample([], counts.open)
        begin("portcullis_connections_accepted_total", .counter, "Connections that were accepted.")
        sample([], counts.accepted)
        begin("portcullis_connections_refused_total", .counter, "Connections that were closed unread, by reason.")
        for reason in ConnectionRefusal.allCases {
            sample([("reason", reason.rawValue)], counts.refused[reason] ?? 0)
        }
        begin("portcullis_handshakes_failed_total", .counter, "Handshakes that came to nothing, by kind.")
        for kind in HandshakeFailure.allCases {
            sample([("kind", kind.rawValue)], counts.handshakesFailed[kind] ?? 0)
        }
        begin("portcullis_unreadable_requests_total", .counter, "What came and was no request, by the status of its answer.")
        for status in ServerCounts.statuses + [0] {
            sample([("code", status == 0 ? "other" : "\(status)")], counts.unreadable[status] ?? 0)
        }
        begin("portcullis_http2_streams_reset_total", .counter, "HTTP/2 streams that ended by a reset of either side.")
        sample([], counts.streamsReset)
    }
}
