import Glibc
import Platform
import Synchronization
import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("Processes between two turns", .timeLimit(.minutes(1)))
struct ProcessStoreTests {
    // MARK: - Who gets what

    @Test("a process is found by what it holds, once, and by its owner and kind alone")
    func kept() throws {
        let shelf = try Shelf()
        let pid = try shelf.put(1, isSingle: true)
        #expect(shelf.take(1, "b").find == .nothing)
        #expect(shelf.take(1, kind: shelf.otherKind).find == .nothing)
        let taken = shelf.take(1)
        #expect(taken.find == .kept && taken.pid == pid)
        #expect(shelf.take(1).find == .nothing)
        #expect(shelf.store.load.idle == 0)
    }

    @Test("each process goes to one of many who ask at once")
    func once() async throws {
        let shelf = try Shelf(idle: 8, idlePerOwner: 8)
        var pids: Set<Int32> = []
        for number in 0..<8 { pids.insert(try shelf.put(UInt8(number))) }
        let found = await withTaskGroup(of: [Int32].self) { group in
            for _ in 0..<4 {
                group.addTask { (0..<8).compactMap { shelf.take(UInt8($0), canFollow: { _ in false }).pid } }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(found.count == 8 && Set(found) == pids)
        // Whoever went without has a process of its own.
        #expect(shelf.store.load.serving == 32 && shelf.store.counts.kept == 8 && shelf.store.counts.fresh == 8 + 24)
    }

    @Test("a spent one is one of the same owner and kind that can follow: single questions first, the longest idle first")
    func spent() throws {
        let shelf = try Shelf(idle: 8, idlePerOwner: 8)
        try shelf.put(1, at: 0)
        let old = try shelf.put(2, isSingle: true, at: 1)
        try shelf.put(3, isSingle: true, at: 2)
        try shelf.put(4, "b", isSingle: true, at: 0)
        try shelf.put(5, kind: shelf.otherKind, isSingle: true, at: 0)
        try shelf.put(6, isSingle: true, at: 0, hasSystem: true)
        let taken = shelf.take(9, at: 3)
        #expect(taken.find == .rewound && taken.pid == old)
        #expect(shelf.take(9, at: 3).find == .rewound)
        // What is left is another's, of another kind, cannot follow, or is a conversation that may go on.
        #expect(shelf.take(9, at: 3).find == .nothing)
        #expect(shelf.store.load.idle == 4)
    }

    @Test("a conversation of several turns is forgotten after a minute, or where its owner has as many as they may")
    func spentConversation() throws {
        let shelf = try Shelf(idle: 8, idlePerOwner: 2)
        try shelf.put(1)
        #expect(shelf.take(9, at: 59).find == .nothing)
        let again = shelf.take(9, at: 60)
        #expect(again.find == .rewound)
        try shelf.put(2)
        try shelf.put(3)
        #expect(shelf.take(9, at: 1).find == .rewound)
    }

    @Test("what is kept is used as far as is allowed", arguments: ProcessStore.Limits.Reuse.allCases)
    func reuse(mode: ProcessStore.Limits.Reuse) throws {
        let shelf = try Shelf { $0.reuse = mode }
        try shelf.put(1, isSingle: true)
        try shelf.put(2, isSingle: true)
        #expect(shelf.store.load.idle == (mode == .off ? 0 : 2))
        #expect(shelf.store.keeps == (mode != .off))
        #expect(shelf.take(1).find == (mode == .off ? .nothing : .kept))
        #expect(shelf.take(9).find == (mode == .key ? .rewound : .nothing))
    }

    @Test("one that has ended is not handed out")
    func dead() throws {
        let shelf = try Shelf()
        let pid = try shelf.put(1)
        let end = ProcessEnd(pid)
        kill(-pid, SIGKILL)
        #expect(end.hasCome)
        #expect(shelf.take(1).find == .nothing)
        let waiting = try shelf.add()
        let waitingEnd = ProcessEnd(waiting)
        kill(-waiting, SIGKILL)
        #expect(waitingEnd.hasCome)
        let next = try shelf.add()
        let taken = shelf.take(1)
        #expect(taken.find == .waiting && taken.pid == next)
        #expect(shelf.store.counts.died == 2)
    }

    @Test("those that wait are handed out oldest first, to any owner, and to their own kind alone")
    func waiting() throws {
        let shelf = try Shelf()
        let (first, second) = (try shelf.add(), try shelf.add())
        #expect(shelf.take(1, kind: shelf.otherKind).find == .nothing)
        let taken = shelf.take(1, "b")
        #expect(taken.find == .waiting && taken.pid == first)
        let (next, none) = (shelf.takeNew(), shelf.takeNew())
        #expect(next == second && none == nil)
        // Those of several kinds wait side by side.
        let (own, other) = (try shelf.add(), try shelf.add(shelf.otherKind))
        #expect(shelf.store.load.waiting == 2)
        #expect(shelf.take(1, kind: shelf.otherKind).pid == other && shelf.take(1).pid == own)
    }

    // MARK: - Bounds

    @Test("the longest idle go first: of one owner, of all, and beside those that serve")
    func bounds() throws {
        let shelf = try Shelf(idle: 3, idlePerOwner: 2) { $0.total = 5 }
        try shelf.put(1, at: 1)
        try shelf.put(2, at: 2)
        try shelf.put(3, at: 3)
        #expect(shelf.store.load.idle == 2)
        #expect(shelf.take(1, canFollow: { _ in false }).find == .nothing)
        shelf.store.noteEnd()
        try shelf.put(4, "b", at: 0)
        try shelf.put(5, "c", at: 5)
        // Of three owners the longest idle went, which was b's.
        #expect(shelf.store.load.idle == 3)
        #expect(shelf.take(4, "b").find == .nothing)
        for _ in 0..<2 { shelf.store.noteStart() }
        #expect(shelf.store.load == (idle: 2, waiting: 0, serving: 3))
        #expect(shelf.take(2, canFollow: { _ in false }).find == .nothing)
        let last = shelf.take(5, "c")
        #expect(last.find == .kept)
    }

    @Test("a process of the same conversation takes the place of the one before")
    func same() throws {
        let shelf = try Shelf()
        let first = ProcessEnd(try shelf.put(1, at: 1))
        let second = try shelf.put(1, at: 2)
        #expect(shelf.store.load.idle == 1)
        _ = shelf.store.bury()
        #expect(first.hasCome)
        #expect(shelf.take(1).pid == second)
    }

    @Test("smaller limits hold at once, and what was kept under larger ones goes")
    func change() throws {
        let shelf = try Shelf()
        for number in 1...3 { try shelf.put(UInt8(number), at: number) }
        try shelf.add()
        try shelf.add()
        var limits = ProcessStore.Limits()
        (limits.idle, limits.idlePerOwner, limits.waiting) = (1, 1, 1)
        shelf.store.change(limits)
        #expect(shelf.store.load == (idle: 1, waiting: 1, serving: 0))
        #expect(shelf.take(3).find == .kept)
        shelf.store.change(ProcessStore.Limits())
        #expect(shelf.store.load.waiting == 0 && !shelf.store.keeps)
        try shelf.put(4)
        #expect(shelf.store.load.idle == 0)
    }

    @Test("processes of keys that are gone and of another kind go")
    func keepOnly() throws {
        let shelf = try Shelf()
        try shelf.put(1, "a")
        try shelf.put(2, "b")
        try shelf.put(3, "a", kind: shelf.otherKind)
        try shelf.add()
        let owner = Shelf.owner("a")
        shelf.store.keepOnly({ $0 == owner }, kinds: [shelf.kind])
        #expect(shelf.store.load.idle == 1 && shelf.store.load.waiting == 1)
        #expect(shelf.take(1).find == .kept)
        // Turns of theirs that end later leave nothing either.
        let late = [ProcessEnd(try shelf.put(4, "b")), ProcessEnd(try shelf.put(5, "a", kind: shelf.otherKind))]
        try shelf.put(6, "a")
        #expect(shelf.store.load.idle == 1 && shelf.take(6).find == .kept)
        _ = shelf.store.bury()
        #expect(late.allSatisfy { $0.hasCome })
        shelf.store.keepOnly({ _ in true }, kinds: [])
        #expect(shelf.store.load.waiting == 0)
    }

    @Test("how many are missing leaves room for those that serve")
    func missing() throws {
        let shelf = try Shelf { ($0.waiting, $0.total) = (3, 4) }
        #expect(shelf.store.missing(shelf.kind) == 3)
        try shelf.put(1)
        #expect(shelf.store.missing(shelf.kind) == 3)
        for _ in 0..<2 { shelf.store.noteStart() }
        #expect(shelf.store.missing(shelf.kind) == 1)
        try shelf.add()
        #expect(shelf.store.missing(shelf.kind) == 0)
        // Each kind has its own, within what there may be in all.
        shelf.store.noteEnd()
        #expect(shelf.store.missing(shelf.otherKind) == 1 && shelf.store.load.waiting == 1)
        shelf.store.keepWaiting([shelf.otherKind])
        #expect(shelf.store.missing(shelf.kind) == 2 && shelf.store.load.waiting == 0)
        shelf.store.end()
        #expect(shelf.store.missing(shelf.kind) == 0)
    }

    @Test("what is idle or waits for too long goes, and is found in time")
    func expiry() throws {
        let shelf = try Shelf { $0.idleSeconds = 10 }
        #expect(shelf.store.nextExpiry(waitingSeconds: 5) == nil)
        try shelf.put(1, at: 0)
        try shelf.put(2, at: 4)
        try shelf.add(at: 7)
        #expect(shelf.store.nextExpiry(waitingSeconds: 5) == Shelf.moment(10))
        #expect(shelf.store.nextExpiry(waitingSeconds: 1) == Shelf.moment(8))
        #expect(shelf.store.tidy(now: Shelf.moment(9), waitingSeconds: 5) == (0, 0))
        #expect(shelf.store.load == (idle: 2, waiting: 1, serving: 0))
        _ = shelf.store.tidy(now: Shelf.moment(10), waitingSeconds: 5)
        #expect(shelf.store.load == (idle: 1, waiting: 1, serving: 0))
        _ = shelf.store.tidy(now: Shelf.moment(14), waitingSeconds: 5)
        #expect(shelf.store.load == (idle: 0, waiting: 0, serving: 0))
    }

    @Test("the longer idle half goes, and so do the largest")
    func memory() throws {
        let shelf = try Shelf(idle: 8, idlePerOwner: 8)
        for number in 1...5 { try shelf.put(UInt8(number), at: number) }
        try shelf.add()
        shelf.store.relieve(until: Instant.now + .seconds(60))
        #expect(shelf.store.load == (idle: 2, waiting: 0, serving: 0))
        #expect(shelf.store.missing(shelf.kind) == 0)
        shelf.store.relieve(until: Instant.now)
        #expect(shelf.store.load == (idle: 1, waiting: 0, serving: 0) && shelf.store.missing(shelf.kind) > 0)
        #expect(shelf.take(5).find == .kept)
        shelf.store.retire(pids: Set(shelf.store.pids.all))
        #expect(shelf.store.load.idle == 0)
    }

    @Test("in the end nothing is kept, and what comes back is ended")
    func end() throws {
        let shelf = try Shelf()
        let ends = [ProcessEnd(try shelf.put(1)), ProcessEnd(try shelf.add())]
        shelf.store.end()
        let late = [ProcessEnd(try shelf.put(2)), ProcessEnd(try shelf.add())]
        #expect(shelf.store.isOver && shelf.store.load == (idle: 0, waiting: 0, serving: 0))
        // A turn that runs on gives its process back.
        shelf.store.noteStart()
        #expect(!shelf.store.isOver)
        shelf.store.noteEnd()
        func haveAllCome() -> Bool { (ends + late).allSatisfy { $0.hasCome } }
        while !shelf.store.bury() { #expect(haveAllCome()) }
        #expect(haveAllCome())
    }

    // MARK: - On their way

    @Test("who asks for a conversation that is about to be put by is woken when it is, on any loop")
    func announced() async throws {
        let shelf = try Shelf()
        shelf.store.announce(shelf.place(1), isSingle: true)
        let find = try await Harness.onLoop { loop in
            let wakeup = Wakeup()
            let remote = RemoteWakeup(wakeup, on: loop)
            #expect(shelf.take(1, waking: remote).find == .soon)
            // Nobody waits who does not want to, and nobody for another conversation.
            #expect(shelf.take(1).find == .nothing && shelf.take(2, waking: remote).find == .nothing)
            #expect(shelf.take(2, "b", waking: remote, takesAny: true).find == .nothing)
            #expect(shelf.take(2, waking: remote, takesAny: true).find == .soon)
            // Another thread's, as another loop is.
            Task.detached { try shelf.put(1) }
            await wakeup.wait()
            return shelf.take(1, waking: remote).find
        }
        #expect(find == .kept)
        #expect(shelf.store.load.idle == 0)
    }

    @Test("a conversation of several turns that is about to be put by is waited for by those alone who go on with it")
    func announcedConversation() async throws {
        let shelf = try Shelf()
        shelf.store.announce(shelf.place(3), isSingle: false)
        try await Harness.onLoop { loop in
            let remote = RemoteWakeup(Wakeup(), on: loop)
            #expect(shelf.take(2, waking: remote, takesAny: true).find == .nothing)
            #expect(shelf.take(3, waking: remote).find == .soon)
        }
    }

    @Test("who waits is woken too when the process has ended instead")
    func withdrawn() async throws {
        let shelf = try Shelf()
        shelf.store.announce(shelf.place(1), isSingle: true)
        shelf.store.announce(shelf.place(1), isSingle: true)
        let find = try await Harness.onLoop { loop in
            let wakeup = Wakeup()
            let remote = RemoteWakeup(wakeup, on: loop)
            #expect(shelf.take(1, waking: remote).find == .soon)
            Task.detached { shelf.store.withdraw(shelf.place(1)) }
            await wakeup.wait()
            return shelf.take(1, waking: remote).find
        }
        #expect(find == .nothing)
        shelf.store.withdraw(shelf.place(1))
    }

    @Test("many takes and puts of many loops leave the counts right and no process behind")
    func churn() async throws {
        let shelf = try Shelf(idle: 3, idlePerOwner: 2) { $0.total = 6 }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<4 {
                group.addTask {
                    var random = UInt64(worker + 1)
                    for round in 0..<12 {
                        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                        let number = UInt8(random >> 60)
                        let owner = worker < 2 ? "a" : "b"
                        shelf.store.announce(shelf.place(number, owner), isSingle: true)
                        let wish = ProcessStore.Wish(
                            owner: Shelf.owner(owner), kind: shelf.kind, held: Shelf.print(number), canFollow: { _ in true })
                        var answer = shelf.store.take(wish, now: Shelf.moment(round), waking: nil, takesAny: false)
                        let taken = answer.process.take()
                        let process = if let taken { taken } else { try await shelf.supply.start() }
                        shelf.store.put(
                            process, at: shelf.place(number, owner), isSingle: round % 2 == 0, now: Shelf.moment(round))
                    }
                }
            }
            try await group.waitForAll()
        }
        let load = shelf.store.load
        #expect(load.serving == 0 && load.idle <= 3 && load.idle > 0)
        shelf.store.end()
        while !shelf.store.bury() { sched_yield() }
        let counts = shelf.store.counts
        #expect(counts.kept + counts.rewound + counts.waiting + counts.fresh == 48)
        // Each that was started was let go once.
        #expect(counts.retired == counts.fresh && counts.died == 0)
    }
}
