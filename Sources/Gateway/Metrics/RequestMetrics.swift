import Models
import Synchronization

/// What became of requests since the start, counted from the record that each ends with.
///
/// The values of labels are words of tables that are written here: nothing of a request makes a new one.
final class RequestMetrics: Sendable {
    /// The dialects by the words of the log, and one for endpoints without.
    static let dialects = ["anthropic", "chatCompletions", "responses", "none"]
    static let statuses = [
        200, 204, 400, 401, 402, 403, 404, 405, 408, 409, 413, 414, 415, 417, 421, 426, 429, 431, 499, 500, 501, 502,
        503, 504, 505, 529,
    ]
    static let origins = ["kept", "rewound", "waiting", "fresh"]
    static let families = ModelFamily.allCases.map(\.rawValue) + ["other"]
    static let tokens = ["input", "cache_read", "cache_write", "output"]

    /// What a turn came to.
    enum Outcome: String, CaseIterable {
        /// The client has its answer.
        case answered
        /// It was not begun.
        case refused
        /// It failed, before its answer had begun or in the middle of it.
        case failed
        /// The client has gone.
        case departed
    }

    private let requests = Counters<108>()  // dialects × (statuses and one for others)
    private let outcomes = Counters<16>()  // dialects × outcomes
    private let refusals = Counters<12>()
    private let turnsByOrigin = Counters<4>()
    private let tokens = Counters<24>()  // families × kinds
    private let cost = Counters<6>()  // in nano-dollars
    private let retries = Atomic(0)
    private let cliRetries = Atomic(0)
    /// By the origin of the process.
    private let firstEvents = (0..<4).map { _ in DurationHistogram() }
    /// By dialect.
    private let durations = (0..<3).map { _ in DurationHistogram() }
    private let keys = KeyMetrics()
    private let isByKey = Atomic(false)

    /// Takes other settings for what comes.
    func change(_ settings: MetricsSettings) { isByKey.store(settings.isByKey, ordering: .relaxed) }

    /// Counts a request that has ended.
    func count(_ record: RequestRecord) {
        if isByKey.load(ordering: .relaxed) { keys.count(record) }
        let dialect = Self.index(ofDialect: record.dialect)
        let status = Self.statuses.firstIndex(of: record.status) ?? Self.statuses.count
        requests.add(at: dialect * (Self.statuses.count + 1) + status)
        if let reason = record.refusedFor, let index = RefusalReason.allCases.firstIndex(of: reason) {
            refusals.add(at: index)
        }
        guard record.isTurn, dialect < 3 else { return }
        outcomes.add(at: dialect * Outcome.allCases.count + Self.index(of: record.outcome))
        if record.retries > 0 { retries.add(record.retries, ordering: .relaxed) }
        if record.cliRetries > 0 { cliRetries.add(record.cliRetries, ordering: .relaxed) }
        if let origin = record.process.flatMap(Self.origins.firstIndex(of:)) {
            turnsByOrigin.add(at: origin)
            if let first = record.firstEventMicroseconds { firstEvents[origin].note(microseconds: first) }
        }
        if record.firstEventMicroseconds != nil, let end = record.endMicroseconds {
            durations[dialect].note(microseconds: end)
        }
        countTokens(record)
    }

    private func countTokens(_ record: RequestRecord) {
        // What was only counted was not used.
        guard let input = record.inputTokens, let output = record.outputTokens else { return }
        let family = record.family.flatMap(ModelFamily.allCases.firstIndex(of:)) ?? Self.families.count - 1
        let (read, write) = (record.cacheReadTokens ?? 0, record.cacheWriteTokens ?? 0)
        let place = family * Self.tokens.count
        tokens.add(input - read - write, at: place)
        tokens.add(read, at: place + 1)
        tokens.add(write, at: place + 2)
        tokens.add(output, at: place + 3)
        cost.add(record.cost ?? 0, at: family)
    }

    private static func index(ofDialect word: String?) -> Int {
        guard let word else { return 3 }
        return dialects.firstIndex(of: word) ?? 3
    }

    private static func index(of outcome: Outcome) -> Int {
        switch outcome {
        case .answered: 0
        case .refused: 1
        case .failed: 2
        case .departed: 3
        }
    }

    // MARK: - As text

    /// Writes all of it.
    func write(to text: inout MetricsText) {
        writeRequests(&text)
        writeTurns(&text)
        writeTokens(&text)
        if isByKey.load(ordering: .relaxed) { keys.write(to: &text) }
    }

    private func writeRequests(_ text: inout MetricsText) {
        text.begin("portcullis_requests_total", .counter, "Requests that were answered, by dialect and status; monitors' plain health checks are left out.")
        let width = Self.statuses.count + 1
        for (place, dialect) in Self.dialects.enumerated() {
            for (index, status) in (Self.statuses.map { "\($0)" } + ["other"]).enumerated() {
                let count = requests[place * width + index]
                // A row for each status that never came would be a hundred rows of nothing.
                if count > 0 || status == "200" { text.sample([("dialect", dialect), ("code", status)], count) }
            }
        }
        text.begin("portcullis_refusals_total", .counter, "Requests that were not let in, by reason.")
        for (index, reason) in RefusalReason.allCases.enumerated() {
            text.sample([("reason", reason.rawValue)], refusals[index])
        }
    }

    private func writeTurns(_ text: inout MetricsText) {
        text.begin("portcullis_turns_total", .counter, "Turns by dialect and by what they came to.")
        for (place, dialect) in Self.dialects.prefix(3).enumerated() {
            for (index, outcome) in Outcome.allCases.enumerated() {
                let count = outcomes[place * Outcome.allCases.count + index]
                text.sample([("dialect", dialect), ("outcome", outcome.rawValue)], count)
            }
        }
        text.begin("portcullis_turn_processes_total", .counter, "Turns that a process served, by where that one came from.")
        for (index, origin) in Self.origins.enumerated() { text.sample([("origin", origin)], turnsByOrigin[index]) }
        text.begin("portcullis_turn_retries_total", .counter, "Repeated attempts, by who repeated: this gateway a turn, or the CLI a request.")
        text.sample([("by", "gateway")], retries.load(ordering: .relaxed))
        text.sample([("by", "cli")], cliRetries.load(ordering: .relaxed))
        text.begin("portcullis_first_event_seconds", .histogram, "From a request's first byte to the first event of its answer.")
        for (index, origin) in Self.origins.enumerated() { text.histogram([("origin", origin)], firstEvents[index]) }
        text.begin("portcullis_turn_duration_seconds", .histogram, "From a request's first byte to the end of its turn, of turns that began to answer.")
        for (index, dialect) in Self.dialects.prefix(3).enumerated() {
            text.histogram([("dialect", dialect)], durations[index])
        }
    }

    private func writeTokens(_ text: inout MetricsText) {
        text.begin("portcullis_tokens_total", .counter, "Tokens by family of models and kind; input is what no cache had a part in.")
        for (place, family) in Self.families.enumerated() {
            for (index, kind) in Self.tokens.enumerated() {
                text.sample([("family", family), ("kind", kind)], tokens[place * Self.tokens.count + index])
            }
        }
        text.begin("portcullis_cost_usd_total", .counter, "What turns cost in US dollars, by family of models.")
        for (place, family) in Self.families.enumerated() { text.dollars([("family", family)], nano: cost[place]) }
    }
}

extension RequestRecord {
    /// Why the request was not let in; nil when it was.
    var refusedFor: RefusalReason? {
        // Once a process has begun it is no refusal any more, whatever the status.
        guard spawnedMicroseconds == nil else { return refusal }
        return refusal ?? RefusalReason(status: status)
    }

    /// What the turn came to.
    var outcome: RequestMetrics.Outcome {
        if status == 499 { return .departed }
        if refusedFor != nil { return .refused }
        return status >= 400 || fault != nil ? .failed : .answered
    }
}
