import ClaudeCLI
import HTTP
import Platform
import Server
import TLS

/// One loaded configuration with everything read and built for it; a reload makes a new one or none.
///
/// It is made of values, or of what is only read; nothing in it has an end that somebody must wait for, since the last
/// request that keeps it lets it go on its own loop. What it refers to beyond that, the quota book and the directories
/// of turns, is handed on from one to the next.
final class Snapshot: Sendable {
    let configuration: Configuration
    let models: ModelCatalog
    /// Nil when plain HTTP is spoken.
    let tls: TLSContext?
    let supply: CLISupply
    /// The MCP servers that requests may switch on.
    let servers: MCPRegistry
    /// The CLI that was tried.
    let cli: TriedCLI
    let wire: WireLimits
    /// What every answer tells browsers for their own good.
    let protection: ResponseFields
    /// What is known of the usage limits of the account behind the CLI.
    let quota: QuotaBook

    /// A snapshot that takes the place of `old`, whose knowledge of the account it keeps while the account is the same.
    init(
        _ configuration: Configuration, tls: TLSContext?, supply: CLISupply,
        servers: MCPRegistry = .none, cli: TriedCLI, after old: Snapshot? = nil
    ) {
        self.configuration = configuration
        self.tls = tls
        self.supply = supply
        self.servers = servers
        self.cli = cli
        models = ModelCatalog(configuration.models)
        wire = WireLimits(configuration.limits)
        protection = .protection(configuration)
        let account = supply.profile.account
        quota = old.flatMap { $0.supply.profile.account == account ? $0.quota : nil } ?? QuotaBook()
    }

    /// The same, with another CLI.
    convenience init(_ other: Snapshot, cli: TriedCLI) {
        self.init(
            other.configuration, tls: other.tls, supply: other.supply, servers: other.servers,
            cli: cli, after: other)
    }

    /// The same, with other certificates.
    convenience init(_ other: Snapshot, tls: TLSContext?) {
        self.init(
            other.configuration, tls: tls, supply: other.supply, servers: other.servers,
            cli: other.cli, after: other)
    }

    /// True while the program that turns would run is the one that was tried.
    var isCLIUnchanged: Bool {
        guard let file = cli.file else { return false }
        return ProgramFile(path: supply.profile.path) == file
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
