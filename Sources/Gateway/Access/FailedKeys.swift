import Platform
import Synchronization

/// Wrong keys by the network that they come from: after some of them the next is not even looked at.
///
/// The table has a fixed size, so that strangers allocate nothing; who finds it full takes the place of somebody who has
/// failed less. A key that opened lately from the same network goes past, so that a neighbour behind one address
/// cannot lock out who already works. Usable from any thread.
final class FailedKeys: Sendable {
    /// How long it takes until one more may fail.
    static let millisecondsForOne = 6000

    private struct State {
        /// Each names a network by 24 bits and says in 40 when all its failures will be forgiven, in milliseconds.
        var networks = [UInt64](repeating: 0, count: FailedKeys.networkSlots)
        /// Keys that have opened, and when.
        var opened = [Opened](repeating: Opened(), count: FailedKeys.openedSlots)
    }

    private struct Opened {
        var digest: UInt64 = 0
        var at = Instant(nanoseconds: 0)
    }

    private let state = Mutex(State())
    private let start: Instant

    private static let networkSlots = 65_536
    private static let openedSlots = 4096
    private static let openedFor = Milliseconds.seconds(3600)

    /// No one has failed yet.
    init(at now: Instant = .now) { start = now }

    /// In how many seconds a key of this peer will be looked at again; nil when this one may be looked at now.
    ///
    /// - Parameter allowance: how many may fail at once; with zero nobody is held up.
    func wait(of peer: PeerAddress, showing key: ArraySlice<UInt8>, allowance: Int, at now: Instant) -> Int? {
        guard allowance > 0, !peer.isUnix else { return nil }
        let name = hash(of: peer)
        let time = milliseconds(now)
        let wait = state.withLock { state in
            Self.slot(of: name, in: state.networks).map { Self.forgiven(state.networks[$0]) - time } ?? 0
        }
        let left = wait - (allowance - 1) * Self.millisecondsForOne
        guard left > 0, !hasOpened(key, from: peer, at: now) else { return nil }
        return (left + 999) / 1000
    }

    /// A key of this peer did not open; one that once did goes past no longer.
    ///
    /// No network owes more than `allowance` failures and the time for one.
    func noteFailure(of peer: PeerAddress, showing key: ArraySlice<UInt8>, allowance: Int, at now: Instant) {
        guard !peer.isUnix else { return }
        let (name, digest) = (hash(of: peer), hash(of: peer, key))
        let time = milliseconds(now)
        state.withLock { state in
            let opened = Int(digest % UInt64(Self.openedSlots))
            if state.opened[opened].digest == digest { state.opened[opened] = Opened() }
            let pair = Self.slots(of: name)
            let lessGuilty = Self.forgiven(state.networks[pair.0]) <= Self.forgiven(state.networks[pair.1]) ? pair.0 : pair.1
            let known = Self.slot(of: name, in: state.networks)
            let before = known.map { Self.forgiven(state.networks[$0]) } ?? 0
            let most = time + max(1, allowance) * Self.millisecondsForOne
            let forgiven = min(max(before, time) + Self.millisecondsForOne, most)
            state.networks[known ?? lessGuilty] = Self.tag(of: name) | UInt64(forgiven) & Self.timeBits
        }
    }

    /// A key of this peer opened.
    func noteSuccess(of peer: PeerAddress, showing key: ArraySlice<UInt8>, at now: Instant) {
        let digest = hash(of: peer, key)
        state.withLock { $0.opened[Int(digest % UInt64(Self.openedSlots))] = Opened(digest: digest, at: now) }
    }

    private func hasOpened(_ key: ArraySlice<UInt8>, from peer: PeerAddress, at now: Instant) -> Bool {
        let digest = hash(of: peer, key)
        let entry = state.withLock { $0.opened[Int(digest % UInt64(Self.openedSlots))] }
        return entry.digest == digest && entry.at.nanoseconds > 0 && now.since(entry.at) < Self.openedFor
    }

    // MARK: - Slots

    private static let timeBits: UInt64 = (1 << 40) - 1

    private func milliseconds(_ now: Instant) -> Int { now.since(start).count }

    private static func forgiven(_ slot: UInt64) -> Int { Int(slot & timeBits) }

    private static func tag(of name: UInt64) -> UInt64 { name & ~timeBits }

    /// The two places where a network may be.
    private static func slots(of name: UInt64) -> (Int, Int) {
        let first = Int(name % UInt64(networkSlots))
        return (first, first ^ 1)
    }

    private static func slot(of name: UInt64, in networks: [UInt64]) -> Int? {
        let pair = slots(of: name)
        // A place that is empty or forgiven says the same as none.
        if networks[pair.0] & ~timeBits == tag(of: name) { return pair.0 }
        return networks[pair.1] & ~timeBits == tag(of: name) ? pair.1 : nil
    }

    // `Hasher` is keyed anew in each process: nobody outside can aim at another's place, nor tell a key by it.

    private func hash(of peer: PeerAddress) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(peer.customer)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    private func hash(of peer: PeerAddress, _ key: ArraySlice<UInt8>) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(peer.customer)
        unsafe key.withUnsafeBytes { bytes in unsafe hasher.combine(bytes: bytes) }
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }
}
