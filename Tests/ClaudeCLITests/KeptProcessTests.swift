import Glibc
import Platform
import Synchronization
import Testing
import Vocabulary

@testable import ClaudeCLI

/// The CLI is a shell script that answers every message with its process id, and can forget.
@Suite("One process serves many turns", .timeLimit(.minutes(1)))
struct KeptProcessTests {
    private static let script = #"""
        say() { printf '%s\n' "$1"; }
        done_() { say "{\"type\":\"control_response\",\"response\":{\"subtype\":\"success\",\"request_id\":\"$1\",\"response\":{\"rewound\":true}}}"; }
        while read -r row; do
          case "$row" in
          *rewind_conversation*) done_ w ;;
          *apply_flag_settings*) done_ s ;;
          *set_model*) done_ p ;;
          *'"shouldQuery":false'*) say '{"type":"result","is_error":false,"num_turns":0,"subtype":"success"}' ;;
          *DIE*) exit 1 ;;
          *'"type":"user"'*)
            say '{"type":"system","subtype":"init"}'
            say '{"type":"stream_event","event":{"type":"message_start","message":{"id":"m","model":"x","usage":{}}}}'
            say "{\"type\":\"stream_event\",\"event\":{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"$$\"}}}"
            say '{"type":"stream_event","event":{"type":"content_block_stop","index":0}}'
            say '{"type":"stream_event","event":{"type":"message_delta","delta":{"stop_reason":"stop_sequence"},"usage":{"output_tokens":1}}}'
            case "$row" in *SILENT*) ;; *PARTIAL*) printf '{"type":"result","is_error":false,"num_turns":1}\n{"type"' ;;
            *) say '{"type":"result","is_error":false,"num_turns":1,"subtype":"success"}' ;; esac ;;
          esac
        done
        """#

    private static func plan(_ texts: [JSONText], system: [JSONText] = []) throws -> TurnPlan {
        var conversation = Conversation(model: "sonnet")
        conversation.system = system
        conversation.turns = texts.enumerated().map { Turn($0.offset.isMultiple(of: 2) ? .user : .assistant, [.text($0.element)]) }
        return try TurnPlan(answering: conversation, model: "claude-sonnet-5-5")
    }

    /// One turn through the store: whether its process had served before, and that one's id as it says it.
    private struct Served: Equatable {
        var isKept: Bool
        var isUnfit = false
        var said: Int32?
    }

    private static func serve(
        _ plan: TurnPlan, _ shelf: Shelf, owner: String = "a", holding held: UInt8, then holds: UInt8?,
        features: CLIFeatures = .all, isSingle: Bool = true
    ) async throws -> Served {
        try await Harness.onLoop { loop in
            let wakeup = Wakeup()
            let needs = TurnNeeds(
                plan, of: Shelf.owner(owner), holding: Shelf.print(held), from: shelf.supply, program: shelf.program,
                features: features)
            let session = try #require(try await shelf.store.session(for: needs, on: loop, waking: wakeup))
            let lines = await Harness.drain(session, on: loop)
            let isKept = [CLISession.Origin.kept, .rewound].contains(session.origin)
            var served = Served(isKept: isKept, isUnfit: session.isUnfit)
            served.said = lines.lazy.compactMap { $0.hasPrefix("text ") ? Int32($0.dropFirst(5)) : nil }.first
            #expect(served.said == nil || served.said == session.pid)
            let place = needs.home.flatMap { home in
                holds.map { ProcessStore.Place(of: home, holding: Shelf.print($0)) }
            }
            if let place { shelf.store.announce(place, isSingle: isSingle) }
            await shelf.store.finish(session, at: place, isSingle: isSingle, now: loop.now)
            return served
        }
    }

    private static func end(_ shelf: Shelf) {
        shelf.store.end()
        while !shelf.store.bury() { sched_yield() }
        #expect(shelf.store.load == (idle: 0, waiting: 0, serving: 0))
    }

    @Test("a conversation goes on in its process, and another of the same owner in the same")
    func living() async throws {
        let shelf = try Shelf(script: Self.script)
        let first = try await Self.serve(try Self.plan(["q1"], system: ["S."]), shelf, holding: 0, then: 1)
        #expect(!first.isKept && first.said != nil && shelf.store.load == (idle: 1, waiting: 0, serving: 0))
        let next = Served(isKept: true, said: first.said)
        #expect(try await Self.serve(try Self.plan(["q1", "a1", "q2"], system: ["S."]), shelf, holding: 1, then: 2) == next)
        #expect(try await Self.serve(try Self.plan(["o1", "a", "o2"], system: ["T."]), shelf, holding: 7, then: 3) == next)
        #expect(try await Self.serve(try Self.plan(["o1", "a", "o2", "b", "o3"], system: ["T."]), shelf, holding: 3, then: 4) == next)
        #expect(shelf.store.counts.kept == 2 && shelf.store.counts.rewound == 1 && shelf.store.counts.fresh == 1)
        // Another owner's turn has one of its own.
        let other = try await Self.serve(try Self.plan(["q1"], system: ["S."]), shelf, owner: "b", holding: 4, then: 5)
        #expect(!other.isKept && other.said != first.said)
        // A prompt cannot be taken away, and a conversation of several turns is not forgotten at once.
        #expect(try await !Self.serve(try Self.plan(["q1"]), shelf, holding: 8, then: nil).isKept)
        Self.end(shelf)
    }

    @Test("what the CLI cannot do is not asked of it")
    func features() async throws {
        let shelf = try Shelf(script: Self.script)
        _ = try await Self.serve(try Self.plan(["q1"]), shelf, holding: 0, then: 1)
        let noRewind = CLIFeatures(missing: [.rewinds])
        #expect(try await !Self.serve(try Self.plan(["o"]), shelf, holding: 9, then: nil, features: noRewind).isKept)
        let noGoing = CLIFeatures(missing: [.continues])
        let plan = try Self.plan(["q1", "a1", "q2"])
        #expect(try await !Self.serve(plan, shelf, holding: 1, then: 2, features: noGoing).isKept)
        // It was not put by either.
        #expect(shelf.store.load.idle == 1)
        var conversation = Conversation(model: "sonnet")
        conversation.turns = [
            Turn(.user, [.text("q1")]), Turn(.assistant, [.toolUse(id: "t", name: "f", input: JSONFragment("{}"))]),
            Turn(.user, [.toolResult(id: "t", content: [.text("r")], isError: false)]),
        ]
        let results = try TurnPlan(answering: conversation, model: "sonnet")
        let noResults = CLIFeatures(missing: [.answersCalls])
        #expect(try await !Self.serve(results, shelf, holding: 1, then: nil, features: noResults).isKept)
        #expect(try await Self.serve(results, shelf, holding: 1, then: nil).isKept)
        Self.end(shelf)
    }

    @Test("one that has died since is found out, and one that dies before its turn begins is unfit")
    func dies() async throws {
        let shelf = try Shelf(script: Self.script)
        let first = try await Self.serve(try Self.plan(["q1"]), shelf, holding: 0, then: 1)
        let pid = try #require(first.said)
        let end = ProcessEnd(pid)
        kill(-pid, SIGKILL)
        #expect(end.hasCome)
        let second = try await Self.serve(try Self.plan(["q1", "a1", "q2"]), shelf, holding: 1, then: 2)
        #expect(!second.isKept && second.said != nil && !second.isUnfit)
        let third = try await Self.serve(try Self.plan(["q1", "a1", "q2", "a2", "DIE"]), shelf, holding: 2, then: nil)
        #expect(third == Served(isKept: true, isUnfit: true))
        #expect(try await Self.serve(try Self.plan(["DIE"]), shelf, holding: 5, then: nil) == Served(isKept: false))
        Self.end(shelf)
    }

    @Test("with reuse off every turn has a process of its own, which ends with it")
    func off() async throws {
        let shelf = try Shelf(script: Self.script) { $0.reuse = .off }
        let first = try await Self.serve(try Self.plan(["q1"]), shelf, holding: 0, then: 1)
        let end = ProcessEnd(try #require(first.said))
        let second = try await Self.serve(try Self.plan(["q1", "a1", "q2"]), shelf, holding: 1, then: 2)
        #expect(!second.isKept && second.said != first.said)
        #expect(shelf.store.load == (idle: 0, waiting: 0, serving: 0))
        _ = shelf.store.bury()
        #expect(end.hasCome)
        Self.end(shelf)
    }

    @Test("a program that was replaced is told nothing, and counts for nothing")
    func replaced() async throws {
        let shelf = try Shelf(script: Self.script)
        unsafe unlink(shelf.supply.profile.path)
        let isNil = try await Harness.onLoop { loop in
            let needs = TurnNeeds(
                try Self.plan(["q"]), of: Shelf.owner("a"), holding: Shelf.print(0), from: shelf.supply,
                program: shelf.program, features: .all)
            let session = try await shelf.store.session(for: needs, on: loop, waking: Wakeup())
            return session == nil
        }
        #expect(isNil && shelf.store.load.serving == 0)
    }

    // MARK: - Handing over

    @Test("a process goes from a loop to another, with what it remembers")
    func otherLoop() async throws {
        let supply = try Harness.supply(script: Self.script)
        let living = try await Harness.onLoop { loop in
            let session = supply.serve(try Self.plan(["q1"]), with: try await supply.start(), on: loop, waking: Wakeup())
            #expect(await Harness.drain(session, on: loop).last?.hasPrefix("finished stop_sequence") == true)
            #expect(!session.handsOver(), "its end is not known yet")
            await session.settle(keeping: true)
            #expect(session.isReusable)
            let process = session.detach()
            #expect(!session.isReusable && !session.handsOver() && session.retire())
            return Parcel(process)
        }
        let second = try EventLoop()
        try second.start()
        // Unstructured because only a task can be given an executor.
        let said = try await Task(executorPreference: second) {
            guard let process = living.take() else { throw Fault(.internalError, "no process was handed over") }
            let (pid, memory) = (process.pid, process.memory)
            #expect(memory.nextRow == 1 && process.hasServed)
            let wakeup = Wakeup()
            let session = supply.serve(
                try Self.plan(["q1", "a1", "q2"]), from: .kept(memory), with: process, on: second, waking: wakeup)
            let lines = await Harness.drain(session, on: second)
            #expect(session.origin == .kept && session.pid == pid && lines.contains("text \(pid)"))
            await session.settle(keeping: false)
            session.kill()
            await session.end()
            return kill(pid, 0)
        }.value
        second.stop()
        #expect(said == -1)
    }

    @Test("one that does not say that its turn is over is waited for so long, and not handed over", arguments: ["SILENT", "PARTIAL"])
    func unsettled(text: String) async throws {
        var limits = CLILimits()
        limits.settleMilliseconds = 60
        limits.quotaMilliseconds = 20
        let supply = try Harness.supply(script: Self.script, limits: limits)
        try await Harness.onLoop { loop in
            let session = supply.serve(
                try Self.plan([JSONText(text)]), with: try await supply.start(), on: loop, waking: Wakeup())
            _ = await Harness.drain(session, on: loop)
            let start = loop.now
            await session.settle(keeping: true)
            if text == "SILENT" { #expect(loop.now.since(start) >= Milliseconds(60) && !session.isReusable) }
            #expect(!session.handsOver())
            session.kill()
            await session.settle(keeping: true)
            await session.end()
        }
    }

    @Test("a turn that is not over is not handed over")
    func running() async throws {
        let supply = try Harness.supply(script: "exec cat >/dev/null")
        try await Harness.onLoop { loop in
            let session = supply.serve(try Self.plan(["q"]), with: try await supply.start(), on: loop, waking: Wakeup())
            await session.settle(keeping: true)
            #expect(!session.isReusable && !session.handsOver())
            session.kill()
            await session.end()
        }
    }
}

extension CLISession {
    /// True where there was a process to be handed over, which is ended at once: macros do not take what cannot be copied.
    fileprivate func handsOver() -> Bool {
        switch detach() {
        case .none: false
        case .some: true
        }
    }
}

/// Carries a process out of a task.
private final class Parcel: Sendable {
    private let content: Mutex<Content>
    private struct Content: ~Copyable { var process: LivingProcess? }

    init(_ process: consuming LivingProcess?) { content = Mutex(Content(process: process)) }

    func take() -> LivingProcess? { content.withLock { $0.process.take() } }
}
