import Synchronization

/// What happens at a relay, for whoever counts and tells it. May be used from any thread.
package final class RelayEvents: Sendable {
    /// What became of a request.
    package enum Outcome: Int, Sendable, CaseIterable {
        /// The vendor's answer was passed on to its end.
        case forwarded
        /// It showed no token that is good, or could not be read; nothing was passed on.
        case refused
        /// The vendor was not reached.
        case unreachable
        /// One side left in the middle.
        case cut
    }

    private struct State {
        var counts = [Int](repeating: 0, count: Outcome.allCases.count)
        var hear: (@Sendable (_ problem: String) -> Void)?
    }

    private let state = Mutex(State())

    /// Nothing has happened.
    package init() {}

    /// Tells `hear` of each vendor that was not reached: host, port and reason, nothing of a request.
    package func onTrouble(_ hear: @escaping @Sendable (_ problem: String) -> Void) {
        state.withLock { $0.hear = hear }
    }

    /// How often it has come to that.
    package func count(_ outcome: Outcome) -> Int { state.withLock { $0.counts[outcome.rawValue] } }

    func note(_ outcome: Outcome) { state.withLock { $0.counts[outcome.rawValue] += 1 } }

    func tell(_ problem: String) { state.withLock { $0.hear }?(problem) }
}
