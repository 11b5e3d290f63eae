import Platform

/// Tells when a peer that should take something has taken nothing for too long. Confined to its loop.
struct StallClock: ~Copyable {
    private let alarm: Alarm
    private let loop: EventLoop
    private let allowed: Milliseconds
    private var progress: Int

    /// Begins to count; `wakeup` is signalled when the peer has stalled.
    init(on loop: EventLoop, waking wakeup: Wakeup, seconds: Int, progress: Int) {
        self.loop = loop
        self.progress = progress
        allowed = .seconds(seconds)
        alarm = Alarm(on: loop, waking: wakeup)
        alarm.deadline = loop.now + allowed
    }

    deinit { alarm.cancel() }

    /// True when nothing has changed for too long; `progress` is any number that changes whenever the peer takes something.
    mutating func isStalled(at progress: Int) -> Bool {
        guard progress == self.progress else {
            self.progress = progress
            alarm.deadline = loop.now + allowed
            return false
        }
        return alarm.isDue
    }
}
