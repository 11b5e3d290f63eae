import Platform
import Relay

/// What all connections of the proxy share. Confined to its loop.
final class EgressRoom {
    let loop: EventLoop
    let table: TokenTable<EgressPass>
    let limits: EgressLimits
    let isPublic: @Sendable (PeerAddress) -> Bool
    private var connections = 0
    /// Connections that have shown no token yet, the oldest first.
    private var strangers: [EgressConnection] = []
    private var runs: [ObjectIdentifier: Run] = [:]

    /// What the connections of one run share: with names of its own, none can keep another from having names looked up.
    private struct Run {
        let lookup: HostLookup
        var connections = 0
    }

    init(
        on loop: EventLoop, table: TokenTable<EgressPass>, limits: EgressLimits, isPublic: @escaping @Sendable (PeerAddress) -> Bool
    ) {
        self.loop = loop
        self.table = table
        self.limits = limits
        self.isPublic = isPublic
    }

    /// Makes room for one more, by the end of the oldest that has shown no token; false where all have.
    func admit() -> Bool {
        guard connections >= limits.connections else { return true }
        guard !strangers.isEmpty else { return false }
        strangers.removeFirst().giveWay()
        return true
    }

    func begin(_ connection: EgressConnection) {
        connections += 1
        strangers.append(connection)
    }

    /// The names of a run one of whose connections has shown its token; nil where it has too many.
    func enter(_ pass: EgressPass, _ connection: EgressConnection) -> HostLookup? {
        strangers.removeAll { $0 === connection }
        var run = runs[ObjectIdentifier(pass)] ?? Run(lookup: HostLookup(on: loop))
        guard run.connections < limits.connectionsOfRun else { return nil }
        run.connections += 1
        runs[ObjectIdentifier(pass)] = run
        return run.lookup
    }

    func end(_ connection: EgressConnection, of pass: EgressPass?) {
        connections -= 1
        strangers.removeAll { $0 === connection }
        guard let pass else { return }
        runs[ObjectIdentifier(pass)]?.connections -= 1
        if runs[ObjectIdentifier(pass)]?.connections == 0 { runs[ObjectIdentifier(pass)] = nil }
    }
}
