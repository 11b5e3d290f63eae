import Testing

@testable import Platform

private func moment(_ milliseconds: Int) -> Instant { Instant(nanoseconds: UInt64(milliseconds) * 1_000_000) }

@Suite("Alarm", .timeLimit(.minutes(1)))
struct AlarmTests {
    /// Never run: its heap is driven by hand.
    private let loop: EventLoop

    init() throws { loop = try EventLoop() }

    private func alarm(at milliseconds: Int? = nil) -> Alarm {
        let alarm = Alarm(on: loop, waking: Wakeup())
        alarm.deadline = milliseconds.map(moment)
        return alarm
    }

    /// The deadlines of those that are out of the heap although they have one: they have rung.
    private func rung(_ alarms: [Alarm]) -> [Instant] { alarms.filter { $0.place < 0 }.compactMap(\.deadline).sorted() }

    @Test("alarms ring when their time has come, whatever the order they were set in")
    func order() async {
        let alarms = [50, 10, 40, 20, 30].map { alarm(at: $0) }
        #expect(loop.alarms.earliest == moment(10))
        loop.alarms.ring(at: moment(9))
        #expect(rung(alarms).isEmpty)
        loop.alarms.ring(at: moment(30))
        #expect(rung(alarms) == [moment(10), moment(20), moment(30)])
        for alarm in alarms where alarm.place < 0 { await alarm.wakeup.wait() }
        #expect(loop.alarms.earliest == moment(40))
        loop.alarms.ring(at: moment(1000))
        #expect(rung(alarms).count == 5)
        #expect(loop.alarms.earliest == nil)
    }

    @Test("an alarm moved later rings at its new time alone")
    func later() {
        let alarm = alarm(at: 10)
        for time in 11...100 { alarm.deadline = moment(time) }
        // It is still looked at when it first would have been: moving it was free.
        #expect(loop.alarms.earliest == moment(10))
        loop.alarms.ring(at: moment(50))
        #expect(alarm.place >= 0)
        #expect(loop.alarms.earliest == moment(100))
        loop.alarms.ring(at: moment(100))
        #expect(alarm.place < 0)
    }

    @Test("an alarm moved earlier overtakes the others")
    func earlier() {
        let (first, second) = (alarm(at: 20), alarm(at: 30))
        second.deadline = moment(5)
        #expect(loop.alarms.earliest == moment(5))
        loop.alarms.ring(at: moment(10))
        #expect(second.place < 0)
        #expect(first.place >= 0)
    }

    @Test("a cancelled alarm is forgotten at once and may be set again")
    func cancelled() {
        let alarms = (1...9).map { alarm(at: $0 * 10) }
        alarms[0].cancel()
        alarms[4].cancel()
        alarms[8].cancel()
        alarms[8].cancel()
        #expect(loop.alarms.earliest == moment(20))
        loop.alarms.ring(at: moment(100))
        #expect(rung(alarms) == [20, 30, 40, 60, 70, 80].map(moment))
        alarms[0].deadline = moment(200)
        #expect(loop.alarms.earliest == moment(200))
    }

    @Test("an alarm that has rung rings again when it is set again")
    func again() {
        let alarm = alarm(at: 10)
        loop.alarms.ring(at: moment(10))
        #expect(alarm.place < 0)
        alarm.deadline = moment(20)
        loop.alarms.ring(at: moment(19))
        #expect(alarm.place >= 0)
        loop.alarms.ring(at: moment(20))
        #expect(alarm.place < 0)
    }

    @Test("thousands of alarms behave as a list that is searched each time", arguments: [1, 2, 3] as [UInt64])
    func model(seed: UInt64) async {
        var generator = Generator(state: seed)
        let alarms = (0..<2000).map { _ in alarm() }
        var deadlines = [Instant?](repeating: nil, count: alarms.count)
        var now = 0
        var rings = 0
        for _ in 0..<60 {
            for _ in 0..<400 {
                let index = Int.random(in: 0..<alarms.count, using: &generator)
                let deadline = Int.random(in: 0..<10, using: &generator) == 0
                    ? nil : moment(now + Int.random(in: 1...200, using: &generator))
                alarms[index].deadline = deadline
                deadlines[index] = deadline
            }
            now += Int.random(in: 0...30, using: &generator)
            loop.alarms.ring(at: moment(now))
            for (index, deadline) in deadlines.enumerated() {
                let isDue = deadline.map { $0 <= moment(now) } ?? false
                guard (alarms[index].place >= 0) == (deadline != nil && !isDue) else {
                    Issue.record("alarm \(index) at \(now) ms: due \(isDue), place \(alarms[index].place)")
                    return
                }
                guard isDue else { continue }
                rings += 1
                await alarms[index].wakeup.wait()
                alarms[index].cancel()
                deadlines[index] = nil
            }
            if let earliest = loop.alarms.earliest, let least = deadlines.compactMap({ $0 }).min() {
                #expect(earliest > moment(now))
                #expect(earliest <= least)
            }
        }
        #expect(rings > 1000)
    }

    @Test("a running loop rings in time and not before")
    func running() async throws {
        let waited = try await Harness.onLoop { loop in
            let wakeup = Wakeup()
            let alarm = Alarm(on: loop, waking: wakeup)
            let start = Instant.now
            alarm.deadline = start + Milliseconds(20)
            #expect(!alarm.isDue)
            while !alarm.isDue { await wakeup.wait() }
            return Instant.now.since(start).count
        }
        #expect(waited >= 20)
    }
}

/// A generator with a seed, so that a failure can be seen again.
private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 29)
    }
}
