import Ledger
import Vocabulary

/// What was used, row by row, with the names that people know.
struct UsageTable: Sendable, Equatable {
    struct Row: Sendable, Equatable {
        /// What it stands for: a day, a month, a model, a client or a key.
        var name: String
        var count: UsageCount
        /// How many requests were refused, by reason; nil where that is not known, as of models.
        var refusals: [String: Int]?
    }

    let query: UsageQuery
    let rows: [Row]
    let total: Row

    /// A table of what the ledger has found; `names` are those of keys by their ids.
    init(_ query: UsageQuery, _ usage: [UsageRow], _ refusals: [RefusalRow], names: [String: String]) {
        self.query = query
        let knowsRefusals = query.grouping != .model && query.grouping != .client
        var order: [String] = []
        var rows: [String: Row] = [:]
        func row(_ group: UsageGroup, _ change: (inout Row) -> Void) {
            let name = Self.name(of: group, query.grouping, names)
            if rows[name] == nil {
                order.append(name)
                rows[name] = Row(name: name, count: UsageCount(), refusals: knowsRefusals ? [:] : nil)
            }
            if var known = rows[name] {
                change(&known)
                rows[name] = known
            }
        }
        var total = Row(name: "total", count: UsageCount(), refusals: [:])
        for found in usage {
            // A key with a limit on requests is counted once before its model is known, and taken back when it is.
            guard found.count != UsageCount() else { continue }
            row(found.group) { $0.count += found.count }
            total.count += found.count
        }
        for found in refusals {
            if knowsRefusals { row(found.group) { $0.refusals?[found.reason, default: 0] += found.count } }
            total.refusals?[found.reason, default: 0] += found.count
        }
        self.rows = order.sorted().compactMap { rows[$0] }
        self.total = total
    }

    private static func name(of group: UsageGroup, _ grouping: UsageGrouping, _ names: [String: String]) -> String {
        switch group {
        case .from(let hour):
            let day = String(Timestamp.rfc3339(hour * 3600).prefix(10))
            return grouping == .month ? String(day.prefix(7)) : day
        case .name(let text): return grouping == .key ? names[text] ?? text : text
        }
    }

    // MARK: - As JSON

    /// Writes the members of the table, without the braces.
    func write(to json: inout JSONWriter) {
        json.member("since", Self.day(query.first))
        json.member("until", Self.day(query.last))
        json.member("by", query.grouping.rawValue)
        json.key("rows")
        json.beginArray()
        for row in rows {
            json.object { json in
                json.key(JSONText(query.grouping.rawValue))
                json.string(row.name)
                Self.write(row, to: &json)
            }
        }
        json.endArray()
        json.key("total")
        json.object { Self.write(total, to: &$0) }
    }

    private static func write(_ row: Row, to json: inout JSONWriter) {
        let count = row.count
        json.member("requests", count.requests)
        json.member("failures", count.failures)
        if let refusals = row.refusals {
            json.key("refusals")
            json.object { json in
                for (reason, number) in refusals.sorted(by: { $0.key < $1.key }) {
                    json.key(JSONText(reason))
                    json.integer(number)
                }
            }
        }
        json.member("input_tokens", count.input)
        json.member("cache_write_tokens", count.cacheWrite)
        json.member("cache_read_tokens", count.cacheRead)
        json.member("output_tokens", count.output)
        json.member("cost_usd", dollars(count.cost))
        json.member("mean_ms", count.requests > 0 ? count.milliseconds / count.requests : 0)
        json.member("mean_first_ms", count.requests > 0 ? count.firstMilliseconds / count.requests : 0)
    }

    static func dollars(_ nano: Int) -> JSONFragment { JSONFragment(validated: Array(KeyCap.dollarText(nano).utf8)[...]) }

    private static func day(_ days: Int) -> String { String(Timestamp.rfc3339(days * 86_400).prefix(10)) }

    // MARK: - As text

    private static let columns = ["requests", "failed", "refused", "input", "cache write", "cache read", "output", "cost"]

    /// As lines with columns for a terminal.
    var text: String {
        var lines = [[query.grouping.rawValue] + Self.columns]
        lines += (rows + (rows.count == 1 ? [] : [total])).map { [$0.name] + Self.cells($0) }
        let widths = lines[0].indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { cells in
            zip(cells, widths).enumerated().map { index, cell in
                let padding = String(repeating: " ", count: cell.1 - cell.0.count)
                return index == 0 ? cell.0 + padding : padding + cell.0
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    private static func cells(_ row: Row) -> [String] {
        let count = row.count
        let refused = row.refusals.map { $0.values.reduce(0, +) }
        let numbers = [count.input, count.cacheWrite, count.cacheRead, count.output].map(String.init)
        return [String(count.requests), String(count.failures), refused.map(String.init) ?? "-"] + numbers + [price(count.cost)]
    }

    /// Dollars with two places, or four where they would say nothing.
    private static func price(_ nano: Int) -> String {
        let places = nano < KeyCap.nanoDollars ? 4 : 2
        let unit = places == 4 ? 100_000 : 10_000_000
        let parts = (nano + unit / 2) / unit
        return "$\(MetricsText.decimal(parts, places: places))"
    }

    /// As comma-separated values (RFC 4180), times and refusals with their reasons included.
    var csv: String {
        let reasons = Set((rows + [total]).flatMap { ($0.refusals ?? [:]).keys }).sorted()
        let head = [
            query.grouping.rawValue, "requests", "failures", "input_tokens", "cache_write_tokens", "cache_read_tokens",
            "output_tokens", "cost_usd", "milliseconds", "first_milliseconds",
        ]
        let isKnown = query.grouping != .model && query.grouping != .client
        var lines = [(head + (isKnown ? reasons.map { "refused:\($0)" } : [])).map(Self.field).joined(separator: ",")]
        for row in rows {
            let count = row.count
            let numbers = [
                count.requests, count.failures, count.input, count.cacheWrite, count.cacheRead, count.output,
            ].map(String.init)
            let times = [count.milliseconds, count.firstMilliseconds].map(String.init)
            let refused = isKnown ? reasons.map { String(row.refusals?[$0] ?? 0) } : []
            let cells = [Self.field(row.name)] + numbers + [MetricsText.decimal(count.cost, places: 9)] + times + refused
            lines.append(cells.joined(separator: ","))
        }
        return lines.joined(separator: "\r\n")
    }

    /// A sheet takes what begins so for a formula; names of clients and models are ours, but a ledger may be anybody's.
    private static func field(_ text: String) -> String {
        let safe = text.first.map { "=+-@".contains($0) } == true ? "'" + text : text
        guard safe.contains(where: { ",\"\r\n".contains($0) }) else { return safe }
        return "\"" + safe.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
