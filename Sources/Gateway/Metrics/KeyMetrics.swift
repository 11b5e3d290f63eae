import Synchronization

/// What each key used since the start, for operators who want that among the metrics.
///
/// Off unless it is asked for: there is a row for each key, and each request takes a lock.
final class KeyMetrics: Sendable {
    private struct Count {
        var requests = 0
        var refused = 0
        var input = 0
        var output = 0
        var cost = 0
    }

    private let counts = Mutex<[String: Count]>([:])

    /// As many keys as are told apart; what others use is counted together.
    private static let most = 1000

    /// Counts a request of a key that has ended.
    func count(_ record: RequestRecord) {
        guard let key = record.keyID else { return }
        counts.withLock { counts in
            let name = counts[key] != nil || counts.count < Self.most ? key : ""
            var count = counts[name] ?? Count()
            count.requests += 1
            if record.refusedFor != nil { count.refused += 1 }
            if let output = record.outputTokens {
                count.input += record.inputTokens ?? 0
                count.output += output
                count.cost += record.cost ?? 0
            }
            counts[name] = count
        }
    }

    /// Writes all of it; nothing where nothing was counted.
    func write(to text: inout MetricsText) {
        let rows = counts.withLock { $0 }.sorted { $0.key < $1.key }
        guard !rows.isEmpty else { return }
        text.begin("portcullis_key_requests_total", .counter, "Requests by key.")
        for (key, count) in rows { text.sample([("key", key)], count.requests) }
        text.begin("portcullis_key_refusals_total", .counter, "Requests that were not let in, by key.")
        for (key, count) in rows { text.sample([("key", key)], count.refused) }
        text.begin("portcullis_key_tokens_total", .counter, "Tokens by key and kind; input is all of the prompt, cached or not.")
        for (key, count) in rows {
            text.sample([("key", key), ("kind", "input")], count.input)
            text.sample([("key", key), ("kind", "output")], count.output)
        }
        text.begin("portcullis_key_cost_usd_total", .counter, "What turns cost in US dollars, by key.")
        for (key, count) in rows { text.dollars([("key", key)], nano: count.cost) }
    }
}
