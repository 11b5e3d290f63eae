import Vocabulary

/// Metrics in the text form that Prometheus reads (version 0.0.4), or in OpenMetrics 1.0, which differs in a few lines.
struct MetricsText {
    enum Form: Sendable { case prometheus, openMetrics }

    enum Kind: String { case counter, gauge, histogram }

    private(set) var bytes: [UInt8] = []
    private let form: Form
    private var name = ""

    init(_ form: Form) {
        self.form = form
        bytes.reserveCapacity(16 << 10)
    }

    /// Begins a metric: its samples follow, and those of no other in between. A counter's name ends in `_total`.
    mutating func begin(_ name: String, _ kind: Kind, _ help: StaticString) {
        self.name = name
        // OpenMetrics has the counter itself without the ending of its sample.
        let family = form == .openMetrics && kind == .counter ? String(name.dropLast("_total".count)) : name
        append("# HELP \(family) ")
        bytes.append(help)
        append("\n# TYPE \(family) \(kind.rawValue)\n")
    }

    /// Writes a sample of the metric that was begun.
    mutating func sample(_ labels: [(StaticString, String)] = [], _ value: Int) { sample("", labels, "\(value)") }

    /// Writes a sample of the metric that was begun; numbers that are none are left out.
    mutating func sample(_ labels: [(StaticString, String)] = [], _ value: Double) {
        guard value.isFinite else { return }
        sample("", labels, "\(value)")
    }

    /// Writes 1 behind the word that holds and 0 behind all others.
    mutating func states(
        _ label: StaticString, _ words: [String], current: String, of labels: [(StaticString, String)] = []
    ) {
        for word in words { sample(labels + [(label, word)], word == current ? 1 : 0) }
    }

    /// Writes all samples of a histogram.
    mutating func histogram(_ labels: [(StaticString, String)], _ histogram: DurationHistogram) {
        let (counts, sum) = histogram.reading
        for (count, end) in zip(counts, DurationHistogram.labels + ["+Inf"]) {
            sample("_bucket", labels + [("le", end)], "\(count)")
        }
        sample("_sum", labels, Self.decimal(sum, places: 6))
        sample("_count", labels, "\(counts.last ?? 0)")
    }

    /// Ends the text.
    mutating func finish() {
        if form == .openMetrics { append("# EOF\n") }
    }

    /// A whole number of parts as a decimal number: 1,500,000 millionths as `1.500000`.
    static func decimal(_ value: Int, places: Int) -> String {
        let digits = String(value.magnitude)
        let padded = String(repeating: "0", count: max(0, places + 1 - digits.utf8.count)) + digits
        return "\(value < 0 ? "-" : "")\(padded.dropLast(places)).\(padded.suffix(places))"
    }

    private mutating func sample(_ suffix: String, _ labels: [(StaticString, String)], _ value: String) {
        append("\(name)\(suffix)")
        if !labels.isEmpty {
            append("{")
            for (index, label) in labels.enumerated() {
                if index > 0 { append(",") }
                bytes.append(label.0)
                append("=\"")
                appendEscaped(label.1)
                append("\"")
            }
            append("}")
        }
        append(" \(value)\n")
    }

    private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private mutating func appendEscaped(_ text: String) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): append("\\\\")
            case UInt8(ascii: "\""): append("\\\"")
            case UInt8(ascii: "\n"): append("\\n")
            default: bytes.append(byte)
            }
        }
    }
}

extension MetricsText {
    /// Writes a sample in dollars, of nano-dollars.
    mutating func dollars(_ labels: [(StaticString, String)], nano: Int) {
        sample("", labels, Self.decimal(nano, places: 9))
    }

    /// What a scraper that sends this `accept` reads best.
    static func form(accepting accept: String?) -> Form {
        accept?.contains("application/openmetrics-text") == true ? .openMetrics : .prometheus
    }

    /// The type of the text.
    static func contentType(_ form: Form) -> String {
        switch form {
        case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }
}
