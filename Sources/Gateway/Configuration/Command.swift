/// What the command line asks for.
enum Command: Sendable, Equatable {
    /// Serve with these options.
    case serve(options: [String])
    /// Validate these options and all they name.
    case check(options: [String])
    /// Have the running service load everything anew.
    case reload(options: [String])
    /// Print a new key.
    case newKey(name: String)
    /// Print the help text, or the README's table.
    case help(asMarkdown: Bool)
    /// Print the version.
    case version

    /// Parses the arguments after the program's name; the fault belongs to status 64 (`EX_USAGE`).
    init(_ arguments: [String]) throws(ConfigurationFault) {
        let rest = Array(arguments.dropFirst())
        if rest.contains("--help") || rest.contains("-h") {
            self = .help(asMarkdown: false)
            return
        }
        switch arguments.first {
        case "serve": self = .serve(options: rest)
        case "check": self = .check(options: rest)
        case "reload": self = .reload(options: rest)
        case "new-key":
            guard rest.count == 1, APIKey.isName(rest[0]) else {
                throw ConfigurationFault(
                    "new-key", "needs one NAME of letters, digits, '.', '_' and '-', at most 64")
            }
            self = .newKey(name: rest[0])
        case "help", "--help", "-h": self = .help(asMarkdown: rest == ["--markdown"])
        case "version", "--version": self = .version
        case let other:
            throw ConfigurationFault(
                other.map(quoted) ?? "portcullis",
                "\(other == nil ? "needs a command" : "is no command"): serve, check, reload, new-key, help, version")
        }
    }
}
