import Glibc
public import Platform
import Vocabulary

/// Looks after the processes that no turn uses: ends those that are to go, starts those that are to wait, and watches
/// how large they are and how much memory the machine has left.
///
/// Confined to its loop; everything it does is short, and off the way of turns.
public final class ProcessKeeper {
    /// What waiting processes are started with, some of each; nil while none is to be started.
    public typealias Source = () -> [(supply: CLISupply, program: ProgramFile)]?

    private let store: ProcessStore
    private let loop: EventLoop
    private let source: Source
    private let isBusy: () -> Bool
    private let log: (String) -> Void
    private let wakeup = Wakeup()
    private let alarm: Alarm
    private let exits: ExitWatch
    private let exitReadiness: Readiness
    /// Starts of waiting processes that came to nothing, one after another.
    private var failures = 0
    private var nextStart: Instant
    private var nextLook: Instant
    private var looks = 0
    /// How long a process waits for its first turn, in seconds; then a fresh one takes its place.
    private static let waitingSeconds = 900
    private static let never = Milliseconds.seconds(3600)
    private static let lookInterval = Milliseconds.seconds(1)
    /// Below this part of the machine's memory, in hundredths, what is idle goes.
    private static let leastFreePercent = 8

    /// A keeper of `store` on `loop`, which starts nothing while turns need the machine; `log` gets a line about what an
    /// operator may want to know.
    public init(
        _ store: ProcessStore, on loop: EventLoop, source: @escaping Source,
        isBusy: @escaping () -> Bool = { MachineLoad.isBusy }, log: @escaping (String) -> Void
    ) throws(SystemError) {
        self.store = store
        self.loop = loop
        self.source = source
        self.isBusy = isBusy
        self.log = log
        alarm = Alarm(on: loop, waking: wakeup)
        exits = try ExitWatch()
        exitReadiness = Readiness(exits.number, on: loop, interest: .reading, waking: wakeup)
        nextStart = loop.now
        // The first processes are started at once.
        lastActivity = (0, Instant(nanoseconds: 0))
        nextLook = loop.now + Self.lookInterval
        store.attach(RemoteWakeup(wakeup, on: loop), exits)
    }

    /// Works until the store has ended and no process is left.
    public func run() async {
        defer {
            exitReadiness.cancel()
            alarm.cancel()
        }
        while true {
            tidy()
            if nextLook <= loop.now { look() }
            await fill()
            let isBuried = store.bury()
            if isBuried, store.isOver { return }
            alarm.deadline = isBuried ? next : min(next, loop.now + Self.burialPause)
            await wakeup.wait()
        }
    }

    /// Their ends wake the keeper; this is for those that nobody tells of.
    private static let burialPause = Milliseconds(500)

    /// Looks at what is kept only when something has ended or is due: turns that come and go wake the keeper too.
    private func tidy() {
        let expiry = store.nextExpiry(waitingSeconds: Self.waitingSeconds)
        guard exitReadiness.isReadable || expiry.map({ $0 <= loop.now }) ?? false else { return }
        if exitReadiness.isReadable {
            exits.clear()
            exitReadiness.readWouldBlock()
        }
        let (died, diedWaiting) = store.tidy(now: loop.now, waitingSeconds: Self.waitingSeconds)
        if diedWaiting > 0 { backOff("a waiting process ended by itself") }
        if died > diedWaiting { log("\(died - diedWaiting) kept processes ended by themselves") }
    }

    private var next: Instant {
        let load = store.load
        var next = load.idle + load.waiting > 0 ? nextLook : loop.now + Self.never
        if let expiry = store.nextExpiry(waitingSeconds: Self.waitingSeconds) { next = min(next, expiry) }
        if isFilling { next = min(next, max(nextStart, loop.now + Self.startPause)) }
        return next
    }

    // MARK: - Waiting processes

    /// Between two starts, and between two looks at whether the machine has time for one.
    private static let startPause = Milliseconds(100)
    private var isFilling = false
    /// Since when one is missing that could be started.
    private var missingSince: Instant?
    private static let mostPatience = Milliseconds.seconds(5)
    /// How many turns had begun when the last one was noticed, and when that was.
    private var lastActivity: (begun: Int, at: Instant)
    /// So long after a turn the next of its conversation has mostly come: a start beside it would hold it up.
    private static let quietTime = Milliseconds(400)

    /// True when no turn is served and none has begun for a moment.
    private var isQuiet: Bool {
        let begun = store.counts.begun
        if store.load.serving > 0 || begun != lastActivity.begun { lastActivity = (begun, loop.now) }
        return lastActivity.at + Self.quietTime <= loop.now
    }

    /// Starts one that is missing, unless turns need the machine.
    private func fill() async {
        isFilling = false
        guard let sources = source() else { return }
        store.keepWaiting(Set(sources.map { $0.supply.kind(of: $0.program) }))
        guard let (supply, program) = sources.first(where: { store.missing($0.supply.kind(of: $0.program)) > 0 })
        else { return }
        isFilling = true
        guard nextStart <= loop.now else { return }
        nextStart = loop.now + Self.startPause
        let since = missingSince ?? loop.now
        missingSince = since
        // A machine that is always busy has its users wait at their first question: then one is worth its price.
        guard isQuiet && !isBusy() || since + Self.mostPatience <= loop.now else { return }
        missingSince = nil
        do throws(Fault) {
            guard let process = try await supply.start(only: program) else { return }
            store.add(process, kind: supply.kind(of: program), now: loop.now)
            if failures > 0 { nextStart = loop.now + Self.provingTime } else { nextStart = loop.now + Self.startPause }
        } catch {
            backOff(error.detail)
        }
    }

    /// One that lives so long works.
    private static let provingTime = Milliseconds.seconds(5)

    private func backOff(_ reason: String) {
        failures = min(failures + 1, 9)
        let seconds = min(300, 1 << failures)
        nextStart = loop.now + Milliseconds.seconds(seconds)
        if failures < 4 { log("waiting processes: \(reason); the next is started in \(seconds) s") }
    }

    // MARK: - Memory

    private func look() {
        nextLook = loop.now + Self.lookInterval
        if store.load.waiting > 0, nextStart <= loop.now { failures = 0 }
        let (pids, largestBytes) = store.pids
        guard !pids.isEmpty else { return }
        if let free = MachineLoad.freePercent, free < Self.leastFreePercent {
            store.relieve(until: loop.now + Milliseconds.seconds(60))
            return log("memory is short: idle processes are ended")
        }
        // One at a time: where it is near its bound, the kernel takes milliseconds to count its pages.
        let pid = pids[looks % pids.count]
        looks += 1
        if MachineLoad.isLarger(pid, than: largestBytes) { store.retire(pids: [pid]) }
    }
}
