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
    private let listeners: [Listener]
    private let limits: EgressLimits
    private let isPublic: @Sendable (PeerAddress) -> Bool
    private var isOpen = true
    private let wakeup = Wakeup()

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
        listeners = try Listener.open(.tcp(host: "127.0.0.1", port: 0), isFirst: true, backlog: 256)
        guard let port = listeners.first?.port else { throw SystemError(code: 0, call: "listen on 127.0.0.1") }
        self.port = port
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
    package func close() {
        isOpen = false
        wakeup.signal()
    }

    private func serve() async {
        guard let listener = listeners.first else { return }
        let room = EgressRoom(on: loop, table: table, limits: limits, isPublic: isPublic)
        let readiness = Readiness(listener.number, on: loop, interest: .reading, waking: wakeup)
        let pause = Alarm(on: loop, waking: wakeup)
        defer {
            readiness.cancel()
            pause.cancel()
        }
        var accepted = 0
        while isOpen {
            switch listener.accept() {
            case .connection(let socket, _):
                if room.admit() { serve(socket, in: room) }
                accepted += 1
                if accepted % 16 == 0 { await Task.yield() }
            case .none:
                readiness.readWouldBlock()
                await wakeup.wait()
            case .exhausted:
                // Without a pause the listener, which stays readable, would keep the loop busy for nothing.
                pause.deadline = loop.now + Milliseconds(100)
                while !pause.isDue, isOpen { await wakeup.wait() }
                pause.cancel()
            }
        }
    }

    private func serve(_ socket: consuming FileDescriptor, in room: EgressRoom) {
        let connection = EgressConnection(socket, in: room)
        room.begin(connection)
        // Unstructured: a connection's life ends with its own.
        loop.spawn { await connection.run() }
    }
}
