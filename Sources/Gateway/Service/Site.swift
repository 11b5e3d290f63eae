import ClaudeCLI
import HTTP
import Ledger
import Platform
import Synchronization
import TLS

/// What all loops share for as long as the service lives. Everything in it may be used from any thread.
final class Site: Sendable {
    let log: Log
    let limiter: ConnectionLimiter
    let admission: Admission
    /// Stored responses; nil when none are stored.
    let ledger: Ledger?
    /// Large stored responses on their way to clients; those who find no place come again.
    let largeAnswers = Places(8)
    /// What needs the operator now.
    let problems = Problems()
    /// Where turns wait for a CLI that was replaced.
    let cliWatch = CLIWatch()
    let login = LoginBoard()
    /// Processes of the CLI between two turns.
    let processes = ProcessStore()
    let started = Instant.now
    private let current: Mutex<Snapshot>
    private let changes = Atomic(0)

    init(_ snapshot: Snapshot, log: Log, ledger: Ledger? = nil) {
        self.log = log
        self.ledger = ledger
        limiter = ConnectionLimiter(snapshot.connectionLimits)
        admission = Admission(snapshot.turnLimits)
        current = Mutex(snapshot)
        processes.change(ProcessStore.Limits(snapshot.configuration))
    }

    /// What is configured now; a request keeps the one it began with.
    var snapshot: Snapshot { current.withLock { $0 } }

    /// Takes a new configuration for everything that begins from now on.
    func replace(_ snapshot: Snapshot) {
        limiter.change(snapshot.connectionLimits)
        admission.change(snapshot.turnLimits)
        current.withLock { $0 = snapshot }
        processes.change(ProcessStore.Limits(snapshot.configuration))
        endForeignProcesses(snapshot)
        changes.add(1, ordering: .relaxed)
        login.lookAnew()
    }

    /// Takes another CLI for everything that begins from now on.
    func replace(cli: TriedCLI) {
        let snapshot = current.withLock { current in
            current = Snapshot(current, cli: cli)
            return current
        }
        endForeignProcesses(snapshot)
        changes.add(1, ordering: .relaxed)
    }

    /// Ends what no turn will use any more: processes of keys that are gone, and of another CLI.
    private func endForeignProcesses(_ snapshot: Snapshot) {
        let kind = snapshot.cli.file.map { snapshot.supply.kind(of: $0) }
        processes.keepOnly({ snapshot.keys.knows($0) }, kind: kind)
    }

    /// Another number whenever something that `/health` tells has changed, but for load and time.
    var generation: Int { problems.generation &+ changes.load(ordering: .relaxed) }
}

/// One loaded configuration with everything read and built for it; a reload makes a new one or none.
final class Snapshot: Sendable {
    let configuration: Configuration
    let keys: KeyRing
    let models: ModelCatalog
    /// Nil when plain HTTP is spoken.
    let tls: TLSContext?
    let supply: CLISupply
    /// The MCP servers that requests may switch on.
    let servers: MCPRegistry
    /// The CLI that was tried.
    let cli: TriedCLI
    let httpLimits: HTTPLimits
    let http2Limits: HTTP2Limits
    /// What is known of the usage limits of the account behind the CLI.
    let quota: QuotaBook

    /// A snapshot that takes the place of `old`, whose knowledge of the account it keeps while the account is the same.
    init(
        _ configuration: Configuration, keys: KeyRing, tls: TLSContext?, supply: CLISupply,
        servers: MCPRegistry = .none, cli: TriedCLI, after old: Snapshot? = nil
    ) {
        self.configuration = configuration
        self.keys = keys
        self.tls = tls
        self.supply = supply
        self.servers = servers
        self.cli = cli
        models = ModelCatalog(configuration.models)
        httpLimits = HTTPLimits(configuration.limits)
        http2Limits = HTTP2Limits(configuration.limits)
        let account = supply.invocation.account
        quota = old.flatMap { $0.supply.invocation.account == account ? $0.quota : nil } ?? QuotaBook()
    }

    /// The same, with another CLI.
    fileprivate convenience init(_ other: Snapshot, cli: TriedCLI) {
        self.init(
            other.configuration, keys: other.keys, tls: other.tls, supply: other.supply, servers: other.servers,
            cli: cli, after: other)
    }

    /// True while the program that turns would run is the one that was tried.
    var isCLIUnchanged: Bool {
        guard let file = cli.file else { return false }
        return ProgramFile(path: supply.invocation.path) == file
    }

    var connectionLimits: ConnectionLimiter.Limits {
        let limits = configuration.limits
        return ConnectionLimiter.Limits(
            total: limits.maxConnections, perNetwork: limits.maxConnectionsPerAddress,
            unauthenticatedPerNetwork: limits.maxUnauthenticatedPerAddress)
    }

    var turnLimits: Admission.Limits {
        let turns = configuration.turns
        return Admission.Limits(
            running: turns.maxRunning, waiting: turns.maxWaiting, waitMilliseconds: .seconds(turns.waitSeconds))
    }
}

extension HTTPLimits {
    init(_ limits: Limits) {
        self.init()
        requestLineBytes = limits.maxRequestLineBytes
        fieldBytes = limits.maxHeaderBytes
        headBytes = limits.maxHeadBytes
        fieldCount = limits.maxHeaders
        bodyBytes = limits.maxBodyBytes
        chunkExtensionBytes = limits.maxChunkExtensionBytes
        chunkExtensionTotalBytes = limits.maxChunkExtensionsBytes
        trailerBytes = limits.maxTrailerBytes
    }
}

extension HTTP2Limits {
    init(_ limits: Limits) {
        self.init()
        concurrentStreams = limits.http2MaxStreams
        streamWindowBytes = limits.http2StreamWindowBytes
        // Streams whose bodies wait for a permit must not take the window from those that have one.
        let sumOfWindows = (limits.http2MaxStreams + 1) * limits.http2StreamWindowBytes
        connectionWindowBytes = max(limits.http2ConnectionWindowBytes, sumOfWindows)
        resetsPerTenSeconds = limits.http2MaxResets
        idleFramesPerTenSeconds = limits.http2MaxControlFrames
    }
}
