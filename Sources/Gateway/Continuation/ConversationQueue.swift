import Platform
import Synchronization

/// Lets the requests of one conversation go one after another, in the order in which they came.
final class ConversationQueue: Sendable {
    fileprivate struct Name: Hashable {
        let owner, id: String
    }

    /// The place of one request; whoever gives it back lets the next one go.
    final class Place: Sendable {
        private let queue: ConversationQueue
        private let name: Name
        private let wakeup: RemoteWakeup

        fileprivate init(_ queue: ConversationQueue, _ name: Name, _ wakeup: RemoteWakeup) {
            self.queue = queue
            self.name = name
            self.wakeup = wakeup
        }

        /// True when it is this one's turn.
        var isFirst: Bool { queue.lines.withLock { $0[name]?.first === self } }

        /// Lets the next one go. Doing so twice does nothing.
        func leave() {
            let next = queue.lines.withLock { lines -> Place? in
                guard var line = lines[name], let index = line.firstIndex(where: { $0 === self }) else { return nil }
                line.remove(at: index)
                lines[name] = line.isEmpty ? nil : line
                return index == 0 ? line.first : nil
            }
            next?.wakeup.signal()
        }
    }

    /// How many may wait in one conversation.
    static let maxWaiting = 4

    private let lines = Mutex<[Name: [Place]]>([:])

    /// A place at the end; nil when too many wait already. `wakeup` is signalled when it has become the first.
    func enter(_ id: String, of owner: String, waking wakeup: RemoteWakeup) -> Place? {
        let name = Name(owner: owner, id: id)
        let place = Place(self, name, wakeup)
        return lines.withLock { lines in
            guard lines[name, default: []].count <= Self.maxWaiting else { return nil }
            lines[name, default: []].append(place)
            return place
        }
    }

    /// How many requests have a place.
    var count: Int { lines.withLock { $0.values.reduce(0) { $0 + $1.count } } }
}
