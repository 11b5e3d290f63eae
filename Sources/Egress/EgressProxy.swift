package import Platform
import Relay

/// The way of runs into the internet: one port of loopback, served on one loop.
///
/// It knows a run by its token, looks names up itself, and connects to the address that it has checked and no other:
/// never to this machine, its neighbours or a cloud's metadata service, and for a workspace of some hosts to these alone.
package actor EgressProxy {
    package nonisolated let loop: EventLoop
    /// The port of 127.0.0.1.
    package nonisolated let port: UInt16
    private nonisolated let table = TokenTable<EgressPass>(prefix: "portcullis-run-")
    private let acceptor: Acceptor
    private let limits: EgressLimits
    private let isPublic: @Sendable (PeerAddress) -> Bool

    /// The loop.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    /// Listens; it is served from `start` on.
    package init(on loop: EventLoop, limits: EgressLimits = EgressLimits()) throws(SystemError) {
        try self.init(on: loop, limits: limits) { PublicAddress.isPublic($0) && !OwnAddresses.current.contains($0) }
    }

    /// Listens, for tests that have no internet.
    init(
        on loop: EventLoop, limits: EgressLimits, isPublic: @escaping @Sendable (PeerAddress) -> Bool
    ) throws(SystemError) {
        self.loop = loop
        self.limits = limits
        self.isPublic = isPublic
        (acceptor, port) = try Acceptor.onLoopback(on: loop)
    }

    /// A run's right to ask, which ends with what is returned.
    package nonisolated func grant(_ rule: EgressRule) -> EgressGrant { EgressGrant(rule, in: table, port: port) }

    /// How many runs have one.
    package nonisolated var grants: Int { table.count }

    /// Serves until it is closed.
    package nonisolated func start() {
        // Unstructured: its life ends with the service, not with a caller.
        Task(executorPreference: loop) { await self.serve() }
    }

    /// Takes no more connections; those that there are go on to their ends.
    package func close() { acceptor.close() }

    private func serve() async {
        let room = EgressRoom(on: loop, table: table, limits: limits, isPublic: isPublic)
        while let socket = await acceptor.next() {
            if room.admit() { serve(socket, in: room) }
        }
    }

    private func serve(_ socket: consuming FileDescriptor, in room: EgressRoom) {
        let connection = EgressConnection(socket, in: room)
        room.begin(connection)
        // Unstructured: a connection's life ends with its own.
        loop.spawn { await connection.run() }
    }
}
