import Platform
import Vocabulary

extension Setting.Reader {
    /// A path, made absolute by the finishing step.
    static func path(_ syntax: String, _ field: Setting.Field<String>) -> Self {
        Self(syntax: syntax, fallback: "", tell: { $0[keyPath: field] }) { (configuration, text) throws(ValueProblem) in
            configuration[keyPath: field] = text
        }
    }

    /// A path that may be left out.
    static func optionalPath(_ syntax: String, _ field: Setting.Field<String?>) -> Self {
        .text(syntax, field)
    }

    /// Several paths.
    static func paths(_ syntax: String, _ field: Setting.Field<[String]>) -> Self {
        .list(syntax, field) { (text, _) throws(ValueProblem) in text }
    }

    /// A number of bytes, or 0 for none of what it bounds.
    static func sizeOrNone(_ range: ClosedRange<Int>, _ field: Setting.Field<Int>) -> Self {
        var reader = Self.size(range, field)
        let apply = reader.apply
        reader.apply = { (configuration, text) throws(ValueProblem) in
            if text == "0" { configuration[keyPath: field] = 0 } else { try apply(&configuration, text) }
        }
        return reader
    }

    /// How hard models are to think.
    static var effort: Self {
        let words = Effort.allCases.map(\.rawValue)
        return Self(syntax: words.joined(separator: "|"), fallback: "") { (configuration, text) throws(ValueProblem) in
            guard let effort = Effort(rawValue: text) else {
                throw ValueProblem("\(quoted(text)) is none of \(words.joined(separator: ", "))")
            }
            configuration.models.defaultEffort = effort
        }
    }

    /// The words that `LogLevel` understands.
    static var logLevel: Self {
        Self(
            syntax: LogLevel.allCases.map(\.name).joined(separator: "|"),
            fallback: Configuration().logging.level.name
        ) { (configuration, text) throws(ValueProblem) in
            configuration.logging.level = try Checks.level(text)
        }
    }

    /// Where to listen.
    static var listeners: Self {
        .list(
            "HOST:PORT | [IPv6]:PORT | unix:/PATH", \.listeners,
            fallback: Configuration().listeners.map(\.description).joined(separator: ",")
        ) { (text, _) throws(ValueProblem) in
            guard let address = ListenAddress(text, allowsNames: true) else {
                throw ValueProblem("\(quoted(text)) is not HOST:PORT, [IPv6]:PORT or unix:/path")
            }
            return address
        }
    }

    /// Where those who watch the service may ask without a key.
    static var watchAddress: Self {
        Self(syntax: "HOST:PORT | [IPv6]:PORT | unix:/PATH", fallback: "") { (configuration, text) throws(ValueProblem) in
            guard let address = ListenAddress(text) else {
                throw ValueProblem("\(quoted(text)) is not HOST:PORT, [IPv6]:PORT or unix:/path")
            }
            guard address.isLocal else {
                throw ValueProblem("\(quoted(text)) can be reached from other machines; write 127.0.0.1, [::1] or unix:/path")
            }
            configuration.metrics.listener = address
        }
    }

    /// Addresses and ranges of them.
    static func addressRanges(_ field: Setting.Field<[AddressRange]>) -> Self {
        .list("ADDRESS | ADDRESS/BITS | unix", field) { (text, _) throws(ValueProblem) in
            guard let range = AddressRange(text) else {
                throw ValueProblem("\(quoted(text)) is no address as 10.0.0.1 or ::1, no range as 10.0.0.0/8, and not unix")
            }
            return range
        }
    }

    /// Keys given by value.
    static var inlineKeys: Self {
        .list("KEY,…", \.keys.inline, isSecret: true) { (text, index) throws(ValueProblem) in
            guard var key = APIKey(name: "env-\(index + 1)", secret: text) else {
                throw ValueProblem(
                    "key \(index + 1) is not 1 to \(APIKey.maxSecretBytes) printable ASCII characters")
            }
            key.isNameless = true
            return key
        }
    }

    /// Model names of the operator's own.
    static var aliases: Self {
        .list("NAME=MODEL,…", \.models.aliases) { (text, _) throws(ValueProblem) in
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let name = ModelName.trimmed(parts[0]),
                let target = ModelName.trimmed(parts[1])
            else { throw ValueProblem("\(quoted(text)) is not NAME=MODEL") }
            return ModelAlias(name: name, target: target)
        }
    }

    /// Names that the service may be called by.
    static var hosts: Self {
        .list("HOST,…", \.hosts.allowed) { (text, _) throws(ValueProblem) in try HostPolicy.entry(text) }
    }

    /// `*`, `none` or origins.
    static var origins: Self {
        Self(
            syntax: "* | none | ORIGIN,…", fallback: "*", isList: true, clear: { $0.cors = .origins([]) }
        ) { (configuration, text) throws(ValueProblem) in try configuration.cors.add(text) }
    }
}

/// Checks of single values.
enum Checks {
    @Sendable static func model(_ text: String) throws(ValueProblem) {
        guard ModelName.isValid(text) else {
            throw ValueProblem(
                "\(quoted(text)) is not a model name: 1 to \(ModelName.maxBytes) printable ASCII characters")
        }
    }

    @Sendable static func host(_ text: String) throws(ValueProblem) {
        guard ListenAddress(host: bracketed(text), port: "0", allowsNames: true) != nil else {
            throw ValueProblem("\(quoted(text)) is neither an IPv4 or IPv6 address nor a host name")
        }
    }

    /// A shell's own `HOST` is the name of the machine, or what it is built of.
    @Sendable static func literalHost(_ text: String) throws(ValueProblem) {
        guard ListenAddress(host: bracketed(text), port: "0") != nil else {
            throw ValueProblem("\(quoted(text)) is not an IPv4 or IPv6 address or localhost")
        }
    }

    @Sendable static func logLevel(_ text: String) throws(ValueProblem) { _ = try level(text) }

    /// The level, by our word for it or that of other programs.
    static func level(_ text: String) throws(ValueProblem) -> LogLevel {
        let word = text.lowercased()
        if let level = LogLevel(name: word) { return level }
        switch word {
        case "err", "crit", "critical", "fatal", "alert", "emerg", "panic": return .error
        case "warn": return .warning
        case "notice", "information", "informational": return .info
        case "trace", "verbose", "all": return .debug
        default: throw ValueProblem("\(quoted(text)) is none of error, warning, info, debug")
        }
    }

    @Sendable static func port(_ text: String) throws(ValueProblem) {
        guard let port = DecimalText.parse(text.utf8), port <= 65_535 else {
            throw ValueProblem("\(quoted(text)) is not a port from 0 to 65535")
        }
    }

    /// An IPv6 address with the brackets that `HOST` does not need.
    static func bracketed(_ host: String) -> Substring {
        host.contains(":") && !host.hasPrefix("[") ? "[\(host)]"[...] : host[...]
    }
}
