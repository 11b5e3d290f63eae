import ClaudeCLI
import Platform

extension Service {
    /// Gives up what can be spared while memory is short, the cheapest first, until the service ends.
    ///
    /// At the first sign processes between two turns end, and none is started in advance; at a second one soon after it no
    /// turn is let in for a moment. What runs is left alone, since giving that up would be to fail.
    func watchMemory() async {
        guard let site else { return }
        let environment = environment
        let pressure = MemoryPressure(
            watch: environment["MEMORY_PRESSURE_WATCH"], writing: environment["MEMORY_PRESSURE_WRITE"],
            ownMaking: { ControlGroups.current?.waitsOfTheirOwn ?? 0 })
        guard let pressure else { return }
        let wakeup = Wakeup()
        let alarm = Alarm(on: loop, waking: wakeup)
        var lastSign: Instant?
        while true {
            let now = loop.now
            if pressure.hasBeenShort() {
                site.processes.relieve(until: now + Self.calm)
                CurrentProcess.releaseMemory()
                if let lastSign, now < lastSign + Self.soon { site.admission.pause(until: now + Self.pause) }
                lastSign = now
            }
            let isShort = lastSign.map { now < $0 + Self.calm } ?? false
            note(.memory, isShort ? ["memory is short: idle processes are ended, and turns refused where that is not enough"] : [])
            alarm.deadline = now + .seconds(1)
            await wakeup.wait()
        }
    }

    /// So long after a sign nothing is started in advance.
    private static let calm = Milliseconds.seconds(30)
    /// A sign that comes so soon after another says that what was given up was not enough.
    private static let soon = Milliseconds.seconds(10)
    /// So long no turn is let in then.
    private static let pause = Milliseconds.seconds(5)
}
