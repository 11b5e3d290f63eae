import ClaudeCLI
import Platform

/// The bytes of a configuration file.
struct ConfigurationFile: Sendable {
    /// Its content.
    var bytes: [UInt8]
    /// False when other users can read it; then it must not hold keys.
    var isPrivate: Bool

    /// Reads a file of at most 1 MiB; others may read it, but not write it.
    @Sendable static func read(_ path: String) throws(FileFault) -> ConfigurationFile {
        let content = try SecretFile.read(path, .readableByAll, maximumBytes: 1 << 20)
        return ConfigurationFile(
            bytes: content.copy, isPrivate: content.isPrivate)
    }
}

extension Configuration {
    /// Reads flags, then the environment, then the file they name; the first to give a setting wins.
    ///
    /// Finds all faults, not the first only. Reads no other file: ``Check`` and the loaders of keys and CLI
    /// environment do. `arguments` are those after the subcommand.
    static func load(
        arguments: [String], environment: [String: String],
        readFile: (String) throws(FileFault) -> ConfigurationFile = ConfigurationFile.read,
        machine: Machine = .current()
    ) throws(ConfigurationFaults) -> Configuration {
        var loader = loader(arguments, environment, readFile, machine)
        loader.readValues()
        loader.resolveListeners()
        loader.deriveDefaults()
        loader.validate()
        let warnings = loader.sources.warnings
        guard loader.faults.isEmpty else { throw ConfigurationFaults(loader.faults, warnings: warnings) }
        loader.configuration.warnings = warnings + loader.warnings
        return loader.configuration
    }

    /// The state directory and who may ask, of a configuration whose other parts may be faulty.
    static func loadForAdministration(
        arguments: [String], environment: [String: String],
        readFile: (String) throws(FileFault) -> ConfigurationFile = ConfigurationFile.read,
        machine: Machine = .current()
    ) throws(ConfigurationFaults) -> Configuration {
        var loader = loader(arguments, environment, readFile, machine)
        guard let configuration = loader.readForAdministration() else {
            throw ConfigurationFaults(loader.faults, warnings: loader.sources.warnings)
        }
        return configuration
    }

    private static func loader(
        _ arguments: [String], _ environment: [String: String],
        _ readFile: (String) throws(FileFault) -> ConfigurationFile, _ machine: Machine
    ) -> ConfigurationLoader {
        var sources = ConfigurationSources()
        sources.takeArguments(arguments)
        sources.takeEnvironment(environment)
        var fileFault: ConfigurationFault?
        if let file = sources.last("PORTCULLIS_CONFIG") {
            let path = machine.absolute(file.text)
            do throws(FileFault) {
                let content = try readFile(path)
                sources.takeFile(content.bytes, path: path, isPrivate: content.isPrivate)
            } catch {
                fileFault = ConfigurationFault(file.place, error.description)
            }
        }
        return ConfigurationLoader(
            sources: sources, environment: environment, machine: machine,
            faults: sources.faults + (fileFault.map { [$0] } ?? []))
    }
}

/// The steps from written values to a configuration that holds together.
private struct ConfigurationLoader {
    let sources: ConfigurationSources
    let environment: [String: String]
    let machine: Machine
    var faults: [ConfigurationFault]
    /// What becomes of a setting other than it says.
    var warnings: [String] = []
    var configuration = Configuration()

    /// What a command needs that changes something under the state directory: the directory and who may ask. What else is
    /// wrong, as a CLI that is being replaced, is no reason to keep a key.
    mutating func readForAdministration() -> Configuration? {
        readValues()
        guard faults.isEmpty else { return nil }
        deriveDefaults()
        configuration.keys.allowsWeakKeys = true
        return configuration
    }

    /// Reads every value by its row.
    mutating func readValues() {
        for setting in Setting.all {
            guard let values = sources.given[setting.name] else { continue }
            setting.reader.clear(&configuration)
            configuration.given[setting.name] = GivenSetting(values, isSecret: setting.reader.isSecret)
            for value in setting.reader.isList ? values[...] : values.suffix(1) {
                do throws(ValueProblem) {
                    try setting.reader(for: value.name).apply(&configuration, value.text)
                } catch {
                    faults.append(ConfigurationFault(value.place, error.text))
                }
            }
        }
        readHostAndPort()
    }

    /// `HOST` and `PORT` stand for one `LISTEN` address; of one source only one way of writing may be used.
    private mutating func readHostAndPort() {
        let (host, port) = (sources.last("HOST"), sources.last("PORT"))
        guard let first = host ?? port else { return }
        // A lower source's was not even taken.
        guard sources.last("LISTEN") == nil else {
            faults.append(ConfigurationFault(first.place, "says again what LISTEN says; give only one"))
            return
        }
        // Values that do not parse were reported when they were read.
        if let address = ListenAddress(
            host: Checks.bracketed(host?.text ?? "127.0.0.1"), port: (port?.text ?? "8443")[...], allowsNames: true)
        {
            configuration.listeners = [address]
        }
    }

    /// Puts addresses in the place of names, so that all that follows is decided on what will be bound.
    mutating func resolveListeners() {
        configuration.listeners = configuration.listeners.flatMap { listener -> [ListenAddress] in
            guard let name = listener.hostName, case .tcp(_, let port) = listener else { return [listener] }
            do throws(HostNameFault) {
                return try machine.addresses(name).map { .tcp(host: $0, port: port) }
            } catch {
                let written = (sources.given["LISTEN"] ?? []).first {
                    ListenAddress($0.text, allowsNames: true) == listener
                }
                faults.append(
                    ConfigurationFault(
                        (written ?? sources.last("HOST"))?.place ?? "LISTEN", "\(quoted(name)) \(error.problem)"))
                return []
            }
        }
    }

    /// Fills in what depends on the machine and on other settings.
    mutating func deriveDefaults() {
        let written = environment["HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
        let home = written ?? machine.homeDirectory ?? "/"
        if configuration.stateDirectory.isEmpty { configuration.stateDirectory = defaultStateDirectory(home) }
        if configuration.cli.configDirectory.isEmpty {
            configuration.cli.configDirectory = home == "/" ? "/.claude" : "\(home)/.claude"
        }
        configuration.stateDirectory = machine.absolute(configuration.stateDirectory)
        configuration.cli.configDirectory = machine.absolute(configuration.cli.configDirectory)
        configuration.cli.environmentFile = configuration.cli.environmentFile.map(machine.absolute)
        for index in configuration.accounts.places.indices {
            configuration.accounts.places[index].path = machine.absolute(configuration.accounts.places[index].path)
        }
        configuration.keys.file = configuration.keys.file.map(machine.absolute)
        configuration.mcp.file = configuration.mcp.file.map(machine.absolute)
        configuration.workspaces.file = configuration.workspaces.file.map(machine.absolute)
        configuration.workspaces.directory = configuration.workspaces.directory.map(machine.absolute)
        configuration.tls.certificateFiles = configuration.tls.certificateFiles.map(machine.absolute)
        configuration.tls.keyFiles = configuration.tls.keyFiles.map(machine.absolute)
        configuration.tls.ocspFiles = configuration.tls.ocspFiles.map { $0 == TLSSettings.noFile ? $0 : machine.absolute($0) }
        configuration.tls.clientAuthorityFile = configuration.tls.clientAuthorityFile.map(machine.absolute)
        // It is the host's name that is remembered, and localhost is everybody's.
        if sources.given["HSTS_SECONDS"] == nil, configuration.isLocalOnly { configuration.tls.strictTransportSeconds = 0 }
        configuration.logging.journalStream = environment["JOURNAL_STREAM"]
        configuration.logging.keepsRecent = configuration.servesConsole
        configuration.keys.allowsWeakKeys = configuration.isLocalOnly
        // Without keys any web page that the operator visits could spend his login.
        if !configuration.keys.isRequired, sources.given["CORS_ORIGIN"] == nil {
            configuration.cors = .nobody
        }
        hideFromChildren()
        findCLI()
        deriveTurns()
        deriveProcesses()
    }

    /// What is the gateway's alone, whether it is there yet or not.
    private mutating func hideFromChildren() {
        configuration.sandbox.paths = configuration.sandbox.paths.map(machine.absolute)
        let files = [configuration.cli.environmentFile, configuration.keys.file, configuration.mcp.file, configuration.workspaces.file]
        let settings = sources.last("PORTCULLIS_CONFIG").map { machine.absolute($0.text) }
        configuration.sandbox.hidden =
            [configuration.stateDirectory] + configuration.tls.keyFiles
            + (files + [settings, environment["CREDENTIALS_DIRECTORY"], runtimeDirectory]).compactMap(\.self)
        configuration.runtimeDirectory = runtimeDirectory
    }

    /// The private directory in memory that a service manager gives.
    private var runtimeDirectory: String? {
        environment["RUNTIME_DIRECTORY"]?.split(separator: ":").first.map(String.init)
    }

    private func defaultStateDirectory(_ home: String) -> String {
        // systemd separates several directories by colons.
        if let first = environment["STATE_DIRECTORY"]?.split(separator: ":").first { return String(first) }
        if machine.isRoot { return "/var/lib/portcullis" }
        if let base = environment["XDG_STATE_HOME"], base.hasPrefix("/") { return "\(base)/portcullis" }
        return home == "/" ? "/.local/state/portcullis" : "\(home)/.local/state/portcullis"
    }

    /// Takes a program named with a slash as it is, and searches PATH for others.
    ///
    /// Links are kept, so that a CLI that updates itself is found again.
    private mutating func findCLI() {
        let written = sources.last("CLAUDE_PATH")
        let name = written?.text ?? "claude"
        guard name.contains("/") else {
            let directories = (environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
            for directory in directories where directory.hasPrefix("/") {
                let path = "\(directory)/\(name)"
                guard machine.isExecutable(path) else { continue }
                configuration.cli.path = path
                return
            }
            faults.append(
                ConfigurationFault(
                    written?.place ?? "CLAUDE_PATH",
                    "no program \(quoted(name)) on PATH; install the Claude Code CLI or name it"))
            return
        }
        configuration.cli.path = machine.absolute(name)
        if !machine.isExecutable(configuration.cli.path) {
            faults.append(
                ConfigurationFault(
                    written?.place ?? "CLAUDE_PATH", "\(quoted(name)) is not a program that may be run"))
        }
    }

    private mutating func deriveTurns() {
        if sources.given["MAX_TURNS"] == nil {
            configuration.turns.maxRunning = TurnSettings.defaultRunning(
                cores: machine.cores, memoryBytes: machine.memoryBytes)
        }
        if sources.given["MAX_WAITING_TURNS"] == nil {
            configuration.turns.maxWaiting = 2 * configuration.turns.maxRunning
        }
    }

    private mutating func deriveProcesses() {
        let maxRunning = configuration.turns.maxRunning
        let hasKeys = configuration.keys.isRequired
        if sources.given["CHILD_MEMORY_BYTES"] == nil {
            configuration.processes.childBytes = ProcessSettings.defaultChildBytes(memoryBytes: machine.memoryBytes)
        }
        if sources.given["MAX_IDLE_PROCESSES"] == nil {
            configuration.processes.maxIdle = ProcessSettings.defaultIdle(
                memoryBytes: machine.memoryBytes, maxRunning: maxRunning)
        }
        // One caller stands for all: in a process that was emptied the words of strangers would meet.
        if !hasKeys, configuration.processes.reuse == .key {
            configuration.processes.reuse = .conversation
            if let written = sources.last("REUSE_PROCESSES") {
                warnings.append("\(written.place): is conversation, since without keys everybody is one caller")
            }
        }
        if configuration.processes.reuse == .off { configuration.processes.maxIdle = 0 }
        let maxIdle = configuration.processes.maxIdle
        if maxIdle == 0 { configuration.processes.reuse = .off }
        if sources.given["MAX_IDLE_PROCESSES_PER_KEY"] == nil {
            configuration.processes.maxIdlePerKey = ProcessSettings.defaultIdlePerKey(
                maxIdle: maxIdle, hasKeys: hasKeys)
        }
        configuration.processes.maxIdlePerKey = min(configuration.processes.maxIdlePerKey, maxIdle)
        configuration.processes.maxTotal = ProcessSettings.total(
            memoryBytes: machine.memoryBytes, maxRunning: maxRunning, maxIdle: maxIdle)
    }

    /// Rules between settings.
    mutating func validate() {
        validateListeners()
        validateKeys()
        validateTLS()
        validateProxies()
        validateModels()
        validateAccounts()
        let limits = configuration.limits
        if limits.maxHeadBytes < limits.maxHeaderBytes {
            faults.append(ConfigurationFault("MAX_HEAD_BYTES", "is less than MAX_HEADER_BYTES"))
        }
        if limits.http2ConnectionWindowBytes < limits.http2StreamWindowBytes {
            faults.append(
                ConfigurationFault("HTTP2_CONNECTION_WINDOW_BYTES", "is less than HTTP2_STREAM_WINDOW_BYTES"))
        }
    }

    private mutating func validateListeners() {
        for (index, listener) in configuration.listeners.enumerated() {
            if case .tcp(_, 0) = listener { continue }
            if configuration.listeners[..<index].contains(listener) {
                faults.append(ConfigurationFault("LISTEN", "\(listener) is given twice"))
            }
        }
        if let own = configuration.metrics.listener, configuration.listeners.contains(own), own.hasFixedPlace {
            faults.append(
                ConfigurationFault(sources.last("METRICS_LISTEN")?.place ?? "METRICS_LISTEN", "\(own) is also in LISTEN"))
        }
        guard configuration.isPlaintext else { return }
        for listener in configuration.listeners where !listener.isLocal {
            faults.append(
                ConfigurationFault(
                    sources.last("PLAINTEXT")?.place ?? "PLAINTEXT",
                    "\(listener) can be reached from other machines; only loopback may be plain"))
        }
    }

    private mutating func validateKeys() {
        let keys = configuration.keys
        if !keys.isRequired, let open = configuration.listeners.first(where: { !$0.isLocal }) {
            faults.append(
                ConfigurationFault(
                    sources.last("REQUIRE_AUTH")?.place ?? "REQUIRE_AUTH",
                    "\(open) can be reached from other machines; keys are needed there"))
        }
    }

    private mutating func validateTLS() {
        let tls = configuration.tls
        guard !configuration.isPlaintext else { return }
        if tls.certificateFiles.isEmpty {
            faults.append(
                ConfigurationFault(
                    "TLS_CERTIFICATE",
                    "no certificate; name one and its TLS_KEY, or use --plaintext on loopback"))
        } else if tls.certificateFiles.count != tls.keyFiles.count {
            let counts = "\(tls.certificateFiles.count) certificates but \(tls.keyFiles.count) keys"
            faults.append(ConfigurationFault("TLS_KEY", "\(counts); each needs its own, in the same order"))
        }
        if !tls.ocspFiles.isEmpty, tls.ocspFiles.count != tls.certificateFiles.count {
            let counts = "\(tls.certificateFiles.count) certificates but \(tls.ocspFiles.count) responses"
            faults.append(ConfigurationFault("TLS_OCSP", "\(counts); give one for each, in the same order, or 'none'"))
        }
    }

    private mutating func validateProxies() {
        let proxies = configuration.proxies
        if proxies.header != .off, proxies.trusted.isEmpty {
            faults.append(
                ConfigurationFault(
                    sources.last("PROXY_PROTOCOL")?.place ?? "PROXY_PROTOCOL",
                    "needs TRUSTED_PROXIES: nobody else may begin with a header"))
        }
        for range in proxies.trusted where range.isEverything {
            warnings.append(
                "\(sources.last("TRUSTED_PROXIES")?.place ?? "TRUSTED_PROXIES"): \(range) is everybody, so that every "
                    + "client may name any address as its own")
        }
    }

    private mutating func validateAccounts() {
        let accounts = configuration.accounts
        var seen: Set<String> = []
        for place in accounts.places where !seen.insert(place.name).inserted {
            faults.append(
                ConfigurationFault(sources.last("ACCOUNTS")?.place ?? "ACCOUNTS", "\(quoted(place.name)) is given twice"))
        }
        if let unknown = accounts.unknown(in: accounts.usual) {
            faults.append(
                ConfigurationFault(
                    sources.last("DEFAULT_ACCOUNT")?.place ?? "DEFAULT_ACCOUNT",
                    "\(quoted(unknown)) is no account of ACCOUNTS, nor `default`"))
        }
    }

    private mutating func validateModels() {
        let models = configuration.models
        var seen: Set<String> = []
        for alias in models.aliases where !seen.insert(alias.name).inserted {
            faults.append(
                ConfigurationFault(
                    sources.last("MODEL_ALIASES")?.place ?? "MODEL_ALIASES",
                    "\(quoted(alias.name)) is given twice"))
        }
        let hasWorkspaces = configuration.workspaces.file != nil || configuration.workspaces.directory != nil
        for alias in models.aliases where alias.target == ModelCatalog.agentName && !hasWorkspaces {
            faults.append(
                ConfigurationFault(
                    sources.last("MODEL_ALIASES")?.place ?? "MODEL_ALIASES",
                    "\(quoted(alias.name)) leads to \(ModelCatalog.agentName), which needs WORKSPACES or WORKSPACE_DIR"))
        }
        let catalog = ModelCatalog(ModelSettings(aliases: models.aliases), hasAgent: hasWorkspaces)
        if let model = models.defaultModel, catalog.target(of: model) == nil {
            faults.append(
                ConfigurationFault(
                    sources.last("DEFAULT_MODEL")?.place ?? "DEFAULT_MODEL",
                    "\(quoted(model)) is no alias, no full claude- name and not in MODEL_ALIASES"
                        + (ModelName.nearest(to: model, and: models.aliases.map(\.name)).map {
                            "; did you mean \($0)?"
                        } ?? "")))
        }
    }
}

extension ListenAddress {
    /// False where the kernel chooses the port.
    fileprivate var hasFixedPlace: Bool {
        if case .tcp(_, 0) = self { return false }
        return true
    }
}

extension TurnSettings {
    /// 16 turns per core, since a turn mostly waits for the vendor; at most three quarters of the memory at
    /// the 200 MiB that a process may take.
    static func defaultRunning(cores: Int, memoryBytes: Int) -> Int {
        max(1, min(16 * cores, memoryBytes / 4 * 3 / ProcessSettings.processBytes))
    }
}
