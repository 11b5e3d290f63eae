/// What the command line asks for.
enum Command: Sendable, Equatable {
    /// Serve with these options.
    case serve(options: [String])
    /// Validate these options and all they name.
    case check(options: [String])
    /// Have the running service load everything anew.
    case reload(options: [String])
    /// Have the running service go on as a new process of the program that is installed now.
    case upgrade(options: [String])
    /// Change or show the keys of the ledger.
    case key(KeyCommand)
    /// Show what administrators did.
    case audit(AuditCommand)
    /// Tell what keys have used.
    case report(arguments: [String])
    /// Print requests for a program that sends them by hand.
    case collection(CollectionCommand)
    /// Print a new key.
    case newKey(name: String)
    /// Print the help text, or it in another form.
    case help(HelpForm)
    /// Print how keys are administered and which options they have, or the table of these in `deploy/docs/keys.md`.
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
        let asksForVersion = rest.contains("--version") || rest.contains("-V") || rest.contains("-v")
        switch subcommand {
        case .key where asksForHelp: self = .keyHelp(asMarkdown: false)
        case _ where asksForHelp: self = subcommand.hasOptions ? .help(.text) : .usage(of: subcommand)
        case _ where asksForVersion: self = .version
        case .serve: self = .serve(options: rest)
        case .check: self = .check(options: rest)
        case .reload: self = .reload(options: rest)
        case .upgrade: self = .upgrade(options: rest)
        case .key: self = .key(try KeyCommand(rest))
        case .audit: self = .audit(try AuditCommand(rest))
        case .usage: self = .report(arguments: rest)
        case .collection: self = .collection(try CollectionCommand(rest))
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
        guard let topic = rest.first else { return .help(.text) }
        if topic.hasPrefix("--") {
            guard let form = HelpForm(rest) else {
                let shells = ShellCompletion.allCases.map(\.rawValue).joined(separator: "|")
                throw ConfigurationFault("help", "has the forms --markdown, --man, --other-wrappers and --completion \(shells)")
            }
            return .help(form)
        }
        guard let subcommand = Subcommand(topic) else { throw unknown(topic) }
        if subcommand == .key { return .keyHelp(asMarkdown: rest.dropFirst().first == "--markdown") }
        return subcommand.hasOptions ? .help(.text) : .usage(of: subcommand)
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

/// A form of the help text.
enum HelpForm: Sendable, Equatable {
    case text
    /// The tables of `deploy/docs/settings.md`.
    case markdown
    /// The README's table.
    case briefMarkdown
    /// The manual page.
    case manual
    /// The tables of names that other wrappers have.
    case otherWrappers
    /// A file for a shell.
    case completion(ShellCompletion)

    /// The form that these flags stand for; nil for none.
    init?(_ flags: [String]) {
        switch flags.count {
        case 1 where flags[0] == "--markdown": self = .markdown
        case 2 where flags == ["--markdown", "--brief"]: self = .briefMarkdown
        case 1 where flags[0] == "--man": self = .manual
        case 1 where flags[0] == "--other-wrappers": self = .otherWrappers
        case 2 where flags[0] == "--completion":
            guard let shell = ShellCompletion(rawValue: flags[1]) else { return nil }
            self = .completion(shell)
        default: return nil
        }
    }

    /// The text in this form, without the last line's end.
    var content: String {
        let content =
            switch self {
            case .text: Configuration.helpText()
            case .markdown: Configuration.referenceMarkdown()
            case .briefMarkdown: Configuration.briefMarkdown()
            case .manual: ManualPage.text
            case .otherWrappers: OtherWrappers.markdown
            case .completion(let shell): shell.text
            }
        return content.hasSuffix("\n") ? String(content.dropLast()) : content
    }
}

/// The words that may stand behind the program's name.
enum Subcommand: String, Sendable, CaseIterable {
    case serve
    case check
    case reload
    case upgrade
    case key
    case audit
    case usage
    case collection
    case newKey = "new-key"
    case help
    case version

    /// Understands the flags that stand for a word as well.
    init?(_ word: String) {
        switch word {
        case "--help", "-h": self = .help
        case "--version", "-V", "-v": self = .version
        default: self.init(rawValue: word)
        }
    }

    /// True when all settings can be given behind it.
    var hasOptions: Bool { [.serve, .check, .reload, .upgrade].contains(self) }

    /// What stands behind it.
    var arguments: String {
        switch self {
        case .serve, .check, .reload, .upgrade: "[OPTIONS]"
        case .key: "ACT …"
        case .audit: "[--json] [COUNT]"
        case .usage: "[--by WHAT] [OPTIONS]"
        case .collection: RequestCollection.allCases.map(\.rawValue).joined(separator: "|") + " [URL]"
        case .newKey: "NAME"
        case .help: "[COMMAND]"
        case .version: ""
        }
    }

    /// What it does, in a few words.
    var summary: String {
        switch self {
        case .serve: "serve until SIGTERM; SIGHUP reloads"
        case .check: "validate everything; 0, or 78 and one line per fault"
        case .reload: "have the running service load them anew; 0, or 78"
        case .upgrade: "have a new process of it take over; 0, or 78"
        case .key: "keys: add, list, show, set, rotate, disable, remove"
        case .audit: "what administrators did, the newest first"
        case .usage: "what keys have used; --help tells more"
        case .collection: "print requests to import in that program"
        case .newKey: "print a new key as a line for the API key file"
        case .help: "all options, one command, --man or --completion SHELL"
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
