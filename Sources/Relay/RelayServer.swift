package import Platform

/// Where children ask in place of their vendor: one port of loopback, served on one loop.
///
/// It passes on what shows a token of its book, with the credential that the token stands for, and nothing else.
package actor RelayServer {
    package nonisolated let loop: EventLoop
    /// The port of 127.0.0.1.
    package nonisolated let port: UInt16
    /// Who may ask.
    package nonisolated let book = TokenBook()
    /// What has happened.
    package nonisolated let events = RelayEvents()
    private let acceptor: Acceptor
    private let limits: RelayLimits

    /// The loop.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    /// Listens; it is served from `start` on.
    package init(on loop: EventLoop, limits: RelayLimits = RelayLimits()) throws(SystemError) {
        self.loop = loop
        self.limits = limits
        (acceptor, port) = try Acceptor.onLoopback(on: loop)
    }

    /// Serves until it is closed.
    package nonisolated func start() {
        // Unstructured: its life ends with the service, not with a caller.
        Task(executorPreference: loop) { await self.serve() }
    }

    /// Takes no more connections; those that there are go on to their ends.
    package func close() { acceptor.close() }

    private func serve() async {
        let room = RelayRoom(on: loop, book: book, limits: limits, events: events)
        let (loop, kept) = (loop, limits.keptTime)
        while let socket = await acceptor.next(atRest: { room.pool.sweep(at: loop.now) ?? loop.now + kept }) {
            if room.admit() { serve(socket, in: room) }
        }
    }

    private func serve(_ socket: consuming FileDescriptor, in room: RelayRoom) {
        let connection = RelayConnection(socket, in: room)
        room.begin(connection)
        // Unstructured: a connection's life ends with its own.
        loop.spawn { await connection.run() }
    }
}
