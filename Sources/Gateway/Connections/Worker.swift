import Platform

/// One event loop's share of the service: accepts connections and serves them, all on its own thread.
///
/// The actor is pinned to its loop, and every task of a connection prefers the loop: connections, streams and turns
/// are plain classes confined to it, which call each other without locks and without hops.
actor Worker {
    nonisolated let loop: EventLoop
    private let site: Site
    private let state: LoopState
    private var listeners: [Listener]
    /// What the tasks sleep on that end with the accepting.
    private var accepting: [Wakeup] = []
    private var whenEmpty: (@Sendable () -> Void)?

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    init(on loop: EventLoop, for site: Site, listeners: sending [Listener]) {
        self.loop = loop
        self.site = site
        self.listeners = listeners
        state = LoopState(on: loop)
    }

    /// Begins to accept.
    func start() {
        for index in listeners.indices {
            // Unstructured: a listener's life ends with the service, not with a caller.
            Task(executorPreference: loop) { await self.accept(from: index) }
        }
        // Unstructured: likewise.
        Task(executorPreference: loop) { await self.giveMemoryBack() }
    }

    /// Stops accepting and lets connections close as they become idle; calls back when the last has.
    func drain(whenEmpty: @escaping @Sendable () -> Void) {
        self.whenEmpty = whenEmpty
        listeners.removeAll()
        state.enter(.draining)
        for wakeup in accepting { wakeup.signal() }
        noticeEmpty()
    }

    /// Breaks off what still runs.
    func endTurns() { state.enter(.ending) }

    /// Serves one stream of one of this loop's HTTP/2 connections.
    func serve(stream: Int32, of connection: Int) async {
        await state.connection(connection)?.http2?.serve(stream)
    }

    private func accept(from index: Int) async {
        // A service that is told to end while it starts has none any more.
        guard index < listeners.count else { return }
        let listener = listeners[index]
        let wakeup = Wakeup()
        accepting.append(wakeup)
        let readiness = Readiness(listener.number, on: loop, interest: .reading, waking: wakeup)
        let pause = Alarm(on: loop, waking: wakeup)
        defer {
            readiness.cancel()
            pause.cancel()
        }
        var fairness = Self.acceptsPerTurn
        while state.phase == .serving {
            switch listener.accept() {
            case .connection(let socket, let peer):
                admit(socket, peer)
                fairness -= 1
                if fairness == 0 {
                    fairness = Self.acceptsPerTurn
                    await Task.yield()
                }
            case .none:
                readiness.readWouldBlock()
                await wakeup.wait()
            case .exhausted:
                // Without a pause the listener, which stays readable, would keep the loop busy for nothing.
                pause.deadline = loop.now + Milliseconds(100)
                while !pause.isDue, state.phase == .serving { await wakeup.wait() }
                pause.cancel()
            }
        }
    }

    private func giveMemoryBack() async {
        let wakeup = Wakeup()
        let quiet = state.watchForQuiet(waking: wakeup)
        accepting.append(wakeup)
        while state.phase == .serving {
            await wakeup.wait()
            guard quiet.isDue else { continue }
            quiet.cancel()
            CurrentProcess.releaseMemory()
        }
        quiet.cancel()
    }

    /// A burst of new connections must not hold up those that are being served.
    private static let acceptsPerTurn = 16

    private func admit(_ socket: consuming FileDescriptor, _ peer: PeerAddress) {
        guard let place = site.limiter.admit(peer) else {  // closed without reading a byte
            site.log.write(.debug) { line in
                line.add("event", "refused")
                line.add("addr", peer.text)
                line.add("fault", "MAX_CONNECTIONS or MAX_CONNECTIONS_PER_ADDRESS is reached")
            }
            return
        }
        guard let connection = Connection(socket, from: peer, place: place, site: site, worker: self, state: state)
        else { return }
        let id = state.add(connection)
        connection.id = id
        // Unstructured: a connection's life is its peer's, not the accepting task's.
        Task(executorPreference: loop) { await self.serve(id) }
    }

    private func serve(_ id: Int) async {
        await state.connection(id)?.run()
        state.remove(id)
        noticeEmpty()
    }

    private func noticeEmpty() {
        guard state.phase != .serving, state.isEmpty, let callback = whenEmpty else { return }
        whenEmpty = nil
        callback()
    }
}
