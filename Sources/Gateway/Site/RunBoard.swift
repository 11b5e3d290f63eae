import Platform
import Server
import Synchronization

/// The newest run of each session, for a client that reads on in its events or ends it.
///
/// Shared by all loops. Bounded: the oldest that is over goes first.
final class RunBoard: Sendable {
    /// One run.
    struct Run: Sendable {
        let events: KeptStream
        let entry: TurnEntry
    }

    private struct Place: Hashable {
        let owner: String
        let session: String
    }

    private struct State {
        var runs: [Place: Run] = [:]
        /// The oldest first.
        var order: [Place] = []
    }

    private static let most = 128
    private let state = Mutex(State())

    /// Shows the run that begins in a session of a key.
    func enter(_ run: Run, in session: String, of owner: String) {
        let place = Place(owner: owner, session: session)
        state.withLock { state in
            if state.runs.updateValue(run, forKey: place) != nil { state.order.removeAll { $0 == place } }
            state.order.append(place)
            guard state.order.count > Self.most else { return }
            let index = state.order.firstIndex { state.runs[$0]?.events.isOver ?? true } ?? 0
            state.runs[state.order.remove(at: index)] = nil
        }
    }

    /// The newest run of a session; nil where none is known.
    func run(in session: String, of owner: String) -> Run? {
        state.withLock { $0.runs[Place(owner: owner, session: session)] }
    }

    /// Forgets the run of a session that was deleted, and ends it.
    func remove(_ session: String, of owner: String) {
        let place = Place(owner: owner, session: session)
        let run = state.withLock { state -> Run? in
            state.order.removeAll { $0 == place }
            return state.runs.removeValue(forKey: place)
        }
        if let run, !run.events.isOver { run.entry.cancel(byOwner: true) }
    }
}
