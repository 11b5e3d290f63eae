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
        notes.append(
            "listening on \(configuration.listeners.map(\.description).joined(separator: ", "))"
                + (configuration.isPlaintext ? ", plain HTTP" : ""))
        checkKeys(configuration.keys)
        if !configuration.isPlaintext {
            for pair in configuration.tls.certificates { check(pair, certificateProblem) }
        }
        checkCLI(configuration.cli)
        if let fault = StateDirectory.prepare(configuration.stateDirectory) { faults.append(fault) }
        checkServers(configuration)
        note(configuration.models)
        let turns = configuration.turns
        notes.append("at most \(turns.maxRunning) turns at once, \(turns.maxWaiting) waiting")
    }

    /// Targets go to the CLI as they are, since cloud providers have names of their own; so do misspelt ones.
    private mutating func note(_ models: ModelSettings) {
        for alias in models.aliases where !ModelName.isKnownToCLI(alias.target) {
            warnings.append("model alias \(alias.name) leads to \(alias.target), no name of the CLI's own")
        }
    }

    private mutating func checkKeys(_ settings: KeySettings) {
        do throws(ConfigurationFaults) {
            let keys = try settings.loadKeys()
            let names = keys.map(\.name).joined(separator: ", ")
            notes.append(keys.isEmpty ? "no API keys" : "\(keys.count) API keys: \(names)")
            for key in keys {
                guard let weakness = key.weakness else { continue }
                warnings.append("key \(key.name) \(weakness); taken because only this machine can connect")
            }
        } catch {
            faults += error.faults
        }
        if !settings.isRequired { warnings.append("keys are not required: everybody on this machine may ask") }
    }

    private mutating func checkServers(_ configuration: Configuration) {
        do throws(ConfigurationFaults) {
            // Which variables are hidden from servers does not matter here.
            let registry = try MCPRegistry.load(configuration.mcp, hiding: [])
            if let keys = try? configuration.keys.loadKeys() { try registry.check(keys) }
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

    private mutating func checkCLI(_ settings: CLISettings) {
        notes.append("claude is \(settings.path)")
        do throws(ConfigurationFaults) {
            let environment = try CLIEnvironment.load(settings)
            notes.append("its login is \(environment.login.description)")
        } catch {
            faults += error.faults
        }
    }
}

extension CertificatePair {
    /// No chain and no key is larger.
    static let maximumBytes = 1 << 20
}

/// The directory for what must survive a restart.
enum StateDirectory {
    /// Makes the directory, mode 0700, with its parents, and tries whether files can be made in it.
    static func prepare(_ path: String) -> ConfigurationFault? {
        var made = ""
        for part in path.split(separator: "/") {
            made += "/\(part)"
            if unsafe mkdir(made, 0o700) != 0, errno != EEXIST, errno != EROFS, errno != EACCES {
                return ConfigurationFault("STATE_DIR", "\(made) cannot be made (error \(errno))")
            }
        }
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            return ConfigurationFault("STATE_DIR", "\(path) is no directory and cannot be made")
        }
        guard unsafe access(path, R_OK | W_OK | X_OK) == 0 else {
            return ConfigurationFault("STATE_DIR", "\(path) must not be written by this user")
        }
        guard status.st_mode & S_IWOTH == 0 else {
            return ConfigurationFault("STATE_DIR", "\(path) may be written by everybody; chmod 700")
        }
        return nil
    }

    /// Makes the directory this process's own to its end: two services in one would empty each other's turns.
    static func claim(_ path: String) throws(ConfigurationFaults) {
        let problem: String
        do throws(SystemError) {
            if try ProcessLock.hold(lock(path)) { return }
            problem = "is in use by another service; give each a directory of its own"
        } catch {
            problem = "cannot be locked, \(error.description)"
        }
        throw ConfigurationFaults([ConfigurationFault("STATE_DIR", "\(path) \(problem)")])
    }

    /// True when a running service has the directory.
    static func isInUse(_ path: String) -> Bool { ProcessLock.isHeld(lock(path)) }

    private static func lock(_ path: String) -> String { path + "/lock" }
}
