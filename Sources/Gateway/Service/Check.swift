import Glibc
import Platform

/// What `portcullis check`, start and reload find out about all that a configuration names.
struct Check: Sendable, Equatable {
    /// What is wrong; empty when the service can start.
    private(set) var faults: [ConfigurationFault] = []
    /// What the operator should know: one line each, without secrets.
    private(set) var notes: [String] = []
    /// What works, but is probably not meant so: one line each, without secrets.
    private(set) var warnings: [String] = []

    /// Parses a chain and its key.
    typealias CertificateProblem = (
        CertificatePair, _ chain: borrowing SecretBytes, _ key: borrowing SecretBytes
    ) -> String?

    /// Reads keys, certificates and the CLI's environment, and tries the state directory.
    ///
    /// `certificateProblem` parses a chain and its key and says what is wrong with them, as nil or one line
    /// without content. The CLI itself is not run.
    init(
        _ configuration: Configuration,
        certificateProblem: CertificateProblem
    ) {
        checkKeys(configuration.keys, asksForCertificates: configuration.tls.clientAuthorityFile != nil)
        if !configuration.isPlaintext {
            for pair in configuration.tls.certificates { check(pair, certificateProblem) }
        }
        checkCLI(configuration.cli, configuration.accounts, configuration.models)
        if let fault = StateDirectory.prepare(configuration.stateDirectory) { faults.append(fault) }
        checkServers(configuration)
        checkSandbox(configuration.sandbox)
        checkRelay(configuration)
        let turns = configuration.turns
        let room = configuration.connectionRoom(descriptors: CurrentProcess.raiseOpenFiles())
        if room < configuration.limits.maxConnections {
            warnings.append("MAX_CONNECTIONS is \(room): the process may have no more descriptors, see LimitNOFILE")
        }
        notes.append("at most \(turns.maxRunning) turns at once, \(turns.maxWaiting) waiting")
        notes += configuration.processes.notes
    }

    private mutating func checkKeys(_ settings: KeySettings, asksForCertificates: Bool) {
        do throws(ConfigurationFaults) {
            let keys = try settings.loadKeys()
            let names = keys.map(\.name).joined(separator: ", ")
            notes.append(keys.isEmpty ? "no API keys" : "\(keys.count) API keys: \(names)")
            for key in keys where key.options.needsCertificate && !asksForCertificates {
                warnings.append("key \(key.name) needs a client certificate, but CLIENT_CA asks for none: it opens nothing")
            }
            for key in keys {
                guard let weakness = key.weakness else { continue }
                warnings.append("key \(key.name) \(weakness); taken because only this machine can connect")
            }
        } catch {
            faults += error.faults
        }
        if !settings.isRequired { warnings.append("keys are not required: everybody on this machine may ask") }
    }

    private mutating func checkSandbox(_ settings: SandboxSettings) {
        if let fault = settings.fault() { faults.append(fault) }
        let state = SandboxState(settings)
        if state.word == .none { warnings.append(state.note) } else { notes.append(state.note) }
    }

    private mutating func checkRelay(_ configuration: Configuration) {
        guard configuration.relaysCredentials else { return }
        notes.append("the CLI's credentials stay in the gateway: children are given tokens in their place")
        guard configuration.sandbox.mode == .off else { return }
        warnings.append("CREDENTIAL_RELAY without walls (SANDBOX=off): children can read the files of the credentials")
    }

    private mutating func checkServers(_ configuration: Configuration) {
        do throws(ConfigurationFaults) {
            // Which variables are hidden from servers does not matter here.
            let registry = try MCPRegistry.load(configuration.mcp, hiding: [])
            let workspaces = try WorkspaceRegistry.load(configuration.workspaces, apartFrom: configuration.sandbox.hidden)
            if let keys = try? configuration.keys.loadKeys() {
                try GrantedNames(registry, configuration.accounts, workspaces).check(keys)
            }
            if !workspaces.isEmpty { notes.append(workspaces.summary) }
            faults += workspaces.objections(hasWalls: configuration.sandbox.mode != .off)
            if faults.isEmpty { warnings += workspaces.shortcomings }
            guard configuration.mcp.file != nil else { return }
            notes.append(registry.summary)
            notes += registry.notes
        } catch {
            faults += error.faults
        }
    }

    private mutating func check(
        _ pair: CertificatePair,
        _ problem: CertificateProblem
    ) {
        do throws(FileFault) {
            let chain = try SecretFile.read(
                pair.certificateFile, .readableByAll, maximumBytes: CertificatePair.maximumBytes)
            let key = try SecretFile.read(pair.keyFile, .secret, maximumBytes: CertificatePair.maximumBytes)
            if let problem = problem(pair, chain, key) {
                faults.append(ConfigurationFault("TLS_CERTIFICATE", problem))
            } else {
                notes.append("certificate \(pair.certificateFile)")
            }
        } catch {
            let place = error.path == pair.keyFile ? "TLS_KEY" : "TLS_CERTIFICATE"
            faults.append(ConfigurationFault(place, error.description))
        }
    }

    private mutating func checkCLI(_ settings: CLISettings, _ accounts: AccountSettings, _ models: ModelSettings) {
        notes.append("claude is \(settings.path)")
        do throws(ConfigurationFaults) {
            let environment = try CLIEnvironment.load(settings)
            faults += models.problems(hasOtherModels: environment.hasOtherModels).faults
            notes.append("its login is \(environment.login.description)")
            for place in accounts.places {
                let login = try CLIEnvironment.load(place, beside: environment).login
                notes.append("the login of account \(place.name) is \(login.description)")
            }
        } catch {
            faults += error.faults
        }
    }
}

extension CertificatePair {
    /// No chain and no key is larger.
    static let maximumBytes = 1 << 20
}
