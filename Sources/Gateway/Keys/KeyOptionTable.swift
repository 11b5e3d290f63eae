import Platform
import Vocabulary

extension KeyOption {
    /// The option of that name, or of the one that other programs have for it.
    static func named(_ name: String) -> KeyOption? { table[foreign[name] ?? name] }

    private static let foreign = [
        "rpm": "requests-per-minute", "tpm": "tokens-per-minute", "expires-at": "expires", "concurrency": "turns",
        "max_parallel_requests": "turns", "max_budget": "spend-per-month",
    ]

    private static let table = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

    /// All there are, in the order of help and reference.
    static let all: [KeyOption] = identity + access + limits + fairness + presets + binding

    private static let identity: [KeyOption] = [
        word("role", "user | admin", "`admin` sees everybody's usage and the metrics.", \.role, KeyOptions().role),
        time("not-before", "From when on the key opens.", \.notBefore, isEnd: false),
        time("expires", "Until when it opens; a day is meant to its end.", \.expires, isEnd: true),
    ]

    private static let access: [KeyOption] = [
        list(
            "models", "MODEL,…",
            "The models it may use, by the names that clients write or the CLI is given; `*` at the end stands for any rest.",
            \.models),
        KeyOption(
            name: "dialects", syntax: "messages,chat,responses,run", help: "The dialects it may speak.",
            take: { (text, options) throws(ValueProblem) in
                let words = text.split(separator: ",").map(String.init)
                for word in words where !["messages", "chat", "responses", "run"].contains(word) {
                    throw ValueProblem("is none of messages, chat, responses, run")
                }
                options.dialects = words
            }, clear: { $0.dialects = nil }, text: { $0.dialects?.joined(separator: ",") }),
        optionalWord("effort", "low | … | max", "The highest effort; what asks for more gets this.", \.effort),
        number(
            "body", "SIZE", "The largest request body.", \.bodyBytes, 1...(256 << 20), parse: DecimalText.parseSize,
            text: DecimalText.size),
        KeyOption(
            name: "from", syntax: "ADDRESS[/BITS],…", help: "The addresses and networks from which it may be used.",
            take: { (text, options) throws(ValueProblem) in
                var ranges: [AddressRange] = []
                for part in text.split(separator: ",", omittingEmptySubsequences: false) {
                    guard let range = AddressRange(String(part)) else {
                        throw ValueProblem("is not a list of addresses as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32")
                    }
                    ranges.append(range)
                }
                options.addresses = ranges
            }, clear: { $0.addresses = [] },
            text: { $0.addresses.isEmpty ? nil : $0.addresses.map(\.description).joined(separator: ",") }),
        list("mcp", "SERVER,… | *", "The registered MCP servers that it may switch on.", \.mcpServers),
        KeyOption(
            name: "web-search", syntax: "yes | no | COUNT",
            help: "Whether its answers may search the web, and at most how often each: `yes` is 5 times. "
                + "The vendor bills every search.",
            take: { (text, options) throws(ValueProblem) in
                switch text {
                case "yes": options.webSearches = 5
                case "no": options.webSearches = nil
                default:
                    guard let count = DecimalText.parse(text.utf8), 1...20 ~= count else {
                        throw ValueProblem("is neither yes nor no nor a number from 1 to 20")
                    }
                    options.webSearches = count
                }
            }, clear: { $0.webSearches = nil }, text: { $0.webSearches.map { $0 == 5 ? "yes" : String($0) } }),
        list(
            "account", "NAME,…",
            "The accounts of `ACCOUNTS` that its turns use: the next one when a limit of the one before is reached.",
            \.accounts),
        KeyOption(
            name: "agent", syntax: "NAME", help: "The workspace of `WORKSPACES` in which the CLI's own tools may work for it.",
            take: { (text, options) throws(ValueProblem) in
                guard text.isName(ofAtMost: 32) else { throw ValueProblem("is not the name of a workspace") }
                options.agent = text
            }, clear: { $0.agent = nil }, text: \.agent),
    ]

    private static let limits: [KeyOption] =
        [number("turns", "COUNT", "How many of its turns run at once.", \.turns, 1...100_000)]
        + KeyCap.kinds.map { cap($0.metric, $0.window) } + [
            word(
                "windows", "calendar | rolling",
                "Whether days, weeks and months are those of UTC, or the last 24 hours, 7 days and 30 days.", \.windows,
                KeyOptions().windows),
            KeyOption(
                name: "message", syntax: "\"TEXT\"",
                help: "What is said with a refusal for a limit, for instance whom to ask for more.",
                take: { (text, options) throws(ValueProblem) in
                    guard text.utf8.count <= 300, text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }),
                        !text.contains("\"")
                    else { throw ValueProblem("is no line of at most 300 bytes without quotes") }
                    options.message = text
                }, clear: { $0.message = nil }, text: \.message),
        ]

    private static let fairness: [KeyOption] = [
        KeyOption(
            name: "weight", syntax: "1 to 100", help: "How often its turns are next beside others', when turns wait.",
            take: { (text, options) throws(ValueProblem) in options.weight = try whole(text, 1...100) },
            clear: { $0.weight = 1 }, text: { $0.weight == 1 ? nil : String($0.weight) }),
        KeyOption(
            name: "share", syntax: "PERCENT",
            help: "The part of each of the account's windows that is kept for it; what others leave unused flows over.",
            take: { (text, options) throws(ValueProblem) in
                options.share = try whole(text.hasSuffix("%") ? String(text.dropLast()) : text, 1...100)
            }, clear: { $0.share = nil }, text: { $0.share.map { "\($0)%" } }),
        KeyOption(
            name: "reserve", syntax: "yes | no", help: "Whether it may use what `RESERVE` keeps of the account's windows.",
            take: { (text, options) throws(ValueProblem) in
                guard ["yes", "no"].contains(text) else { throw ValueProblem("is neither yes nor no") }
                options.usesReserve = text == "yes"
            }, clear: { $0.usesReserve = false }, text: { $0.usesReserve ? "yes" : nil }),
    ]

    private static let presets: [KeyOption] = [
        optionalWord("client", "openclaw | codex", "The client that uses it.", \.client),
        KeyOption(
            name: "default-model", syntax: "MODEL",
            help: "The model of its requests that name none or `default`; `claude-code` for the CLI with its own tools.",
            take: { (text, options) throws(ValueProblem) in
                try modelName(text)
                options.defaultModel = text
            }, clear: { $0.defaultModel = nil }, text: \.defaultModel),
        KeyOption(
            name: "task-model", syntax: "MODEL",
            help: "The model of background tasks of chat apps, which say so in a header field (titles, tags, follow-ups).",
            take: { (text, options) throws(ValueProblem) in
                try modelName(text)
                options.taskModel = text
            }, clear: { $0.taskModel = nil }, text: \.taskModel),
        number("task-weight", "1 to 100", "The weight of background tasks.", \.taskWeight, 1...100),
    ]
}

extension KeyOption {
    private static func cap(_ metric: KeyCap.Metric, _ window: KeyCap.Window) -> KeyOption {
        let of = metric.rawValue.split(separator: "-").joined(separator: " ")
        let isPart: @Sendable (KeyCap) -> Bool = { $0.metric == metric && $0.window == window }
        return KeyOption(
            name: KeyCap(metric: metric, window: window, amount: 0).name, syntax: metric == .spend ? "DOLLARS" : "COUNT",
            help: "The most \(of) in a \(window.rawValue).",
            take: { (text, options) throws(ValueProblem) in
                let cap = try KeyCap(metric, window, text)
                options.caps.removeAll(where: isPart)
                options.caps.append(cap)
            }, clear: { $0.caps.removeAll(where: isPart) }, text: { $0.caps.first(where: isPart)?.amountText })
    }

    private static func word<Value: RawRepresentable & CaseIterable & Equatable & Sendable>(
        _ name: String, _ syntax: String, _ help: String, _ path: any WritableKeyPath<KeyOptions, Value> & Sendable, _ usual: Value
    ) -> KeyOption where Value.RawValue == String {
        KeyOption(
            name: name, syntax: syntax, help: help,
            take: { (text, options) throws(ValueProblem) in options[keyPath: path] = try oneOf(text) },
            clear: { $0[keyPath: path] = usual },
            text: { $0[keyPath: path] == usual ? nil : $0[keyPath: path].rawValue })
    }

    private static func optionalWord<Value: RawRepresentable & CaseIterable & Sendable>(
        _ name: String, _ syntax: String, _ help: String, _ path: any WritableKeyPath<KeyOptions, Value?> & Sendable
    ) -> KeyOption where Value.RawValue == String {
        KeyOption(
            name: name, syntax: syntax, help: help,
            take: { (text, options) throws(ValueProblem) in options[keyPath: path] = try oneOf(text) as Value },
            clear: { $0[keyPath: path] = nil }, text: { $0[keyPath: path]?.rawValue })
    }

    private static func oneOf<Value: RawRepresentable & CaseIterable>(
        _ text: String
    ) throws(ValueProblem) -> Value where Value.RawValue == String {
        guard let value = Value(rawValue: text) else {
            throw ValueProblem("is none of \(Value.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return value
    }

    private static func list(
        _ name: String, _ syntax: String, _ help: String, _ path: any WritableKeyPath<KeyOptions, [String]?> & Sendable
    ) -> KeyOption {
        KeyOption(
            name: name, syntax: syntax, help: help,
            take: { (text, options) throws(ValueProblem) in options[keyPath: path] = try elements(text) },
            clear: { $0[keyPath: path] = nil }, text: { $0[keyPath: path]?.joined(separator: ",") })
    }

    private static func elements(_ text: String) throws(ValueProblem) -> [String] {
        let elements = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard elements.allSatisfy({ !$0.isEmpty && $0.utf8.count <= 128 && $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } })
        else { throw ValueProblem("is not a list of names with commas between them") }
        return elements
    }

    private static func modelName(_ text: String) throws(ValueProblem) {
        guard text.utf8.count <= 128, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw ValueProblem("is not a model's name")
        }
    }

    private static func whole(_ text: String, _ range: ClosedRange<Int>) throws(ValueProblem) -> Int {
        guard let number = DecimalText.parse(text.utf8), range.contains(number) else {
            throw ValueProblem("is not a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private static func number(
        _ name: String, _ syntax: String, _ help: String, _ path: any WritableKeyPath<KeyOptions, Int?> & Sendable,
        _ range: ClosedRange<Int>, parse: @escaping @Sendable (String) -> Int? = { DecimalText.parse($0.utf8) },
        text: @escaping @Sendable (Int) -> String = { String($0) }
    ) -> KeyOption {
        KeyOption(
            name: name, syntax: syntax, help: help,
            take: { (value, options) throws(ValueProblem) in
                guard let number = parse(value), range.contains(number) else {
                    throw ValueProblem("is not a number from \(text(range.lowerBound)) to \(text(range.upperBound))")
                }
                options[keyPath: path] = number
            }, clear: { $0[keyPath: path] = nil }, text: { $0[keyPath: path].map(text) })
    }

    /// Days and times in UTC; `isEnd` takes a day to its end.
    private static func time(
        _ name: String, _ help: String, _ path: any WritableKeyPath<KeyOptions, Int?> & Sendable, isEnd: Bool
    ) -> KeyOption {
        KeyOption(
            name: name, syntax: "YYYY-MM-DD | YYYY-MM-DDTHH:MM:SSZ", help: help,
            take: { (text, options) throws(ValueProblem) in
                if let day = Timestamp.date(text) {
                    options[keyPath: path] = day.unixSeconds + (isEnd ? 86_400 : 0)
                } else if let seconds = Timestamp.seconds(rfc3339: text) {
                    options[keyPath: path] = seconds
                } else {
                    throw ValueProblem("is neither a day as 2026-12-31 nor a time as 2026-12-31T18:00:00Z")
                }
            }, clear: { $0[keyPath: path] = nil }, text: { $0[keyPath: path].map(Timestamp.rfc3339) })
    }
}
