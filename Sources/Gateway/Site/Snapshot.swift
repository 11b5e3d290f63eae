import ClaudeCLI
import HTTP
import Platform
import Server
import TLS

/// One loaded configuration with everything read and built for it; a reload makes a new one or none.
///
/// It is made of values, or of what is only read; nothing in it has an end that somebody must wait for, since the last
/// request that keeps it lets it go on its own loop. What it refers to beyond that, what is known of accounts and the
/// directories of turns, is handed on from one to the next.
final class Snapshot: Sendable {
    let configuration: Configuration
    let models: ModelCatalog
    /// Nil when plain HTTP is spoken.
    let tls: TLSContext?
    /// The logins of the CLI.
    let accounts: Accounts
    /// The MCP servers that requests may switch on.
    let servers: MCPRegistry
    /// Where the CLI's own tools may work.
    let workspaces: WorkspaceRegistry
    /// The CLI that was tried.
    let cli: TriedCLI
    let wire: WireLimits
    /// What every answer tells browsers for their own good.
    let protection: ResponseFields

    init(
        _ configuration: Configuration, tls: TLSContext?, accounts: Accounts, servers: MCPRegistry = .none,
        workspaces: WorkspaceRegistry = .none, cli: TriedCLI
    ) {
        self.configuration = configuration
        self.tls = tls
        self.accounts = accounts
        self.servers = servers
        self.workspaces = workspaces
        self.cli = cli
        models = ModelCatalog(configuration.models, hasAgent: !workspaces.isEmpty)
        wire = WireLimits(configuration.limits)
        protection = .protection(configuration)
    }

    /// The same, with another CLI.
    convenience init(_ other: Snapshot, cli: TriedCLI) {
        self.init(
            other.configuration, tls: other.tls, accounts: other.accounts, servers: other.servers, workspaces: other.workspaces,
            cli: cli)
    }

    /// The same, with other certificates.
    convenience init(_ other: Snapshot, tls: TLSContext?) {
        self.init(
            other.configuration, tls: tls, accounts: other.accounts, servers: other.servers, workspaces: other.workspaces,
            cli: other.cli)
    }

    /// The CLI's program.
    var program: String { accounts.standard.supply.profile.path }

    /// The bounds of turns, whichever account they use.
    var turnBounds: CLILimits { accounts.standard.supply.limits }

    /// How processes that would serve turns are started now; none while the CLI must be tried.
    var kinds: Set<LaunchKind> {
        guard let file = cli.file else { return [] }
        return Set(accounts.all.map { $0.supply.kind(of: file) })
    }

    /// What the CLI's names of models stand for in an account.
    func modelNames(of account: Account) -> [String: String] { cli.modelNames(naming: account.supply.profile.modelVariables) }

    /// True while the program that turns would run is the one that was tried.
    var isCLIUnchanged: Bool {
        guard let file = cli.file else { return false }
        return ProgramFile(path: program) == file
    }

    var connectionLimits: ConnectionLimiter.Limits {
        let limits = configuration.limits
        return ConnectionLimiter.Limits(
            total: configuration.connectionRoom(descriptors: CurrentProcess.raiseOpenFiles()), perNetwork: limits.maxConnectionsPerAddress,
            unauthenticatedPerNetwork: limits.maxUnauthenticatedPerAddress)
    }

    var turnLimits: Admission.Limits {
        let turns = configuration.turns
        return Admission.Limits(
            running: turns.maxRunning, waiting: turns.maxWaiting, waitMilliseconds: .seconds(turns.waitSeconds))
    }
}
