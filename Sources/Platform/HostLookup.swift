import CLinux
import Glibc
import Synchronization

/// One name that is being looked up, or was.
public final class HostSearch: Sendable {
    private let state: Mutex<State>

    private struct State {
        var answer: Result<[PeerAddress], HostNameFault>?
        var waiting: [RemoteWakeup] = []
    }

    init(_ answer: Result<[PeerAddress], HostNameFault>? = nil) { state = Mutex(State(answer: answer)) }

    /// The addresses, the preferred first, at least one; nil while they are being looked up.
    public var answer: Result<[PeerAddress], HostNameFault>? { state.withLock { $0.answer } }

    /// Signals `wakeup` when there is an answer, unless there is one.
    func wake(_ wakeup: RemoteWakeup) {
        state.withLock { if $0.answer == nil { $0.waiting.append(wakeup) } }
    }

    func end(with answer: Result<[PeerAddress], HostNameFault>) {
        let waiting = state.withLock { state in
            state.answer = answer
            defer { state.waiting = [] }
            return state.waiting
        }
        for wakeup in waiting { wakeup.signal() }
    }
}

/// Looks names of hosts up beside a loop, which must not wait for a name server, and remembers them for a moment.
/// Confined to its loop.
public final class HostLookup {
    private struct Known {
        let search: HostSearch
        var end: Instant?
    }

    private let loop: EventLoop
    private var known: [String: Known] = [:]

    private static let maximumNames = 64
    private static let maximumAddresses = 16
    private static let goodMilliseconds = Milliseconds.seconds(30)
    private static let badMilliseconds = Milliseconds.seconds(2)

    /// Looks up on behalf of what runs on `loop`.
    public init(on loop: EventLoop) { self.loop = loop }

    /// Looks a name up, or an address in digits; signals `wakeup` when there is an answer, unless there is one at once.
    ///
    /// Whoever asks for a name that is being looked up gets the same answer. getaddrinfo(3) cannot be told how long to wait:
    /// it runs on a thread of its own, one for each name.
    public func search(_ name: String, waking wakeup: RemoteWakeup) -> HostSearch {
        if let address = PeerAddress(name) { return HostSearch(.success([address])) }
        if let search = remembered(name) {
            search.wake(wakeup)
            return search
        }
        guard known.count < Self.maximumNames else { return HostSearch(.failure(HostNameFault("is one name too many"))) }
        let search = HostSearch()
        search.wake(wakeup)
        known[name] = Known(search: search)
        do throws(SystemError) {
            try DetachedThread.start { search.end(with: Self.lookUp(name)) }
        } catch {
            known[name] = nil
            search.end(with: .failure(HostNameFault("cannot be looked up: \(error.description)")))
        }
        return search
    }

    /// What is known of a name, or being found out. How long it holds counts from the first look at the answer.
    private func remembered(_ name: String) -> HostSearch? {
        let now = loop.now
        for (name, entry) in known where entry.end == nil {
            guard let answer = entry.search.answer else { continue }
            let isGood = if case .success = answer { true } else { false }
            known[name]?.end = now + (isGood ? Self.goodMilliseconds : Self.badMilliseconds)
        }
        known = known.filter { $0.value.end.map { now < $0 } ?? true }
        return known[name]?.search
    }

    private static func lookUp(_ name: String) -> Result<[PeerAddress], HostNameFault> {
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = AF_UNSPEC
        unsafe hints.ai_socktype = linux_stream_type()
        unsafe hints.ai_flags = AI_ADDRCONFIG
        var found: UnsafeMutablePointer<addrinfo>?
        let failure = unsafe getaddrinfo(name, nil, &hints, &found)
        guard failure == 0 else {
            let reason = unsafe gai_strerror(failure).map { unsafe String(cString: $0) } ?? "error \(failure)"
            return .failure(HostNameFault("does not resolve to an address: \(reason)"))
        }
        defer { unsafe freeaddrinfo(found) }
        var addresses: [PeerAddress] = []
        var next = unsafe found
        while let entry = unsafe next, addresses.count < maximumAddresses {
            var storage = sockaddr_storage()
            unsafe memcpy(&storage, entry.pointee.ai_addr, Int(entry.pointee.ai_addrlen))
            let address = PeerAddress(storage)
            if !addresses.contains(address) { addresses.append(address) }
            unsafe next = entry.pointee.ai_next
        }
        return addresses.isEmpty ? .failure(HostNameFault("has no address")) : .success(addresses)
    }
}
