/// One thing an operator can choose: a row of the table that feeds the parser, `--help` and the documents.
struct Setting: Sendable {
    /// The chapters of the reference, in its order.
    enum Section: String, Sendable, CaseIterable {
        case general = "General"
        case listening = "Listening and TLS"
        case keys = "Keys"
        case cli = "The CLI"
        case models = "Models"
        case mcp = "MCP servers"
        case workspaces = "Workspaces"
        case turns = "Turns"
        case processes = "Living processes"
        case responses = "Stored responses"
        case conversations = "Conversations"
        case usage = "Usage and metrics"
        case logging = "Logging"
        case time = "Limits: time"
        case size = "Limits: size"
        case http2 = "Limits: HTTP/2"
        case connections = "Limits: connections"
    }

    /// The environment variable, and the name in a configuration file.
    let name: String
    /// Other variables that mean the same.
    let aliases: [String]
    /// Those by which similar programs mean the same.
    let foreign: [ForeignName]
    /// The flag; nil where a value on the command line would tell a secret.
    let flag: String?
    /// Where the reference lists it.
    let section: Section
    /// The default in words.
    let fallback: String
    /// One sentence.
    let help: String
    /// How a value is read and stored.
    let reader: Reader
    /// What a variable of this bare name must be to be taken for this setting; nil where only we use the name.
    ///
    /// Other programs set such variables too, so that one which fails this is theirs.
    let sharedCheck: (@Sendable (String) throws(ValueProblem) -> Void)?

    /// What may stand in front of every variable's name, so that it is nobody else's.
    static let prefix = "PORTCULLIS_"

    /// The name and its aliases.
    var names: [String] { [name] + aliases }

    /// The name, its aliases and the foreign names.
    var known: [String] { names + foreignNames.map(\.name) }

    /// What a value looks like, unit included.
    var syntax: String { reader.syntax }

    init(
        _ name: String, _ section: Section, _ reader: Reader, _ help: String, fallback: String? = nil,
        aliases: [String] = [], foreign: [ForeignName] = [], flag: String? = nil,
        shared: (@Sendable (String) throws(ValueProblem) -> Void)? = nil
    ) {
        self.name = name
        self.section = section
        self.reader = reader
        self.help = help
        self.fallback = fallback ?? reader.fallback
        self.aliases = aliases
        self.foreign = foreign
        sharedCheck = shared
        self.flag = reader.isSecret ? nil : flag ?? Self.flag(for: name)
    }

    /// `MAX_TURNS` as `--max-turns`.
    static func flag(for name: String) -> String {
        "--" + String(name.lowercased().map { $0 == "_" ? "-" : $0 })
    }

    /// `MAX_TURNS` as `PORTCULLIS_MAX_TURNS`.
    static func prefixed(_ name: String) -> String { name.hasPrefix(prefix) ? name : prefix + name }
}

extension Setting {
    /// How values are read and stored.
    struct Reader: Sendable {
        /// What a value looks like, unit included.
        var syntax: String
        /// The default in words.
        var fallback: String
        /// True when several values may be given.
        var isList = false
        /// True when a bare flag means `true`.
        var isSwitch = false
        /// True when a value must not be repeated in a message.
        var isSecret = false
        /// Takes the default away before the first value of a list.
        var clear: @Sendable (inout Configuration) -> Void = { _ in }
        /// The value in force as it would be written; nil where only what was given tells.
        var tell: @Sendable (Configuration) -> String? = { _ in nil }
        /// Reads one value.
        var apply: @Sendable (inout Configuration, String) throws(ValueProblem) -> Void
    }

    /// A field of the configuration.
    typealias Field<Value> = any WritableKeyPath<Configuration, Value> & Sendable
}

extension Setting.Reader {
    /// `true` or `false`.
    static func boolean(_ field: Setting.Field<Bool>) -> Self {
        Self(
            syntax: "true|false", fallback: String(Configuration()[keyPath: field]), isSwitch: true,
            tell: { String($0[keyPath: field]) }
        ) {
            (configuration, text) throws(ValueProblem) in
            switch text.lowercased() {
            case "true", "1", "yes", "on": configuration[keyPath: field] = true
            case "false", "0", "no", "off": configuration[keyPath: field] = false
            default: throw ValueProblem("\(quoted(text)) is neither true nor false")
            }
        }
    }

    /// A number with its unit; a time may be written in another one.
    static func whole(_ range: ClosedRange<Int>, _ unit: String, _ field: Setting.Field<Int>) -> Self {
        if let time = TimeUnit(rawValue: unit) { return .time(range, time, field) }
        return Self(
            syntax: unit, fallback: String(Configuration()[keyPath: field]), tell: { String($0[keyPath: field]) }
        ) {
            (configuration, text) throws(ValueProblem) in
            guard let value = DecimalText.parse(text.utf8), range.contains(value) else {
                let bounds = "from \(range.lowerBound) to \(range.upperBound)"
                throw ValueProblem("\(quoted(text)) is not a number of \(unit) \(bounds)")
            }
            configuration[keyPath: field] = value
        }
    }

    /// A part in hundredths, with or without the sign.
    static func percent(_ range: ClosedRange<Int>, _ field: Setting.Field<Int>) -> Self {
        Self(
            syntax: "percent", fallback: "\(Configuration()[keyPath: field])%", tell: { "\($0[keyPath: field])%" }
        ) { (configuration, text) throws(ValueProblem) in
            let digits = text.hasSuffix("%") ? text.dropLast() : text[...]
            guard let value = DecimalText.parse(digits.utf8), range.contains(value) else {
                throw ValueProblem("\(quoted(text)) is not a part from \(range.lowerBound)% to \(range.upperBound)%")
            }
            configuration[keyPath: field] = value
        }
    }

    /// A time in its setting's unit, or in another that makes a whole number of it.
    static func time(_ range: ClosedRange<Int>, _ unit: TimeUnit, _ field: Setting.Field<Int>) -> Self {
        Self(
            syntax: unit.rawValue, fallback: String(Configuration()[keyPath: field]), tell: { String($0[keyPath: field]) }
        ) {
            (configuration, text) throws(ValueProblem) in
            guard let value = DecimalText.parseTime(text, in: unit), range.contains(value) else {
                let bounds = "from \(range.lowerBound) to \(range.upperBound)"
                throw ValueProblem(
                    "\(quoted(text)) is not a whole number of \(unit.rawValue) \(bounds); write \(unit.examples)")
            }
            configuration[keyPath: field] = value
        }
    }

    /// A number of bytes, also as `64KiB`, `64k` or `10MB`.
    static func size(
        _ range: ClosedRange<Int>, _ field: Setting.Field<Int>, syntax: String = "bytes"
    ) -> Self {
        Self(
            syntax: syntax, fallback: DecimalText.size(Configuration()[keyPath: field]),
            tell: { DecimalText.size($0[keyPath: field]) }
        ) {
            (configuration, text) throws(ValueProblem) in
            guard let value = DecimalText.parseSize(text), range.contains(value) else {
                throw ValueProblem(
                    "\(quoted(text)) is not a size from \(DecimalText.size(range.lowerBound)) to "
                        + "\(DecimalText.size(range.upperBound)); write bytes, 64KiB or 10MB")
            }
            configuration[keyPath: field] = value
        }
    }

    /// One of a few words.
    static func choice<Word>(_ field: Setting.Field<Word>) -> Self
    where Word: CaseIterable & RawRepresentable<String> & SendableMetatype {
        let words = Word.allCases.map(\.rawValue)
        return Self(
            syntax: words.joined(separator: "|"), fallback: Configuration()[keyPath: field].rawValue,
            tell: { $0[keyPath: field].rawValue }
        ) { (configuration, text) throws(ValueProblem) in
            guard let word = Word(rawValue: text.lowercased()) else {
                throw ValueProblem("\(quoted(text)) is none of \(words.joined(separator: ", "))")
            }
            configuration[keyPath: field] = word
        }
    }

    /// Text with a check of its own.
    static func text(
        _ syntax: String, _ field: Setting.Field<String?>,
        check: @escaping @Sendable (String) throws(ValueProblem) -> Void = { (_) throws(ValueProblem) in }
    ) -> Self {
        Self(syntax: syntax, fallback: Configuration()[keyPath: field] ?? "", tell: { $0[keyPath: field] }) {
            (configuration, text) throws(ValueProblem) in
            try check(text)
            configuration[keyPath: field] = text
        }
    }

    /// A value that only the finishing step understands.
    static func deferred(
        _ syntax: String, check: @escaping @Sendable (String) throws(ValueProblem) -> Void
    ) -> Self {
        Self(syntax: syntax, fallback: "") { (_, text) throws(ValueProblem) in try check(text) }
    }

    /// Several values, each read by itself.
    static func list<Value>(
        _ syntax: String, _ field: Setting.Field<[Value]>, fallback: String = "", isSecret: Bool = false,
        parse: @escaping @Sendable (String, _ index: Int) throws(ValueProblem) -> Value
    ) -> Self {
        Self(
            syntax: syntax, fallback: fallback, isList: true, isSecret: isSecret,
            clear: { $0[keyPath: field] = [] }
        ) { (configuration, text) throws(ValueProblem) in
            configuration[keyPath: field].append(try parse(text, configuration[keyPath: field].count))
        }
    }
}
