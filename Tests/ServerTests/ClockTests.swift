import HTTP
import Platform
import Testing

@testable import Server

@Suite("The small clocks and counters that all connections use", .timeLimit(.minutes(1)))
struct ClockTests {
    private static func at(_ seconds: Int) -> Instant { Instant(nanoseconds: UInt64(seconds) * 1_000_000_000) }

    @Test("a task yields after each sixteenth step")
    func fairness() {
        var fairness = Fairness()
        let spent = (1...48).filter { _ in fairness.isSpent() }
        #expect(spent == [16, 32, 48])
    }

    @Test("a peer has stalled when nothing has changed since the last look for as long as it may")
    func stall() async throws {
        let looks = try await TestLoops.run { loop in
            let wakeup = Wakeup()
            var stall = StallClock(on: loop, waking: wakeup, seconds: 1, progress: 10)
            var looks = [stall.isStalled(at: 10)]
            await wakeup.wait()  // the clock itself wakes
            looks.append(stall.isStalled(at: 11))
            looks.append(stall.isStalled(at: 11))
            await wakeup.wait()
            looks.append(stall.isStalled(at: 11))
            return looks
        }
        #expect(looks == [false, false, false, true])
    }

    @Test("a body is too slow after a pause, at less than the least rate, and after its whole time")
    func bodyClock() {
        var deadlines = Deadlines()
        (deadlines.bodyIdleSeconds, deadlines.bodyTotalSeconds) = (15, 120)
        (deadlines.bodyMinRateAfterSeconds, deadlines.bodyMinBytesPerSecond) = (10, 100)
        var clock = BodyClock(deadlines, now: Self.at(100))
        #expect(clock.deadline == Self.at(110), "the rate counts from the tenth second on")
        clock.note(2_000, now: Self.at(105))
        #expect(clock.deadline == Self.at(120), "fifteen seconds after the last byte")
        clock.note(1_000_000, now: Self.at(212))
        #expect(clock.deadline == Self.at(220), "two minutes in all")
    }

    @Test("a body is gathered however it is framed and torn", arguments: [1, 2, 3, 7, 100])
    func intake(piece: Int) throws {
        let chunked = Array("3\r\none\r\n4;x=y\r\n two\r\n0\r\n\r\nGET".utf8)
        for (framing, sent) in [(BodyFraming.length(7), Array("one twoGET".utf8)), (.chunked, chunked)] {
            var intake = try BodyIntake(framing, within: WireLimits())
            intake.begin(at: Self.at(1))
            var (start, left, isComplete) = (0, "", false)
            while start < sent.count {
                let part = Array(sent[start..<min(sent.count, start + piece)])
                var position = 0
                if !isComplete { isComplete = try intake.take(from: part, at: &position) }
                left += String(decoding: part[position...], as: UTF8.self)
                start += part.count
            }
            let body = intake.finish()
            #expect(isComplete && body == Array("one two".utf8) && left == "GET")
        }
    }

    @Test("a body that is too large is refused when it says so, and else when it is")
    func tooLarge() throws {
        var http = HTTPLimits()
        http.bodyBytes = 6
        let limits = WireLimits(http: http)
        #expect(throws: HTTPFault.self) { _ = try BodyIntake(.length(7), within: limits) }
        var intake = try BodyIntake(.untilEnd, within: limits)
        intake.begin(at: Self.at(1))
        let hasCome = try intake.take(at: Self.at(2)) { $0 += [1, 2, 3, 4, 5, 6] }
        let isNothing = try intake.take(at: Self.at(3)) { _ in }
        #expect(hasCome && !isNothing)
        var status = 0
        do throws(HTTPFault) { _ = try intake.take(at: Self.at(4)) { $0.append(7) } } catch { status = error.status }
        #expect(status == 413)
    }

    @Test("memory is given back two seconds after many ends, and after a few too, which may have held much")
    func quiet() async throws {
        let waits = try await TestLoops.run { loop in
            let state = LoopState(on: loop)
            let quiet = state.watchForQuiet(waking: Wakeup())
            // What the start needed has been given back.
            quiet.cancel()
            let waits = [1, 254, 1, 1].map { ends -> Int in
                for _ in 0..<ends { state.noteEnd() }
                return quiet.deadline.map { ($0.since(loop.now).count + 500) / 1000 } ?? 0
            }
            quiet.cancel()
            return waits
        }
        #expect(waits == [5, 5, 2, 2])
    }
}
