package import Platform

/// One event loop's share of a service: accepts connections and serves them, all on its own thread.
///
/// The actor is pinned to its loop, and every task of a connection prefers the loop: connections, streams and jobs
/// are plain classes confined to it, which call each other without locks and without hops.
package actor Worker {
    package nonisolated let loop: EventLoop
    private let application: any Application
    private let responder: any Responder
    private let state: LoopState
    private var listeners: [Listener]
    /// What the tasks sleep on that end with the accepting.
    private var accepting: [Wakeup] = []

    /// The loop.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    /// Serves on a loop what listeners bring, once it is started.
    package init(on loop: EventLoop, serving application: any Application, listeners: sending [Listener]) {
        self.loop = loop
        self.application = application
        self.listeners = listeners
        let state = LoopState(on: loop)
        responder = application.responder(on: state)
        self.state = state
    }

    /// Begins to accept.
    package func start() {
        for index in listeners.indices {
            // Unstructured: a listener's life ends with the service, not with a caller.
            Task(executorPreference: loop) { await self.accept(from: index) }
        }
        // Unstructured: likewise.
        Task(executorPreference: loop) { await self.giveMemoryBack() }
    }

    /// Stops accepting and lets connections close as they become idle; calls back when the last has.
    package func drain(whenEmpty: @escaping @Sendable () -> Void) {
        listeners.removeAll()
        state.enter(.draining)
        for wakeup in accepting { wakeup.signal() }
        state.tellWhenEmpty(whenEmpty)
    }

    /// Breaks off what still runs.
    package func endJobs() { state.enter(.ending) }

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
        var fairness = Fairness()
        while state.phase == .serving {
            switch listener.accept() {
            case .connection(let socket, let peer):
                admit(socket, peer)
                // A burst of new connections must not hold up those that are being served.
                if fairness.isSpent() { await Task.yield() }
            case .none:
                readiness.readWouldBlock()
                await wakeup.wait()
            case .exhausted:
                application.note(.refused(.exhausted, nil))
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

    private func admit(_ socket: consuming FileDescriptor, _ peer: PeerAddress) {
        application.events.noteAccepted()
        let terms = application.terms
        let isProxied = terms.hasProxyHeaders && terms.trusts(peer)
        let place: ConnectionPlace
        do throws(ConnectionRefusal) {
            // Whose network counts behind a proxy is known when its header has been read.
            place = isProxied ? try application.limiter.admitUnknown() : try application.limiter.admit(peer)
        } catch {
            return application.note(.refused(error, peer))
        }
        guard
            let connection = Connection(
                socket, from: peer, isProxied: isProxied, under: terms, place: place, serving: application, by: responder,
                state: state)
        else { return }
        state.serve(connection)
    }
}
