/// What the command line asks for.
enum Command: Sendable, Equatable {
    /// Serve with these options.
    case serve(options: [String])
    /// Validate these options and all they name.
    case check(options: [String])
    /// Have the running service load everything anew.
    case reload(options: [String])
    /// Change or show the keys of the ledger.
    case key(KeyCommand)
    /// Show what administrators did.
    case audit(AuditCommand)
    /// Tell what keys have used.
    case report(arguments: [String])
    /// Print a new key.
    case newKey(name: String)
    /// Print the help text, or the README's table.
    case help(asMarkdown: Bool)
    /// Print how keys are administered and which options they have, or the README's table of these.
    case keyHelp(asMarkdown: Bool)
    /// Print how one subcommand is used.
    case usage(of: Subcommand)
    /// Say what there is, since nothing was asked for.
    case nothing
    /// Print the version.
    case version

    /// Parses the arguments after the program's name; the fault belongs to status 64 (`EX_USAGE`).
    init(_ arguments: [String]) throws(ConfigurationFault) {
        guard let word = arguments.first else {
            self = .nothing
            return
        }
        let rest = Array(arguments.dropFirst())
        guard let subcommand = Subcommand(word) else { throw Self.unknown(word) }
        let asksForHelp = rest.contains("--help") || rest.contains("-h")
        let asksForVersion = rest.contains("--version") || rest.contains("-V")
        switch subcommand {
        case .key where asksForHelp: self = .keyHelp(asMarkdown: false)
        case _ where asksForHelp: self = subcommand.hasOptions ? .help(asMarkdown: false) : .usage(of: subcommand)
        case _ where asksForVersion: self = .version
        case .serve: self = .serve(options: rest)
        case .check: self = .check(options: rest)
        case .reload: self = .reload(options: rest)
        case .key: self = .key(try KeyCommand(rest))
        case .audit: self = .audit(try AuditCommand(rest))
        case .usage: self = .report(arguments: rest)
        case .newKey:
            guard rest.count == 1, APIKey.isName(rest[0]) else {
                throw ConfigurationFault(
                    "new-key", "needs one NAME of letters, digits, '.', '_' and '-', at most 64")
            }
            self = .newKey(name: rest[0])
        case .help: self = try Self.help(rest)
        case .version: self = .version
        }
    }

    private static func help(_ rest: [String]) throws(ConfigurationFault) -> Command {
        guard let topic = rest.first else { return .help(asMarkdown: false) }
        if topic == "--markdown" { return .help(asMarkdown: true) }
        guard let subcommand = Subcommand(topic) else { throw unknown(topic) }
        if subcommand == .key { return .keyHelp(asMarkdown: rest.dropFirst().first == "--markdown") }
        return subcommand.hasOptions ? .help(asMarkdown: false) : .usage(of: subcommand)
    }

    private static func unknown(_ word: String) -> ConfigurationFault {
        let names = Subcommand.allCases.map(\.rawValue)
        let bare = String(word.lowercased().drop { $0 == "-" })
        if let meant = Suggestion.nearest(to: bare, among: names) {
            return ConfigurationFault(quoted(word), "is no command; did you mean \(meant)?")
        }
        let list = names.joined(separator: ", ")
        guard word.hasPrefix("-") else { return ConfigurationFault(quoted(word), "is no command: \(list)") }
        return ConfigurationFault(quoted(word), "is no command; options stand behind one: \(list)")
    }
}

/// The words that may stand behind the program's name.
enum Subcommand: String, Sendable, CaseIterable {
    case serve
    case check
    case reload
    case key
    case audit
    case usage
    case newKey = "new-key"
    case help
    case version

    /// Understands the flags that stand for a word as well.
    init?(_ word: String) {
        switch word {
        case "--help", "-h": self = .help
        case "--version", "-V": self = .version
        default: self.init(rawValue: word)
        }
    }

    /// True when all settings can be given behind it.
    var hasOptions: Bool { [.serve, .check, .reload].contains(self) }

    /// What stands behind it.
    var arguments: String {
        switch self {
        case .serve, .check, .reload: "[OPTIONS]"
        case .key: "ACT …"
        case .audit: "[--json] [COUNT]"
        case .usage: "[--by WHAT] [OPTIONS]"
        case .newKey: "NAME"
        case .help: "[COMMAND] [--markdown]"
        case .version: ""
        }
    }

    /// What it does, in a few words.
    var summary: String {
        switch self {
        case .serve: "serve until SIGTERM; SIGHUP reloads"
        case .check: "validate everything; 0, or 78 and one line per fault"
        case .reload: "have the running service load them anew; 0, or 78"
        case .key: "keys: add, list, show, set, rotate, disable, remove"
        case .audit: "what administrators did, the newest first"
        case .usage: "what keys have used; --help tells more"
        case .newKey: "print a new key as a line for the API key file"
        case .help: "all options, the table of the README, or one command"
        case .version: "print the version"
        }
    }

    /// One line: how it is written, and what it does.
    var usage: String {
        let written = "portcullis \(rawValue) \(arguments)"
        return "\(written)\(String(repeating: " ", count: max(1, 40 - written.count)))\(summary)"
    }

    /// A line for each.
    static var usages: String {
        allCases.enumerated().map { "\($0 == 0 ? "usage: " : "       ")\($1.usage)" }.joined(separator: "\n")
    }
}
