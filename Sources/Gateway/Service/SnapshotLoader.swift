import ClaudeCLI
import Egress
import Ledger
import Platform
import TLS
import Vocabulary

/// Reads everything a configuration names and builds a snapshot of it, or says all that is wrong: start, reload and
/// `portcullis check` are the same up to here.
struct SnapshotLoader {
    /// The flags after the subcommand, and the environment.
    let options: [String]
    let environment: [String: String]
    private let names = HostNameMemory()

    init(options: [String], environment: [String: String]) {
        self.options = options
        self.environment = environment
    }

    /// What was read.
    struct Loaded {
        var configuration: Configuration
        /// What was found, one line each, for the operator.
        var notes: [String]
        /// What works, but is probably not meant so.
        var warnings: [String]
        /// The certificates that are shown to clients; none with plain HTTP.
        var certificates: [LoadedCertificate]
        /// Looks after the files that they came from.
        var certificateFiles: FileWatch
        /// The settings' keys, until they are in force; their secrets are not kept longer.
        var keys: [APIKey]
        fileprivate var tls: TLSContext?
        /// What children of each account are given, the standard one first.
        fileprivate var environments: [(account: String, content: CLIEnvironment)]
        /// The logins whose credentials stay in the gateway, by their accounts.
        fileprivate var relayed: [String: RelayedLogin]
        fileprivate var servers: MCPRegistry
        fileprivate(set) var workspaces: WorkspaceRegistry

        /// Without any key nobody could ask: that is not meant so.
        func checkKeys(stored: Int) throws(ConfigurationFaults) {
            guard configuration.keys.isRequired, keys.isEmpty, stored == 0 else { return }
            throw ConfigurationFaults(
                [ConfigurationFault("API_KEYS_FILE", "no keys; 'portcullis key add NAME' makes one")],
                warnings: configuration.warnings)
        }

        /// What an operator should know of keys of the ledger.
        func warnings(of stored: [StoredKey]) -> [String] {
            stored.warnings(configured: Set(keys.map(\.name)), in: GrantedNames(servers, configuration.accounts, workspaces))
        }
    }

    /// The settings alone; nothing that they name is looked at. The program `served` need not be there at the moment: it
    /// may be being replaced, which is no reason to keep an old key.
    func configuration(served: String? = nil) throws(ConfigurationFaults) -> Configuration {
        var machine = Machine.current(names)
        let isExecutable = machine.isExecutable
        machine.isExecutable = { $0 == served || isExecutable($0) }
        return try Configuration.load(arguments: options, environment: environment, machine: machine)
    }

    /// The settings that an administrative command needs; others may be faulty.
    func configurationForAdministration() throws(ConfigurationFaults) -> Configuration {
        try Configuration.loadForAdministration(
            arguments: options, environment: environment, machine: Machine.current(names))
    }

    /// Everything short of running the CLI.
    func load(served: String? = nil) throws(ConfigurationFaults) -> Loaded {
        var configuration = try configuration(served: served)
        var certificates: [LoadedCertificate] = []
        // Before they are read: what is replaced from here on is a change.
        let files = FileWatch(configuration.isPlaintext ? [] : configuration.tls.files)
        let check = Check(configuration) { pair, chain, key in
            Self.add(pair, chain, key, to: &certificates)
        }
        var warnings = configuration.warnings + check.warnings
        guard check.faults.isEmpty else { throw ConfigurationFaults(check.faults, warnings: warnings) }
        configuration.stateDirectory = StateDirectory.resolved(configuration.stateDirectory)
        let standard = try CLIEnvironment.load(configuration.cli)
        var environments = [(account: AccountSettings.standard, content: standard)]
        for place in configuration.accounts.places {
            environments.append((place.name, try CLIEnvironment.load(place, beside: standard)))
        }
        for environment in environments { warnings += environment.content.warnings }
        let hasOtherModels = environments.contains { $0.content.hasOtherModels }
        warnings += configuration.models.problems(hasOtherModels: hasOtherModels).warnings
        if !configuration.isPlaintext {
            warnings += try TLSFiles.staples(configuration.tls, certificates.map(\.identity)).warnings
        }
        warnings += Self.exposed(configuration, environments.map(\.content))
        let hidden = Set(environments.flatMap(\.content.hiddenFromServers)).sorted()
        return Loaded(
            configuration: configuration, notes: check.notes, warnings: warnings, certificates: certificates,
            certificateFiles: files,
            keys: try configuration.keys.loadKeys(),
            tls: try Self.context(configuration, certificates.map(\.identity)),
            environments: environments, relayed: try Self.relayed(configuration, environments), servers: try MCPRegistry.load(configuration.mcp, hiding: hidden),
            workspaces: try WorkspaceRegistry.load(configuration.workspaces, apartFrom: configuration.sandbox.hidden))
    }

    /// Completes the snapshot. A CLI that is new to us is tried first, on a running loop; one that `old` was served by
    /// is not, even where its file was replaced meanwhile: turns find that out, and new keys need not wait for it.
    static func snapshot(
        of loaded: Loaded, directories: TurnDirectories, relay: RelayDoor? = nil, egress: EgressProxy? = nil, on loop: EventLoop,
        after old: Snapshot? = nil
    ) async throws(ConfigurationFaults) -> Snapshot {
        let settings = loaded.configuration.cli
        let known = old.flatMap {
            $0.cli.carried(
                from: $0.configuration.cli, to: settings, naming: naming(of: loaded), others: otherNamings(of: loaded))
        }
        let cli = if let known { known } else { try await trial(of: loaded, on: loop) }
        let accounts = loaded.environments.map { name, environment in
            var profile = profile(of: loaded, environment)
            // Equal ones are one: processes and turns hold the walls that they began with, through any number of reloads.
            if let walls = old?.accounts[name]?.supply.profile.walls, walls == profile.walls { profile.walls = walls }
            profile.standIn = loaded.relayed[name].flatMap { login in relay?.standIn(for: login) }
            return Account(
                name, supply: CLISupply(profile, limits: limits(of: loaded), directories: directories),
                after: old?.accounts[name])
        }
        return Snapshot(
            loaded.configuration, tls: loaded.tls,
            accounts: Accounts(accounts[0], Array(accounts.dropFirst()), usual: loaded.configuration.accounts.usual),
            servers: loaded.servers, workspaces: try loaded.workspaces.grounded(
                in: loaded.configuration.stateDirectory, opening: EgressDoor.opener(egress)), cli: cli)
    }

    /// Asks the CLI for its version and tries it.
    static func trial(of loaded: Loaded, on loop: EventLoop) async throws(ConfigurationFaults) -> TriedCLI {
        // Looked at first: one that is replaced from here on is another one.
        let file = ProgramFile(path: loaded.configuration.cli.path)
        let version = try await version(of: loaded, on: loop)
        let report = await selfTest(of: loaded, version: version, on: loop)
        var names: [[String]: ModelNames] = [:]
        if case .tested = report.outcome {
            names = await SelfTest.names(
                path: loaded.configuration.cli.path, state: loaded.configuration.stateDirectory,
                namings: otherNamings(of: loaded), within: walls(of: loaded, loaded.environments[0].content), on: loop)
        }
        return TriedCLI(file: file, version: version, selfTest: report, naming: naming(of: loaded), otherNames: names)
    }

    /// Tries the CLI, or remembers what an earlier trial of the same one came to.
    static func selfTest(
        of loaded: Loaded, version: String, on loop: EventLoop
    ) async -> SelfTestReport {
        let configuration = loaded.configuration
        let (mode, path, state) = (configuration.cli.selfTest, configuration.cli.path, configuration.stateDirectory)
        guard mode != .off else { return .off }
        let memory = SelfTestMemory(state: state)
        let file = ProgramFile(path: path)
        let naming = naming(of: loaded)
        let walls = walls(of: loaded, loaded.environments[0].content)
        let identity = file.map { CLIIdentity($0, version: version, naming: naming, within: walls) }
        if mode == .auto, let identity, let report = memory.recall(identity) { return report }
        let report = await SelfTest.run(path: path, state: state, naming: naming, within: walls, on: loop)
        if let identity, let file, file.isUnchanged { memory.keep(report, of: identity) }
        return report
    }

    /// The variables by which the operator changes what the CLI's names of models stand for.
    static func naming(of loaded: Loaded) -> [String]? { profile(of: loaded).modelVariables }

    /// The same of other accounts, where it is something else.
    static func otherNamings(of loaded: Loaded) -> Set<[String]> {
        let all = loaded.environments.dropFirst().compactMap { profile(of: loaded, $0.content).modelVariables }
        return Set(all).subtracting([naming(of: loaded)].compactMap { $0 })
    }

    /// What the CLI says of itself; nothing but `--version` is asked of it.
    static func version(of loaded: Loaded, on loop: EventLoop) async throws(ConfigurationFaults) -> String {
        do throws(Fault) {
            return try await CLIVersion.of(profile(of: loaded), limits: limits(of: loaded), on: loop)
        } catch {
            let path = loaded.configuration.cli.path
            throw ConfigurationFaults([
                ConfigurationFault("CLAUDE_PATH", "\(path): \(error.message) \(error.detail)")
            ])
        }
    }

    /// What is known of the CLI's logins, which this process's user must be able to use.
    static func logins(of loaded: Loaded, version: String, on loop: EventLoop) async -> [(account: String, state: LoginState)] {
        let usual = loaded.configuration.accounts.usual
        var logins: [(account: String, state: LoginState)] = []
        for (name, environment) in loaded.environments where name != AccountSettings.standard || usual.contains(name) {
            let state = await LoginLook.look(
                profile(of: loaded, environment), of: Account.variablesFile(of: name), version: version,
                stateDirectory: loaded.configuration.stateDirectory, on: loop)
            logins.append((name, state))
        }
        return logins
    }

    private static func limits(of loaded: Loaded) -> CLILimits {
        let cli = loaded.configuration.cli
        var limits = CLILimits()
        limits.requestMilliseconds = cli.requestTimeoutMilliseconds
        limits.maxRetries = cli.maxRetries
        limits.stallSeconds = cli.stallTimeoutSeconds
        limits.serverStartMilliseconds = loaded.configuration.mcp.startTimeoutMilliseconds
        return limits
    }

    /// Where turns keep their files; made once for the service's life.
    static func directories(of loaded: Loaded, isSuccessor: Bool) throws(ConfigurationFaults) -> TurnDirectories {
        do throws(Fault) {
            let directories = try TurnDirectories(state: loaded.configuration.stateDirectory, isSuccessor: isSuccessor)
            if let spare = loaded.configuration.runtimeDirectory { directories.useSpare(in: spare) }
            return directories
        } catch {
            throw ConfigurationFaults([ConfigurationFault("STATE_DIR", error.detail)])
        }
    }

    /// What was stored by earlier runs. A file that is damaged stops the start: to go on with an empty one would forget
    /// what clients were told is kept.
    static func ledger(of loaded: Loaded, isShared: Bool) throws(ConfigurationFaults) -> Ledger {
        do throws(LedgerFault) {
            return try Ledger(path: ledgerPath(of: loaded), isShared: isShared)
        } catch {
            throw fault(error, loaded)
        }
    }

    /// What is stored, in lines for the operator, and what of it needs him. Faults are those of the start.
    static func ledgerNotes(
        of loaded: Loaded
    ) throws(ConfigurationFaults) -> (notes: [String], warnings: [String]) {
        let contents: LedgerContents?
        do throws(LedgerFault) { contents = try Ledger.inspect(path: ledgerPath(of: loaded)) } catch {
            throw fault(error, loaded)
        }
        let keys = contents?.keys ?? []
        try loaded.checkKeys(stored: keys.count)
        let responses = contents.map { "\($0.responses) stored responses, their file is sound" }
        return (
            ["\(keys.count) keys of the ledger", responses ?? "no stored responses yet"], loaded.warnings(of: keys)
        )
    }

    private static func ledgerPath(of loaded: Loaded) -> String {
        loaded.configuration.stateDirectory + "/ledger.sqlite"
    }

    static func fault(_ fault: LedgerFault, _ loaded: Loaded) -> ConfigurationFaults {
        let path = ledgerPath(of: loaded)
        let remedy =
            if case .damaged = fault { "restore it, or move it away to begin anew" } else {
                "look at its directory and disk"
            }
        return ConfigurationFaults([
            ConfigurationFault("STATE_DIR", "\(path) cannot be used: \(fault); \(remedy)")
        ])
    }

    private static func profile(of loaded: Loaded) -> LaunchProfile {
        profile(of: loaded, loaded.environments[0].content)
    }

    private static func profile(of loaded: Loaded, _ environment: CLIEnvironment) -> LaunchProfile {
        var profile = LaunchProfile(
            path: loaded.configuration.cli.path,
            operatorEnvironment: environment.variables.map { "\($0.name)=\($0.value)" },
            loginDirectory: environment.configDirectory)
        profile.hasServers = !loaded.servers.servers.isEmpty
        profile.walls = walls(of: loaded, environment)
        let bytes = loaded.configuration.processes.childBytes
        profile.bounds.memoryBytes = bytes > 0 ? bytes : nil
        if loaded.servers.servers.contains(where: { $0.reach == .program }) { profile.bounds.tasks = tasksWithPrograms }
        return profile
    }

    /// Programs start programs, and each runtime its threads for each processor.
    private static let tasksWithPrograms = 2048

    /// The walls of an account's turns: its own login is all that they see of any.
    private static func walls(of loaded: Loaded, _ environment: CLIEnvironment) -> WallPolicy? {
        let used: String? = if case .directory(let directory) = environment.login { directory } else { nil }
        let logins = loaded.environments.map(\.content.configDirectory) + loaded.configuration.accounts.places.map(\.path)
        return loaded.configuration.sandbox.policy(
            running: loaded.configuration.cli.path, for: loaded.servers.servers, hiding: logins.filter { $0 != used && !$0.isEmpty } + loaded.workspaces.workspaces.map(\.directory),
            isRelayed: loaded.configuration.relaysCredentials)
    }

    /// The logins that are relayed: all that turns may use. The standard one may be missing where no key is to use it.
    private static func relayed(
        _ configuration: Configuration, _ environments: [(account: String, content: CLIEnvironment)]
    ) throws(ConfigurationFaults) -> [String: RelayedLogin] {
        guard configuration.relaysCredentials else { return [:] }
        var relayed: [String: RelayedLogin] = [:]
        for (name, environment) in environments {
            if name == AccountSettings.standard, !configuration.accounts.usual.contains(name), case .directory = environment.login {
                continue
            }
            relayed[name] = try RelayedLogin(environment, of: name)
        }
        return relayed
    }

    /// What children see of the gateway's files, or of another account's login, because it lies in a login directory.
    private static func exposed(_ configuration: Configuration, _ environments: [CLIEnvironment]) -> [String] {
        guard configuration.sandbox.mode != .off else { return [] }
        let places = configuration.sandbox.hidden + configuration.accounts.places.map(\.path)
        return Set(environments.map(\.login)).flatMap { login -> [String] in
            guard case .directory(let directory) = login else { return [] }
            return Set(places).filter { $0.hasPrefix(directory + "/") }.map {
                "\($0) lies in \(directory), which the CLI of that login may read and write: keep it elsewhere"
            }
        }.sorted()
    }

    static func context(
        _ configuration: Configuration, _ identities: [TLSIdentity]
    ) throws(ConfigurationFaults) -> TLSContext? {
        guard !configuration.isPlaintext else { return nil }
        var policy = TLSContext.Policy()
        policy.allowsTLS12 = configuration.tls.minimumVersion == .tls12
        policy.clientAuthorities = try TLSFiles.authorities(configuration.tls)
        policy.staples = try TLSFiles.staples(configuration.tls, identities).staples
        do throws(TLSFault) {
            return try TLSContext(identities: identities, policy: policy)
        } catch {
            throw ConfigurationFaults([ConfigurationFault("TLS_CERTIFICATE", error.message)])
        }
    }

    /// Parses one pair; what is wrong with it, or nil.
    static func add(
        _ pair: CertificatePair, _ chain: borrowing SecretBytes, _ key: borrowing SecretBytes,
        to certificates: inout [LoadedCertificate]
    ) -> String? {
        do throws(TLSFault) {
            let identity = unsafe try key.withBytes { bytes throws(TLSFault) in
                unsafe try TLSIdentity(certificatePEM: chain.copy, key: bytes)
            }
            certificates.append(LoadedCertificate(file: pair.certificateFile, identity: identity))
            return nil
        } catch {
            return "\(pair.certificateFile): \(error.message)"
        }
    }
}
