import ClaudeCLI
import Platform

/// When the CLI is tried: at once when it has changed, and in growing intervals while that comes to nothing or to no
/// end.
struct TrialSchedule {
    /// A trial that led to nothing, and when the next is due.
    fileprivate struct LastTrial {
        var file: ProgramFile?
        var ended: Instant
        var next: Instant
        var pause: Milliseconds
    }

    /// The newest trial of a program that could not be used.
    private var failed: LastTrial?
    /// The newest trial that ran out of time.
    private var unfinished: LastTrial?
    /// When the program is looked at next, unless a turn asks for it sooner.
    private(set) var nextLook = Instant(nanoseconds: 0)

    private static let look = Milliseconds.seconds(2)
    /// While a file is being written each look finds another one.
    private static let shortest = Milliseconds(250)
    private static let firstRepair = Milliseconds(500)
    private static let longestRepair = Milliseconds.seconds(60)
    private static let firstRepetition = Milliseconds.seconds(30)
    private static let longestRepetition = Milliseconds.seconds(1800)

    /// True when the program that now is `file` must be tried, `serving` being what turns run on.
    mutating func isDue(_ file: ProgramFile?, serving: TriedCLI, at now: Instant) -> Bool {
        nextLook = now + Self.look
        guard let file, file == serving.file else {
            unfinished = nil
            guard let failed else { return true }
            return isReached(failed.file == file ? failed.next : failed.ended + Self.shortest, now)
        }
        failed = nil
        guard !serving.selfTest.isFinal else {
            unfinished = nil
            return false
        }
        if unfinished?.file != file { unfinished = LastTrial(file, at: now, Self.firstRepetition) }
        return isReached(unfinished?.next ?? now, now)
    }

    /// Notes that the program could not be used; true when the trial before it did not fail.
    mutating func fail(_ file: ProgramFile?, at now: Instant) -> Bool {
        let isFirst = failed == nil
        let pause = failed.map { min(Milliseconds($0.pause.count * 2), Self.longestRepair) } ?? Self.firstRepair
        failed = LastTrial(file, at: now, pause)
        return isFirst
    }

    /// When a program that failed is tried again; nil when none did.
    var nextRepair: Instant? { failed?.next }

    /// Notes that a trial has ended well or has changed nothing: if it was repeated, it is so later the next time.
    mutating func end(at now: Instant) {
        failed = nil
        guard let last = unfinished else { return }
        unfinished = LastTrial(last.file, at: now, min(Milliseconds(last.pause.count * 2), Self.longestRepetition))
    }

    private mutating func isReached(_ moment: Instant, _ now: Instant) -> Bool {
        nextLook = min(nextLook, max(moment, now))
        return moment <= now
    }
}

extension TrialSchedule.LastTrial {
    fileprivate init(_ file: ProgramFile?, at now: Instant, _ pause: Milliseconds) {
        self.init(file: file, ended: now, next: now + pause, pause: pause)
    }
}
