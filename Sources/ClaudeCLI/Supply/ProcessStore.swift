import Glibc
public import Platform
import Synchronization

/// Processes between two turns: those that wait for their first, and those that hold a conversation or can forget it.
///
/// Shared by all loops, for as long as the service lives. A process is handed out once; whoever has it may give it back.
/// What is to go is put aside and ended by the ``ProcessKeeper``, so that no turn waits for the end of a process.
public final class ProcessStore: Sendable {
    /// Bounds of what is kept.
    public struct Limits: Sendable, Equatable {
        /// What a process may serve when its turn is over.
        public enum Reuse: String, Sendable, CaseIterable {
            /// Its conversation, or emptied another one of the same key.
            case key
            /// Its conversation.
            case conversation
            /// Nothing.
            case off
        }

        /// What a process may serve when its turn is over.
        public var reuse = Reuse.key
        /// The most processes that hold a conversation, of all keys and of one.
        public var idle = 0
        /// Of those, of one owner.
        public var idlePerOwner = 0
        /// How long one is kept, in seconds.
        public var idleSeconds = 300
        /// How many of each kind wait for their first turn.
        public var waiting = 0
        /// The most memory that one may use, what it shares counted in part; larger ones go.
        public var largestIdleBytes = Int.max
        /// The most processes there may be with those that serve; the longest idle go first.
        public var total = Int.max

        /// Nothing is kept.
        public init() {}
    }

    /// What is asked for.
    struct Wish: Sendable {
        let owner: ProcessOwner
        let kind: LaunchKind
        /// What a process must hold to go on with it.
        let held: ConversationPrint
        /// True where a process would do that has forgotten a conversation and remembers this.
        let canFollow: @Sendable (ProcessMemory) -> Bool
    }

    /// What a process that was found is good for.
    enum Find {
        /// It holds the conversation.
        case kept
        /// It is to forget another one.
        case rewound
        /// It has been told nothing.
        case waiting
        /// There is none, but the one that holds the conversation is on its way: ask again when woken.
        case soon
        /// There is none.
        case nothing
    }

    /// What a wish came to.
    struct Answer: ~Copyable {
        let find: Find
        var process: LivingProcess?

        init(_ find: Find, _ process: consuming LivingProcess? = nil) {
            self.find = find
            self.process = process
        }
    }

    /// A process that lies here, since when, and whether its conversation was one question and one answer.
    // Unchecked: whoever has taken an entry out of the store has it alone; until then the lock guards it.
    fileprivate final class Entry: @unchecked Sendable {
        let pid: Int32
        let since: Instant
        let isSingle: Bool
        let memory: ProcessMemory
        private var process: LivingProcess?

        init(_ process: consuming LivingProcess, since: Instant, isSingle: Bool = false) {
            pid = process.pid
            memory = process.memory
            self.since = since
            self.isSingle = isSingle
            self.process = consume process
        }

        func take() -> LivingProcess? { process.take() }
        func kill() { process?.kill() }
        /// True once it has ended.
        func isGone() -> Bool { process?.isGone() ?? true }
        var exitNumber: Int32? { process?.exitNumber }
    }

    /// Where a process belongs that holds a conversation.
    public struct Place: Hashable, Sendable {
        let owner: ProcessOwner
        let kind: LaunchKind
        let print: ConversationPrint

        /// The place of a process that serves such a turn and holds `print` in the end.
        public init(of home: Home, holding print: ConversationPrint) {
            self.init(owner: home.owner, kind: home.kind, print: print)
        }

        init(owner: ProcessOwner, kind: LaunchKind, print: ConversationPrint) {
            (self.owner, self.kind, self.print) = (owner, kind, print)
        }
    }

    /// Whose a process is and how it was started.
    public struct Home: Sendable {
        let owner: ProcessOwner
        let kind: LaunchKind
    }

    /// A conversation whose process is about to be put by, and who waits for it.
    fileprivate struct Settling {
        let isSingle: Bool
        var waiting: [RemoteWakeup] = []
    }

    fileprivate struct State {
        var limits = Limits()
        var idle: [Place: Entry] = [:]
        /// Those that wait for their first turn, the oldest first.
        var waiting: [(kind: LaunchKind, entry: Entry)] = []
        /// Those that are to end.
        var leaving: [Entry] = []
        /// Conversations whose processes have answered and not been put by, with those who wait for them.
        var settling: [Place: Settling] = [:]
        /// Processes that serve a turn.
        var serving = 0
        /// Until when none is started in advance, since memory is short.
        var reliefEnd: Instant?
        var isEnding = false
        /// What is kept at all; nil for everything.
        var isWanted: (@Sendable (Place) -> Bool)?
        var keeper: RemoteWakeup?
        /// Tells the keeper of processes that have ended by themselves.
        var exits: ExitWatch?
        var counts = Counts()
    }

    /// What has become of turns and processes since the start: by it the keeper tells a busy store from a quiet one.
    public struct Counts: Sendable, Equatable {
        /// Turns that went on in the process that held their conversation.
        public var kept = 0
        /// Turns served by a process that had forgotten another conversation.
        public var rewound = 0
        /// Turns served by a process that had waited for its first.
        public var waiting = 0
        /// Turns for which a process was started.
        public var fresh = 0
        /// Processes that were let go.
        public var retired = 0
        /// Processes that ended by themselves.
        public var died = 0

        /// Turns that have begun.
        var begun: Int { kept + rewound + waiting + fresh }
    }

    private let state = Mutex(State())

    /// An empty store that keeps nothing as long as no limits are set.
    public init() {}

    /// Takes new limits; what is beyond them goes.
    public func change(_ limits: Limits) {
        state.withLock { state in
            state.limits = limits
            if limits.reuse == .off || limits.idle == 0 { state.retireIdle { _, _ in true } }
            state.trim()
        }
        wakeKeeper()
    }

    /// How many hold a conversation, wait for their first turn, and serve.
    public var load: (idle: Int, waiting: Int, serving: Int) {
        state.withLock { ($0.idle.count, $0.waiting.count, $0.serving) }
    }

    /// What has become of turns and processes.
    public var counts: Counts { state.withLock { $0.counts } }

    /// True where processes are kept at all.
    public var keeps: Bool { state.withLock { $0.limits.reuse != .off && $0.limits.idle > 0 && !$0.isEnding } }

    // MARK: - Taking

    /// The best process for a wish; it counts as serving from then on.
    ///
    /// With `wakeup` a process that is about to be put by is waited for: the one that holds the conversation, or any
    /// of the owner's while `takesAny`.
    func take(_ wish: Wish, now: Instant, waking wakeup: RemoteWakeup?, takesAny: Bool) -> Answer {
        let answer = state.withLock { state -> Answer in
            if state.limits.reuse != .off {
                let place = Place(owner: wish.owner, kind: wish.kind, print: wish.held)
                if let process = state.take(place) {
                    state.counts.kept += 1
                    state.serving += 1
                    return Answer(.kept, process)
                }
                if let wakeup, state.settling[place] != nil {
                    state.settling[place]?.waiting.append(wakeup)
                    return Answer(.soon)
                }
                if state.limits.reuse == .key, let process = state.takeSpent(wish, now) {
                    state.counts.rewound += 1
                    state.serving += 1
                    return Answer(.rewound, process)
                }
                if let wakeup, takesAny, state.limits.reuse == .key,
                    let other = state.settling.first(where: { $1.isSingle && $0.owner == wish.owner && $0.kind == wish.kind })?.key
                {
                    state.settling[other]?.waiting.append(wakeup)
                    return Answer(.soon)
                }
            }
            state.serving += 1
            let process = state.takeWaiting(wish.kind)
            state.trim()
            if let process {
                state.counts.waiting += 1
                return Answer(.waiting, process)
            }
            state.counts.fresh += 1
            return Answer(.nothing)
        }
        if answer.find == .waiting { wakeKeeper() }
        return answer
    }

    /// A process that has been told nothing, for a turn that none is kept for; nil when there is none. It, or the one
    /// that is started instead, counts as serving.
    func takeNew(_ kind: LaunchKind) -> LivingProcess? {
        let process = state.withLock { state -> LivingProcess? in
            state.serving += 1
            let process = state.takeWaiting(kind)
            state.trim()
            if process == nil { state.counts.fresh += 1 } else { state.counts.waiting += 1 }
            return process
        }
        if process != nil { wakeKeeper() }
        return process
    }

    // MARK: - Giving back

    /// A turn begins with a process that was started for it.
    func noteStart() {
        state.withLock { state in
            state.serving += 1
            state.counts.fresh += 1
            state.trim()
        }
    }

    /// A turn is over whose process is not put by.
    func noteEnd() {
        let isEnding = state.withLock { state in
            state.serving -= 1
            return state.isEnding
        }
        if isEnding { wakeKeeper() }
    }

    /// Says that a conversation's process is about to be put by: who asks for it waits until it is, or is not.
    public func announce(_ place: Place, isSingle: Bool) {
        state.withLock { state in
            if state.settling[place] == nil { state.settling[place] = Settling(isSingle: isSingle) }
        }
    }

    /// Takes that back: the process has ended.
    func withdraw(_ place: Place) {
        let waiting = state.withLock { $0.settling.removeValue(forKey: place)?.waiting ?? [] }
        for wakeup in waiting { wakeup.signal() }
    }

    /// Puts a process by that served a turn.
    func put(_ process: consuming LivingProcess, at place: Place, isSingle: Bool, now: Instant) {
        var process: LivingProcess? = consume process
        let waiting = state.withLock { state -> [RemoteWakeup] in
            if let process = process.take() {
                state.serving -= 1
                state.exits?.add(process.exitNumber)
                let entry = Entry(process, since: now, isSingle: isSingle)
                if state.limits.reuse == .off || state.isEnding || state.isWanted?(place) == false {
                    state.leaving.append(entry)
                } else {
                    // Two may have said the same: the newer one stays.
                    state.retireIdle { candidate, _ in candidate == place }
                    state.idle[place] = entry
                    state.trim(of: place.owner)
                }
            }
            return state.settling.removeValue(forKey: place)?.waiting ?? []
        }
        for wakeup in waiting { wakeup.signal() }
        wakeKeeper()
    }

    /// Adds a process that waits for its first turn.
    func add(_ process: consuming LivingProcess, kind: LaunchKind, now: Instant) {
        var process: LivingProcess? = consume process
        process?.hasWaited = true
        state.withLock { state in
            guard let process = process.take() else { return }
            state.exits?.add(process.exitNumber)
            let entry = Entry(process, since: now)
            if state.isEnding { return state.leaving.append(entry) }
            state.waiting.append((kind, entry))
        }
    }

    /// Lets all go that would not be used any more: of other keys, or of no kind of these.
    public func keepOnly(_ isStillWanted: @escaping @Sendable (ProcessOwner) -> Bool, kinds: Set<LaunchKind>) {
        let isWanted: @Sendable (Place) -> Bool = { kinds.contains($0.kind) && isStillWanted($0.owner) }
        state.withLock { state in
            state.isWanted = isWanted
            state.retireIdle { place, _ in !isWanted(place) }
            state.retireWaiting { kind, _ in !kinds.contains(kind) }
        }
        wakeKeeper()
    }

    // MARK: - For the keeper

    /// Names who is woken when something is to be done.
    func attach(_ keeper: RemoteWakeup, _ exits: ExitWatch) {
        state.withLock { state in
            state.keeper = keeper
            state.exits = exits
            for entry in Array(state.idle.values) + state.waiting.map(\.entry) + state.leaving {
                if let number = entry.exitNumber { exits.add(number) }
            }
        }
    }

    private func wakeKeeper() { state.withLock { $0.keeper }?.signal() }

    /// True once it keeps nothing any more, for ever, and no turn will give anything back.
    var isOver: Bool { state.withLock { $0.isEnding && $0.serving == 0 } }

    /// How many more of a kind should wait for a first turn.
    func missing(_ kind: LaunchKind) -> Int {
        state.withLock { state in
            guard !state.isEnding, state.reliefEnd.map({ $0 <= Instant.now }) ?? true else { return 0 }
            let room = state.limits.total - state.idle.count - state.waiting.count - state.serving
            return max(0, min(state.limits.waiting - state.waiting.count { $0.kind == kind }, room))
        }
    }

    /// Lets those go that wait and are of none of these kinds.
    func keepWaiting(_ kinds: Set<LaunchKind>) { state.withLock { $0.retireWaiting { kind, _ in !kinds.contains(kind) } } }

    /// Lets go what has ended by itself, is idle for too long or waits for too long; returns how many had ended.
    func tidy(now: Instant, waitingSeconds: Int) -> (died: Int, diedWaiting: Int) {
        // What has ended is dropped, and its directory emptied, outside of the lock.
        let (dead, deadWaiting) = state.withLock { state -> ([Entry], [Entry]) in
            let dead = state.idle.filter { $0.value.isGone() }
            for place in dead.keys { state.idle[place] = nil }
            let deadWaiting = state.waiting.map(\.entry).filter { $0.isGone() }
            state.waiting.removeAll { $0.entry.isGone() }
            state.counts.died += dead.count + deadWaiting.count
            let limit = Milliseconds.seconds(state.limits.idleSeconds)
            state.retireIdle { $1.since + limit <= now }
            state.retireWaiting { $1.since + Milliseconds.seconds(waitingSeconds) <= now }
            return (Array(dead.values), deadWaiting)
        }
        return (dead.count + deadWaiting.count, deadWaiting.count)
    }

    /// When `tidy` will next find something; nil when nothing is kept.
    func nextExpiry(waitingSeconds: Int) -> Instant? {
        state.withLock { state in
            let idle = state.idle.values.map { $0.since + Milliseconds.seconds(state.limits.idleSeconds) }.min()
            let waiting = state.waiting.map { $0.entry.since + Milliseconds.seconds(waitingSeconds) }.min()
            return [idle, waiting].compactMap { $0 }.min()
        }
    }

    /// Kills what was let go, and forgets it once it has ended; true when none is left.
    func bury() -> Bool {
        let (gone, isEmpty) = state.withLock { state -> ([Entry], Bool) in
            for entry in state.leaving { entry.kill() }
            let gone = state.leaving.filter { $0.isGone() }
            state.leaving.removeAll { $0.isGone() }
            return (gone, state.leaving.isEmpty)
        }
        // Dropped, and their directories emptied, outside of the lock.
        withExtendedLifetime(gone) {}
        return isEmpty
    }

    /// The processes that are kept, by their ids, and how large they may be.
    var pids: (all: [Int32], largestBytes: Int) {
        state.withLock { state in
            (state.idle.values.map(\.pid) + state.waiting.map(\.entry.pid), state.limits.largestIdleBytes)
        }
    }

    /// Lets these go.
    func retire(pids: Set<Int32>) {
        state.withLock { state in
            state.retireIdle { pids.contains($1.pid) }
            state.retireWaiting { pids.contains($1.pid) }
        }
    }

    /// Lets the longer idle half go, and all that wait, and has none started in advance until then.
    public func relieve(until end: Instant) {
        state.withLock { state in
            state.reliefEnd = end
            state.retireWaiting { _, _ in true }
            for _ in 0..<(state.idle.count + 1) / 2 { state.retireLongestIdle(of: nil) }
        }
        wakeKeeper()
    }

    /// Lets everything go and keeps nothing any more.
    public func end() {
        state.withLock { state in
            state.isEnding = true
            state.retireIdle { _, _ in true }
            state.retireWaiting { _, _ in true }
        }
        wakeKeeper()
    }
}

extension ProcessStore.State {
    /// The process that holds this conversation.
    fileprivate mutating func take(_ place: ProcessStore.Place) -> LivingProcess? {
        guard let entry = idle.removeValue(forKey: place) else { return nil }
        guard entry.isGone() else { return entry.take() }
        counts.died += 1
        leaving.append(entry)
        return nil
    }

    /// A process of the same owner whose conversation is the least loss: the longest idle of single questions, else the
    /// longest idle of all where it has not been asked for long, or the owner has as many as they may.
    fileprivate mutating func takeSpent(_ wish: ProcessStore.Wish, _ now: Instant) -> LivingProcess? {
        let own = idle.filter { $0.key.owner == wish.owner }
        let isFull = own.count >= limits.idlePerOwner || idle.count >= limits.idle
        let spent = own.filter { place, entry in
            place.kind == wish.kind && (entry.isSingle || isFull || entry.since + Self.longIdle <= now)
        }
        let sorted = spent.sorted { left, right in
            if left.value.isSingle != right.value.isSingle { return left.value.isSingle }
            return left.value.since < right.value.since
        }
        // Last, since it reads all of the turn's tools.
        return sorted.first { wish.canFollow($0.value.memory) }.flatMap { take($0.key) }
    }

    /// Who has not gone on for so long probably never will.
    private static let longIdle = Milliseconds.seconds(60)

    /// One that has been told nothing, the oldest first.
    fileprivate mutating func takeWaiting(_ kind: LaunchKind) -> LivingProcess? {
        while let index = waiting.firstIndex(where: { $0.kind == kind }) {
            let entry = waiting.remove(at: index).entry
            if !entry.isGone() { return entry.take() }
            counts.died += 1
            leaving.append(entry)
        }
        return nil
    }

    /// Lets the longest idle go, as long as there are too many: of one owner, of all, or beside those that serve.
    fileprivate mutating func trim(of owner: ProcessOwner? = nil) {
        if let owner {
            while idle.count(where: { $0.key.owner == owner }) > limits.idlePerOwner { retireLongestIdle(of: owner) }
        }
        while idle.count > limits.idle { retireLongestIdle(of: nil) }
        while !idle.isEmpty, idle.count + waiting.count + serving > limits.total { retireLongestIdle(of: nil) }
        for kind in Set(waiting.map(\.kind)) {
            while waiting.count(where: { $0.kind == kind }) > limits.waiting { retireLongestWaiting(of: kind) }
        }
        while !waiting.isEmpty, waiting.count + serving > limits.total { leave(waiting.removeFirst().entry) }
    }

    fileprivate mutating func retireLongestIdle(of owner: ProcessOwner?) {
        let candidates = idle.filter { owner == nil || $0.key.owner == owner }
        guard let longest = candidates.min(by: { $0.value.since < $1.value.since }) else { return }
        idle[longest.key] = nil
        leave(longest.value)
    }

    fileprivate mutating func retireIdle(where isOver: (ProcessStore.Place, ProcessStore.Entry) -> Bool) {
        for (place, entry) in idle where isOver(place, entry) {
            idle[place] = nil
            leave(entry)
        }
    }

    fileprivate mutating func retireWaiting(where isOver: (LaunchKind, ProcessStore.Entry) -> Bool) {
        for (kind, entry) in waiting where isOver(kind, entry) { leave(entry) }
        waiting.removeAll { isOver($0.kind, $0.entry) }
    }

    private mutating func retireLongestWaiting(of kind: LaunchKind) {
        guard let index = waiting.firstIndex(where: { $0.kind == kind }) else { return }
        leave(waiting.remove(at: index).entry)
    }

    private mutating func leave(_ entry: ProcessStore.Entry) {
        counts.retired += 1
        leaving.append(entry)
    }
}
