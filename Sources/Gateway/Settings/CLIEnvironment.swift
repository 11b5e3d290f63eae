import Glibc

/// What every child is given beside what the gateway sets itself, and whose login that is.
struct CLIEnvironment: Sendable {
    /// The login that the CLI will use.
    enum Login: Sendable, Hashable {
        /// `ANTHROPIC_API_KEY`.
        case apiKey
        /// `ANTHROPIC_AUTH_TOKEN`.
        case authToken
        /// `CLAUDE_CODE_OAUTH_TOKEN`.
        case oauthToken
        /// A cloud provider's, switched on by this variable.
        case cloud(variable: String)
        /// The operator's own logged-in directory.
        case directory(String)

        /// In words, without its content.
        var description: String {
            switch self {
            case .apiKey: "an API key (ANTHROPIC_API_KEY)"
            case .authToken: "an auth token (ANTHROPIC_AUTH_TOKEN)"
            case .oauthToken: "an OAuth token (CLAUDE_CODE_OAUTH_TOKEN)"
            case .cloud(let variable): "a cloud provider's login (\(variable))"
            case .directory(let path): "the logged-in directory \(path)"
            }
        }
    }

    /// Names and values in the file's order.
    let variables: [(name: String, value: String)]
    /// Variables that the programs of MCP servers are not given: all but those of the network.
    var hiddenFromServers: [String] { variables.map(\.name).filter { !Self.isOfNetwork($0) } }

    /// True for variables that say nothing of a login, and how the vendor is reached.
    private static func isOfNetwork(_ name: String) -> Bool {
        ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"]
            .contains(name.uppercased())
    }

    /// The login that the CLI will use; with `.directory` no credential came with the file.
    let login: Login
    /// The directory of a login that the CLI uses where the variables bring none.
    let configDirectory: String
    /// What the operator should be warned of: one line each, without values.
    let warnings: [String]
    /// True when the CLI asks somebody else than the vendor, whose models may have any name.
    var hasOtherModels: Bool {
        variables.map(\.name).contains {
            $0.hasPrefix("CLAUDE_CODE_USE_") || $0.hasSuffix("_BASE_URL") || $0 == "ANTHROPIC_CUSTOM_MODEL_OPTION"
        }
    }

    /// The environment of a configuration; every fault of its file at once.
    static func load(_ settings: CLISettings) throws(ConfigurationFaults) -> CLIEnvironment {
        guard let path = settings.environmentFile else {
            return CLIEnvironment(variables: [], configDirectory: settings.configDirectory)
        }
        let variables = try read(path, for: "CLI_ENV_FILE")
        return CLIEnvironment(
            variables: variables, configDirectory: settings.configDirectory,
            warnings: CLIEnvironmentWarnings.of(variables, path: path))
    }

    /// The environment of another account: its own login, and of the `standard` one's variables those of the network. It
    /// never falls back to another login.
    static func load(
        _ account: AccountSettings.Place, beside standard: CLIEnvironment
    ) throws(ConfigurationFaults) -> CLIEnvironment {
        let shared = standard.variables.filter { isOfNetwork($0.name) }
        guard !isDirectory(account.path) else { return CLIEnvironment(variables: shared, configDirectory: account.path) }
        var own = try read(account.path, for: "ACCOUNTS", allowing: [directoryVariable])
        let directory = own.first { $0.name == directoryVariable }?.value
        own.removeAll { $0.name == directoryVariable }
        let names = Set(own.map(\.name))
        let environment = CLIEnvironment(
            variables: shared.filter { !names.contains($0.name) } + own, configDirectory: directory ?? "",
            warnings: CLIEnvironmentWarnings.of(own, path: account.path))
        if case .directory = environment.login, directory?.hasPrefix("/") != true {
            throw ConfigurationFaults([
                ConfigurationFault(
                    "ACCOUNTS",
                    "\(account.path) holds no login: neither a credential nor \(directoryVariable) with an absolute path")
            ])
        }
        return environment
    }

    private static let directoryVariable = "CLAUDE_CONFIG_DIR"

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func read(
        _ path: String, for setting: String, allowing extra: Set<String> = []
    ) throws(ConfigurationFaults) -> [(name: String, value: String)] {
        let content: SecretBytes
        do throws(FileFault) {
            content = try SecretFile.read(path, .secret, maximumBytes: 1 << 20)
        } catch {
            throw ConfigurationFaults([ConfigurationFault(setting, error.description)])
        }
        return try CLIEnvironmentFile.parse(content.copy, path: path, allowing: extra)
    }

    /// True when it holds a variable by which the CLI might be logged in although none that we know is one.
    var mayHoldAnotherLogin: Bool {
        variables.contains { name, _ in
            name != "ANTHROPIC_BASE_URL"
                && ["ANTHROPIC_", "CLAUDE_CODE_USE_", "AWS_"].contains { name.hasPrefix($0) }
        }
    }

    /// The environment of a profile, as `NAME=value`.
    init(_ pairs: [String], configDirectory: String) {
        self.init(
            variables: pairs.map { pair in
                let name = pair.prefix { $0 != "=" }
                return (String(name), String(pair.dropFirst(name.count + 1)))
            }, configDirectory: configDirectory)
    }

    init(variables: [(name: String, value: String)], configDirectory: String, warnings: [String] = []) {
        self.variables = variables
        self.warnings = warnings
        self.configDirectory = configDirectory
        let names = Set(variables.map(\.name))
        let clouds = [
            "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY", "CLAUDE_CODE_USE_MANTLE",
            "CLAUDE_CODE_USE_ANTHROPIC_AWS",
        ]
        if let cloud = clouds.first(where: names.contains) {
            login = .cloud(variable: cloud)
        } else if names.contains("ANTHROPIC_AUTH_TOKEN") {
            login = .authToken
        } else if names.contains("ANTHROPIC_API_KEY") {
            login = .apiKey
        } else if !names.isDisjoint(with: ["CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_OAUTH_REFRESH_TOKEN"]) {
            login = .oauthToken
        } else {
            login = .directory(configDirectory)
        }
    }
}
