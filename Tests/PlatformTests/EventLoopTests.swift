import Glibc
import Platform
import Testing

/// An actor that lives on a loop, as the service's are.
private actor Resident {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }
    private var visits: [Bool] = []

    init(on loop: EventLoop) { self.loop = loop }

    func visit() async -> [Bool] {
        visits.append(loop.isCurrent)
        await Task.yield()
        visits.append(loop.isCurrent)
        return visits
    }
}

@Suite("Event loop", .timeLimit(.minutes(1)))
struct EventLoopTests {
    @Test("the jobs of an actor pinned to a loop run on its thread, called from wherever")
    func pinnedActor() async throws {
        let loop = try EventLoop()
        try loop.start()
        defer { loop.stop() }
        #expect(await Resident(on: loop).visit() == [true, true])
        #expect(!loop.isCurrent)
    }

    @Test("a task that prefers a loop stays on its thread after every suspension")
    func preferringTask() async throws {
        let places = try await Harness.onLoop { loop in
            var places = [loop.isCurrent]
            await Task.yield()
            places.append(loop.isCurrent)
            _ = await Resident(on: loop).visit()
            places.append(loop.isCurrent)
            places.append(await Self.isCurrentInside(loop))
            return places
        }
        #expect(places == [true, true, true, true])
    }

    @Test("a task that is spawned on a loop shares what cannot be sent, and stays there")
    func spawnedTask() async throws {
        final class Places { var isCurrent: [Bool] = [] }
        let places = try await Harness.onLoop { loop in
            let (places, wakeup) = (Places(), Wakeup())
            loop.spawn {
                places.isCurrent.append(loop.isCurrent)
                await Task.yield()
                places.isCurrent.append(loop.isCurrent)
                _ = await Resident(on: loop).visit()
                places.isCurrent.append(loop.isCurrent)
                places.isCurrent.append(await Self.isCurrentInside(loop))
                wakeup.signal()
            }
            #expect(places.isCurrent.isEmpty, "it begins when whoever spawned it waits")
            await wakeup.wait()
            return places.isCurrent
        }
        #expect(places == [true, true, true, true])
    }

    private static func isCurrentInside(_ loop: EventLoop) async -> Bool {
        await Task.yield()
        return loop.isCurrent
    }

    /// Sleeps behind so many functions, each of which notes that it goes on.
    private static func sleep(on wakeup: Wakeup, depth: Int, _ note: (Int) -> Void) async {
        if depth > 1 { await sleep(on: wakeup, depth: depth - 1, note) } else { await wakeup.wait() }
        note(depth)
    }

    @Test("a task that is woken goes on through all that wait in it before another has its turn")
    func noDetours() async throws {
        final class Notes { var order: [String] = [] }
        let order = try await Harness.onLoop { loop in
            let (notes, one, other, end) = (Notes(), Wakeup(), Wakeup(), Wakeup())
            loop.spawn { await Self.sleep(on: one, depth: 3) { notes.order.append("one \($0)") } }
            loop.spawn {
                await Self.sleep(on: other, depth: 3) { notes.order.append("other \($0)") }
                end.signal()
            }
            // They fall asleep.
            await Task.yield()
            one.signal()
            other.signal()
            await end.wait()
            return notes.order
        }
        #expect(order == ["one 1", "one 2", "one 3", "other 1", "other 2", "other 3"])
    }

    @Test("a task that never sleeps keeps the loop from nothing else")
    func busyTask() async throws {
        let isHeard = try await Harness.onLoop { loop in
            let pair = try SocketPair()
            let readiness = Readiness(pair.near.number, on: loop, interest: .socket, waking: Wakeup())
            defer { readiness.cancel() }
            readiness.readWouldBlock()
            #expect(pair.far.write("heard") == .bytes(5))
            while !readiness.isReadable { await Task.yield() }
            return pair.near.drain().text == "heard"
        }
        #expect(isHeard)
    }

    @Test("work submitted from many threads runs on the loop, in the order of each")
    func submissions() async throws {
        let loop = try EventLoop()
        try loop.start()
        defer { loop.stop() }
        let notes = Notes<(thread: Int, number: Int, isHome: Bool)>()
        await withTaskGroup { group in
            for thread in 0..<4 {
                group.addTask {
                    for number in 0..<500 {
                        loop.submit { notes.add((thread, number, loop.isCurrent)) }
                    }
                }
            }
        }
        await withCheckedContinuation { done in loop.submit { done.resume() } }
        #expect(notes.all.count == 2000)
        #expect(notes.all.allSatisfy { $0.isHome })
        for thread in 0..<4 {
            #expect(notes.all.filter { $0.thread == thread }.map(\.number) == Array(0..<500))
        }
    }

    @Test("a loop told to stop before it runs does not run on")
    func stoppedEarly() throws {
        let loop = try EventLoop()
        let notes = Notes<String>()
        loop.submit { notes.add("work") }
        loop.stop()
        loop.run()
        #expect(notes.all == ["work"])
    }

    @Test("a running loop stops when one of its tasks says so, after what it had begun")
    func stoppedFromInside() throws {
        let loop = try EventLoop()
        let notes = Notes<String>()
        Task(executorPreference: loop) {
            notes.add("begun")
            await Task.yield()
            notes.add("resumed")
            loop.stop()
        }
        loop.run()
        #expect(notes.all == ["begun", "resumed"])
        #expect(loop.isCurrent)
    }

    @Test("the time stands still within a turn of the loop and goes on with the next")
    func time() async throws {
        try await Harness.onLoop { loop in
            let first = loop.now
            while Instant.now.microseconds(since: first) < 100 {}
            #expect(loop.now == first)
            await Task.yield()
            #expect(loop.now > first)
        }
    }

    @Test("instants and lengths saturate instead of trapping")
    func saturation() {
        let last = Instant(nanoseconds: .max)
        #expect(last + .seconds(1) == last)
        #expect(Instant(nanoseconds: 1).since(last) == Milliseconds(0))
        #expect(Milliseconds(-5).count == 0)
        #expect(Milliseconds.seconds(.max) == Milliseconds(.max))
        #expect(Instant(nanoseconds: 0) + .seconds(.max) < last)
    }
}

@Suite("Wakeup", .timeLimit(.minutes(1)))
struct WakeupTests {
    @Test("a signal that comes before the wait is not lost, and two count as one")
    func early() async throws {
        let order = try await Harness.onLoop { loop in
            let wakeup = Wakeup()
            var order: [String] = []
            wakeup.signal()
            wakeup.signal()
            await wakeup.wait()
            order.append("early")
            let carried = LoopBound(wakeup)
            loop.submit { carried.value.signal() }
            await wakeup.wait()
            order.append("late")
            return order
        }
        #expect(order == ["early", "late"])
    }

    @Test("a signal from another thread wakes the sleeper on its loop")
    func remote() async throws {
        let isHome = try await Harness.onLoop { loop in
            let wakeup = Wakeup()
            let remote = RemoteWakeup(wakeup, on: loop)
            let other = try EventLoop()
            try other.start()
            other.submit { remote.signal() }
            await wakeup.wait()
            other.stop()
            return loop.isCurrent
        }
        #expect(isHome)
    }

    @Test("a thousand rounds between two tasks of one loop lose no signal")
    func pingPong() async throws {
        let rounds = try await Harness.onLoop { loop in
            let (ping, pong) = (Wakeup(), Wakeup())
            let partner = LoopBound((ping, pong))
            // Unstructured because only a task can be given an executor.
            let echo = Task(executorPreference: loop) {
                for _ in 0..<1000 {
                    await partner.value.0.wait()
                    partner.value.1.signal()
                }
            }
            var rounds = 0
            for _ in 0..<1000 {
                ping.signal()
                await pong.wait()
                rounds += 1
            }
            await echo.value
            return rounds
        }
        #expect(rounds == 1000)
    }
}
