import ClaudeCLI
import Platform
import Synchronization

/// The turns that run and wait, for administrators to look at and to end; used while there is a console.
///
/// Shared by all loops. As many as requests may be open at once, which limits on connections and streams bound.
final class TurnBoard: Sendable {
    private let entries = Mutex<[String: TurnEntry]>([:])

    /// Shows a turn until it leaves.
    func enter(_ entry: TurnEntry) { entries.withLock { $0[entry.id] = entry } }

    /// The turn is over.
    func leave(_ entry: TurnEntry) { entries.withLock { _ = $0.removeValue(forKey: entry.id) } }

    /// All of them, the oldest first.
    var all: [TurnEntry] {
        entries.withLock { Array($0.values) }.sorted { ($0.since, $0.id) < ($1.since, $1.id) }
    }

    /// Has the turn with a request's id end; false where there is none.
    func cancel(_ id: String) -> Bool {
        guard let entry = entries.withLock({ $0[id] }) else { return false }
        entry.cancel()
        return true
    }
}

/// One turn on the board: what an exchange tells of it, and whether it is to end.
final class TurnEntry: Sendable {
    /// How far a turn is.
    enum State: String, Sendable {
        /// It has no permit yet.
        case waiting
        /// The model has not begun to answer.
        case starting
        case answering
    }

    /// What changes while it runs.
    struct Content: Sendable {
        var state = State.waiting
        var model: String?
        var account: String?
        /// What it has used so far.
        var usage = TurnUsage()
        /// What was sent to the client.
        var bytes = 0
    }

    /// The request's id.
    let id: String
    /// The name of the key.
    let key: String
    let dialect: String
    /// When it began, in Unix seconds.
    let since = WallClock.unixSeconds
    private let changing = Mutex(Content())
    private let cancelled = Atomic(false)
    private let byOwner = Atomic(false)
    private let wakeup: RemoteWakeup
    private let isShown: Bool

    /// A turn that begins; `wakeup` wakes its exchange. One that nobody is shown is there to be ended alone.
    init(id: String, key: String, dialect: String, waking wakeup: RemoteWakeup, isShown: Bool = true) {
        self.isShown = isShown
        self.id = id
        self.key = key
        self.dialect = dialect
        self.wakeup = wakeup
    }

    var content: Content { changing.withLock { $0 } }

    /// True once the turn is to end.
    var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

    /// Takes what has changed; does not even ask where nobody is shown it.
    func note(_ change: (inout Content) -> Void) { if isShown { changing.withLock { change(&$0) } } }

    /// True where that is its own client's wish.
    var isByOwner: Bool { byOwner.load(ordering: .relaxed) }

    /// Has it end, as an administrator or its own client wishes.
    func cancel(byOwner isByOwner: Bool = false) {
        byOwner.store(isByOwner, ordering: .relaxed)
        cancelled.store(true, ordering: .relaxed)
        wakeup.signal()
    }
}
