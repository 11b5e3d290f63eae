import Platform
import Synchronization

/// How many connections there may be: in all, from one network, and from one network before a key was shown.
///
/// Where all places are taken, the oldest connection that has not come to the end of its handshake gives its place to the
/// newcomer: whoever shakes hands slowly on purpose keeps out nobody who does not.
///
/// The last limit makes further connections wait rather than refusing them, because a client that opens fifty at once
/// is no attacker; each waits within its handshake's deadline.
package final class ConnectionLimiter: Sendable {
    /// How many there may be.
    package struct Limits: Sendable {
        var total: Int
        var perNetwork: Int
        var unauthenticatedPerNetwork: Int

        /// So many in all, from one network, and from one network before a key was shown.
        package init(total: Int, perNetwork: Int, unauthenticatedPerNetwork: Int) {
            self.total = total
            self.perNetwork = perNetwork
            self.unauthenticatedPerNetwork = unauthenticatedPerNetwork
        }
    }

    private struct Network {
        var open = 0
        var unauthenticated = 0
        var waiting: [RemoteWakeup] = []
    }

    private struct State {
        var limits: Limits
        var total = 0
        var networks: [PeerAddress.InlineBytes: Network] = [:]
        /// Those that shake hands, by the order in which they came.
        var greeting: [Int: Greeting] = [:]
        var greetings = 0
        /// No number below it stands in `greeting`.
        var oldest = 1

        /// Takes the one out that came first.
        mutating func takeOldestGreeting() -> Greeting? {
            while oldest <= greetings {
                if let first = greeting.removeValue(forKey: oldest) { return first }
                oldest += 1
            }
            return nil
        }
    }

    /// A connection that has not come to the end of its handshake.
    fileprivate final class Greeting: Sendable {
        private let wakeup: RemoteWakeup
        private let shed = Atomic(false)

        init(_ wakeup: RemoteWakeup) { self.wakeup = wakeup }

        var isShed: Bool { shed.load(ordering: .acquiring) }

        func noteShed() { shed.store(true, ordering: .releasing) }
        func wake() { wakeup.signal() }
    }

    private let state: Mutex<State>

    /// Without a connection yet.
    package init(_ limits: Limits) { state = Mutex(State(limits: limits)) }

    /// Takes new limits for connections to come.
    package func change(_ limits: Limits) { state.withLock { $0.limits = limits } }

    /// How many connections are open.
    package var open: Int { state.withLock { $0.total } }

    /// A place for a new connection, or why there is none.
    func admit(_ peer: PeerAddress) throws(ConnectionRefusal) -> ConnectionPlace {
        // Whoever would not be let in takes nobody's place.
        guard !isFull(peer.network) else { throw .network }
        var place = try admitUnknown()
        try place.settle(peer)
        return place
    }

    private func isFull(_ network: PeerAddress.InlineBytes) -> Bool {
        state.withLock { $0.networks[network]?.open ?? 0 >= $0.limits.perNetwork }
    }

    /// A place for a new connection whose client is not known yet, or why there is none.
    func admitUnknown() throws(ConnectionRefusal) -> ConnectionPlace {
        let (isAdmitted, oldest) = state.withLock { state -> (Bool, Greeting?) in
            guard state.total >= state.limits.total else {
                state.total += 1
                return (true, nil)
            }
            // Its place is the newcomer's from now on, though it takes a moment to go.
            guard state.limits.total > 0, let oldest = state.takeOldestGreeting() else { return (false, nil) }
            oldest.noteShed()
            return (true, oldest)
        }
        oldest?.wake()
        guard isAdmitted else { throw .total }
        return ConnectionPlace(limiter: self)
    }

    fileprivate func beginGreeting(_ greeting: Greeting) -> Int {
        state.withLock { state in
            state.greetings += 1
            state.greeting[state.greetings] = greeting
            return state.greetings
        }
    }

    /// False when its place is another's.
    fileprivate func endGreeting(_ number: Int) -> Bool { state.withLock { $0.greeting.removeValue(forKey: number) != nil } }

    fileprivate func settle(_ network: PeerAddress.InlineBytes) -> Bool {
        state.withLock { state in
            guard state.networks[network]?.open ?? 0 < state.limits.perNetwork else { return false }
            state.networks[network, default: Network()].open += 1
            return true
        }
    }

    /// Begins the time before a key is shown; false when the caller has to wait until `wakeup` is signalled.
    fileprivate func beginUnauthenticated(_ network: PeerAddress.InlineBytes, waking wakeup: RemoteWakeup) -> Bool {
        state.withLock { state in
            let allowed = state.limits.unauthenticatedPerNetwork
            guard state.networks[network, default: Network()].unauthenticated < allowed else {
                // Asked again and again by one connection: it waits once.
                if state.networks[network]?.waiting.contains(where: { $0 === wakeup }) == false {
                    state.networks[network]?.waiting.append(wakeup)
                }
                return false
            }
            state.networks[network]?.unauthenticated += 1
            return true
        }
    }

    fileprivate func endUnauthenticated(_ network: PeerAddress.InlineBytes) {
        // All of them are woken, a few dozen at most: one alone might have given up and the place would stay empty.
        let waiting = state.withLock { state -> [RemoteWakeup] in
            state.networks[network]?.unauthenticated -= 1
            let waiting = state.networks[network]?.waiting ?? []
            state.networks[network]?.waiting = []
            return waiting
        }
        for wakeup in waiting { wakeup.signal() }
    }

    fileprivate func release(_ network: PeerAddress.InlineBytes?, waiting wakeup: RemoteWakeup?, greeting number: Int?) {
        state.withLock { state in
            // Of one that was shed the place is another's.
            let isItsOwn = number.map { state.greeting.removeValue(forKey: $0) != nil } ?? true
            if isItsOwn { state.total -= 1 }
            guard let network else { return }
            if let wakeup { state.networks[network]?.waiting.removeAll { $0 === wakeup } }
            state.networks[network]?.open -= 1
            if state.networks[network]?.open == 0 { state.networks[network] = nil }
        }
    }
}

/// One connection's place; given back when it goes.
struct ConnectionPlace: ~Copyable {
    private let limiter: ConnectionLimiter
    /// Nil as long as the client is not known.
    private var network: PeerAddress.InlineBytes?
    private var isUnauthenticated = false
    /// What the connection was told to wait by.
    private var waiting: RemoteWakeup?
    private var greeting: (number: Int, state: ConnectionLimiter.Greeting)?

    fileprivate init(limiter: ConnectionLimiter) { self.limiter = limiter }

    /// The client is known: from now on its network's limits hold.
    mutating func settle(_ client: PeerAddress) throws(ConnectionRefusal) {
        guard network == nil else { return }
        guard limiter.settle(client.network) else { throw .network }
        network = client.network
    }

    deinit {
        if isUnauthenticated, let network { limiter.endUnauthenticated(network) }
        limiter.release(network, waiting: waiting, greeting: greeting?.number)
    }

    /// Begins the handshake; from now on it may have to give way to a newcomer, and `wakeup` is signalled then.
    mutating func beginGreeting(waking wakeup: RemoteWakeup) {
        let state = ConnectionLimiter.Greeting(wakeup)
        greeting = (limiter.beginGreeting(state), state)
    }

    /// True once the place is another's: the connection must go.
    var hasGivenWay: Bool { greeting?.state.isShed == true }

    /// The handshake is over; false when the place is another's.
    mutating func endGreeting() -> Bool {
        guard let current = greeting else { return true }
        guard limiter.endGreeting(current.number) else { return false }
        greeting = nil
        return true
    }

    /// Begins the time before a key is shown; when false, try again once `wakeup` has been signalled.
    mutating func beginUnauthenticated(waking wakeup: @autoclosure () -> RemoteWakeup) -> Bool {
        guard !isUnauthenticated, let network else { return true }
        let waiting = waiting ?? wakeup()
        self.waiting = waiting
        isUnauthenticated = limiter.beginUnauthenticated(network, waking: waiting)
        return isUnauthenticated
    }

    /// A key was shown.
    mutating func endUnauthenticated() {
        guard isUnauthenticated, let network else { return }
        isUnauthenticated = false
        limiter.endUnauthenticated(network)
    }
}
