import Platform
import Synchronization

/// Lets the requests of one conversation go one after another, in the order in which they came.
final class ConversationQueue: Sendable {
    fileprivate struct Name: Hashable {
        let owner, id: String
    }

    fileprivate struct State {
        var lines: [Name: [Place]] = [:]
        /// How long the bodies are together that wait or have waited.
        var bytes = 0
    }

    /// The place of one request; whoever gives it back lets the next one go.
    final class Place: Sendable {
        private let queue: ConversationQueue
        private let name: Name
        private let wakeup: RemoteWakeup
        /// Of one that had to wait, how long its body is.
        private let bytes: Int

        fileprivate init(_ queue: ConversationQueue, _ name: Name, _ wakeup: RemoteWakeup, bytes: Int) {
            self.queue = queue
            self.name = name
            self.wakeup = wakeup
            self.bytes = bytes
        }

        /// True when it is this one's turn.
        var isFirst: Bool { queue.state.withLock { $0.lines[name]?.first === self } }

        /// Lets the next one go. Doing so twice does nothing.
        func leave() {
            let next = queue.state.withLock { state -> Place? in
                guard var line = state.lines[name], let index = line.firstIndex(where: { $0 === self }) else { return nil }
                line.remove(at: index)
                state.lines[name] = line.isEmpty ? nil : line
                state.bytes -= bytes
                return index == 0 ? line.first : nil
            }
            next?.wakeup.signal()
        }
    }

    /// How many may wait in one conversation.
    static let maxWaiting = 4
    /// How long the bodies of all that wait may be together, but for one alone: no turn's permit bounds them.
    static let maxWaitingBytes = 64 << 20

    private let state = Mutex(State())

    /// A place at the end for a request with so long a body; nil when too many or too much waits already. `wakeup` is
    /// signalled when it has become the first.
    func enter(_ id: String, of owner: String, bytes: Int = 0, waking wakeup: RemoteWakeup) -> Place? {
        let name = Name(owner: owner, id: id)
        return state.withLock { state in
            let ahead = state.lines[name]?.count ?? 0
            let waitingBytes = ahead > 0 ? bytes : 0
            guard ahead <= Self.maxWaiting else { return nil }
            if waitingBytes > 0, state.bytes > 0, state.bytes + waitingBytes > Self.maxWaitingBytes { return nil }
            let place = Place(self, name, wakeup, bytes: waitingBytes)
            state.lines[name, default: []].append(place)
            state.bytes += waitingBytes
            return place
        }
    }

    /// How many requests have a place.
    var count: Int { state.withLock { $0.lines.values.reduce(0) { $0 + $1.count } } }
}
