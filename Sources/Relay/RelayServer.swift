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
    private let listeners: [Listener]
    private let limits: RelayLimits
    private var isOpen = true
    private let wakeup = Wakeup()

    /// The loop.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    /// Listens; it is served from `start` on.
    package init(on loop: EventLoop, limits: RelayLimits = RelayLimits()) throws(SystemError) {
        self.loop = loop
        self.limits = limits
        listeners = try Listener.open(.tcp(host: "127.0.0.1", port: 0), isFirst: true, backlog: 256)
        guard let port = listeners.first?.port else { throw SystemError(code: 0, call: "listen on 127.0.0.1") }
        self.port = port
    }

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
        let room = RelayRoom(on: loop, book: book, limits: limits, events: events)
        let readiness = Readiness(listener.number, on: loop, interest: .reading, waking: wakeup)
        let pause = Alarm(on: loop, waking: wakeup)
        let sweep = Alarm(on: loop, waking: wakeup)
        defer {
            readiness.cancel()
            pause.cancel()
            sweep.cancel()
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
                sweep.deadline = room.pool.sweep(at: loop.now) ?? loop.now + limits.keptTime
                await wakeup.wait()
            case .exhausted:
                // Without a pause the listener, which stays readable, would keep the loop busy for nothing.
                pause.deadline = loop.now + Milliseconds(100)
                while !pause.isDue, isOpen { await wakeup.wait() }
                pause.cancel()
            }
        }
    }

    private func serve(_ socket: consuming FileDescriptor, in room: RelayRoom) {
        let connection = RelayConnection(socket, in: room)
        room.begin(connection)
        // Unstructured: a connection's life ends with its own.
        loop.spawn { await connection.run() }
    }
}
