import Platform
import Server
import Synchronization

/// The newest run of each session, for a client that reads on in its events or ends it.
///
/// Shared by all loops. Bounded, for each key too: the oldest that is over goes first.
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

        /// Forgets the oldest of these that is over, or the oldest where none is.
        mutating func forget(_ isMeant: (Place) -> Bool) {
            let over = order.firstIndex { isMeant($0) && runs[$0]?.events.isOver ?? true }
            guard let index = over ?? order.firstIndex(where: isMeant) else { return }
            runs[order.remove(at: index)] = nil
        }
    }

    private static let most = 128
    /// Of one key: none has the events of others forgotten.
    private static let mostOfOwner = 8
    private let state = Mutex(State())

    /// Shows the run that begins in a session of a key.
    func enter(_ run: Run, in session: String, of owner: String) {
        let place = Place(owner: owner, session: session)
        state.withLock { state in
            if state.runs.updateValue(run, forKey: place) != nil { state.order.removeAll { $0 == place } }
            state.order.append(place)
            if state.order.count(where: { $0.owner == owner }) > Self.mostOfOwner { state.forget { $0.owner == owner } }
            if state.order.count > Self.most { state.forget { _ in true } }
        }
    }

    /// The newest run of a session; nil where none is known.
    func run(in session: String, of owner: String) -> Run? {
        state.withLock { $0.runs[Place(owner: owner, session: session)] }
    }

    /// Forgets the run of a session that is deleted, and ends it: whether one was going on.
    func remove(_ session: String, of owner: String) -> Bool {
        let place = Place(owner: owner, session: session)
        let run = state.withLock { state -> Run? in
            state.order.removeAll { $0 == place }
            return state.runs.removeValue(forKey: place)
        }
        guard let run, !run.events.isOver else { return false }
        run.entry.cancel(byOwner: true)
        return true
    }
}
