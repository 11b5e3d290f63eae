/// A bound on what one key may use in a stretch of time.
struct KeyCap: Sendable, Hashable {
    /// What is counted.
    enum Metric: String, Sendable, CaseIterable {
        case requests
        /// Input and output, without what the vendor had in its cache.
        case tokens
        /// What the vendor read anew or wrote into its cache.
        case inputTokens = "input-tokens"
        case outputTokens = "output-tokens"
        /// What the vendor had in its cache.
        case cachedTokens = "cached-tokens"
        /// What the CLI says it cost, in nano-dollars.
        case spend
    }

    /// How long a stretch is: a minute rolls, the others are days, weeks from Monday and months of UTC, or roll.
    enum Window: String, Sendable, CaseIterable {
        case minute, day, week, month
    }

    var metric: Metric
    var window: Window
    /// In pieces, or in nano-dollars.
    var amount: Int

    /// How an option that sets it is called: `spend-per-day`.
    var name: String { "\(metric.rawValue)-per-\(window.rawValue)" }

    /// True where what is used up is a share of days or more, which nobody sleeps through, and no mere rate.
    var isShare: Bool { window != .minute }

    /// All there can be; money is not counted by the minute.
    static let kinds: [(metric: Metric, window: Window)] = Metric.allCases.flatMap { metric in
        Window.allCases.filter { metric != .spend || $0 != .minute }.map { (metric, $0) }
    }
}

extension KeyCap {
    static let nanoDollars = 1_000_000_000

    /// Reads an amount: whole pieces with `k` or `M` behind them, or dollars with at most six places after the point.
    init(_ metric: Metric, _ window: Window, _ text: String) throws(ValueProblem) {
        let amount = metric == .spend ? Self.dollars(text) : Self.pieces(text)
        guard let amount else {
            throw ValueProblem(
                metric == .spend
                    ? "has an amount that is not dollars, as 5 or 2.50" : "has an amount that is not a number, as 500, 20k or 3M")
        }
        self.init(metric: metric, window: window, amount: amount)
    }

    private static func pieces(_ text: String) -> Int? {
        let factors: [Character: Int] = ["k": 1000, "K": 1000, "m": 1_000_000, "M": 1_000_000]
        guard let last = text.last, let factor = factors[last] else { return DecimalText.parse(text.utf8) }
        guard let number = DecimalText.parse(text.dropLast().utf8), number <= 1_000_000_000 else { return nil }
        return number * factor
    }

    private static func dollars(_ text: String) -> Int? {
        let bare = text.hasPrefix("$") ? text.dropFirst() : text[...]
        let parts = bare.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = DecimalText.parse(parts[0].utf8), whole <= 1_000_000_000 else { return nil }
        guard parts.count == 2 else { return whole * nanoDollars }
        guard (1...6).contains(parts[1].utf8.count), let fraction = DecimalText.parse(parts[1].utf8) else { return nil }
        let scale = (0..<(9 - parts[1].utf8.count)).reduce(1) { product, _ in product * 10 }
        return whole * nanoDollars + fraction * scale
    }

    /// The amount as `init` reads it.
    var amountText: String { metric == .spend ? Self.dollarText(amount) : String(amount) }

    /// Nano-dollars as dollars with at least two places after the point, and no more than are needed.
    static func dollarText(_ nano: Int) -> String {
        let micro = (nano + 500) / 1000
        var fraction = String(String(1_000_000 + micro % 1_000_000).dropFirst())
        while fraction.count > 2, fraction.last == "0" { fraction.removeLast() }
        return "\(micro / 1_000_000).\(fraction)"
    }
}
