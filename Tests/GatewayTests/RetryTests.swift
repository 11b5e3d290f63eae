import ClaudeCLI
import Platform
import Testing
import Vocabulary

@testable import Gateway
@testable import Server

@Suite("A turn that fails before the client was told anything")
struct RetryTests {
    private static let everything = Ask.all(streams: true) + Ask.all(streams: false)

    @Test("is begun again where its CLI has died", arguments: everything)
    func diesAtFirst(ask: Ask) async throws {
        let seen = try await Scene.play(ask) { $0.turns = [[], try .recorded("text_stream")] }
        #expect(seen.status == 200 && seen.end != .cut && seen.body.contains("upstream."))
        #expect((seen.begun, seen.ended) == (2, 2))
        #expect(seen.log.contains("status=200") && seen.log.contains("retries=1") && !seen.log.contains("fault="))
        #expect(seen.log.contains("level=info"))
    }

    @Test("is begun again where tokens were to be counted", arguments: Ask.counts)
    func countDies(ask: Ask) async throws {
        let seen = try await Scene.play(ask) { $0.turns = [[], [.counts(77)]] }
        #expect(seen.status == 200 && seen.body.contains("77") && seen.begun == 2)
    }

    @Test("is begun again where the stream has broken before its first word", arguments: everything)
    func tornAtFirst(ask: Ask) async throws {
        let seen = try await Scene.play(ask) { scene in
            let torn = try [RecordedTurn.Step].recorded("mid_stream_overloaded_no_fallback", without: "content_block")
            scene.turns = [torn, try .recorded("text_stream")]
        }
        #expect(seen.status == 200 && seen.body.contains("upstream.") && seen.begun == 2)
        #expect(seen.spent.map(\.requests) == [0, 1])
        // The vendor asks for a second, which is waited for.
        #expect(seen.spent.last.map { $0.waitMilliseconds >= 1000 && $0.milliseconds >= 1000 } == true)
    }

    @Test("is begun so often that the vendor is asked no more than the budget allows", arguments: everything)
    func bounded(ask: Ask) async throws {
        let seen = try await Scene.play(ask) { $0.turns = [[], [], []] }
        #expect(seen.status == 502 && seen.end == .whole && seen.begun == 3)
        #expect(seen.spent.map(\.requests) == [0, 1, 2])
        #expect(seen.log.contains("retries=2") && seen.log.contains("The CLI ended without an answer"))
    }

    @Test("shares its budget with the CLI, which asks again by itself")
    func shared() async throws {
        let seen = try await Scene.play(.message(streams: true)) { scene in
            let (once, _) = try [RecordedTurn.Step].recorded("e529_retries2", before: #""attempt":2"#)
            scene.turns = [once, []]
        }
        // Asked twice by the first CLI, once by the second.
        #expect(seen.begun == 2 && seen.spent.map(\.requests) == [0, 2])
        #expect(seen.log.contains("retries=1 cli_retries=1"))
    }

    @Test(
        "is not begun again where that cannot help",
        arguments: [
            "e400", "e401", "e403", "e404_model", "e413", "e400_credit", "not_logged_in", "rl_rejected",
            "e429_retryafter_long", "e500_retries2", "prompt_too_long_client_side",
        ])
    func hopeless(recording: String) async throws {
        for streams in [true, false] {
            let seen = try await Scene.play(.message(streams: streams)) { $0.turns = [try .recorded(recording)] }
            #expect(seen.begun == 1 && seen.status >= 400 && !seen.log.contains(" retries="))
        }
    }

    @Test("is not begun again behind a sign of life", arguments: Ask.all(streams: true))
    func behindASign(ask: Ask) async throws {
        let seen = try await Scene.play(ask, pingSeconds: 0) { $0.turns = [[.isSilent]] }
        #expect(seen.begun == 1 && seen.status == 200 && seen.body.contains("ended without an answer"))
    }

    @Test("is not begun again behind the first word of a stream", arguments: Ask.all(streams: true))
    func behindAWord(ask: Ask) async throws {
        let seen = try await Scene.play(ask) { scene in
            let (beginning, _) = try [RecordedTurn.Step].recorded("text_stream", before: #""text":"loopback "#)
            scene.turns = [beginning]
        }
        #expect(seen.begun == 1 && seen.status == 200 && seen.body.contains("ended without an answer"))
    }

    @Test("is not begun again for a client that has gone meanwhile", arguments: everything)
    func clientGoes(ask: Ask) async throws {
        let seen = try await Scene.play(ask) { scene in
            scene.turns = [[]]
            scene.supply.onEnd = { [channel = scene.channel] in channel.isClientGone = true }
        }
        #expect(seen.begun == 1 && seen.end == .cut && seen.log.contains("status=499"))
    }

    @Test("is not begun again by a service that ends meanwhile", arguments: everything)
    func serviceEnds(ask: Ask) async throws {
        let seen = try await Scene.play(ask) { scene in
            scene.turns = [[]]
            scene.supply.onEnd = { [state = scene.seat.state] in state.enter(.ending) }
        }
        #expect(seen.begun == 1 && seen.status == 503 && seen.body.contains("being stopped"))
    }

    @Test("is not begun again where the operator allows no retries")
    func switchedOff() async throws {
        var limits = CLILimits()
        limits.maxRetries = 0
        let seen = try await Scene.play(.chat(streams: false), limits: limits) { $0.turns = [[]] }
        #expect(seen.begun == 1 && seen.status == 502)
    }
}

@Suite("The budget of retries")
struct RetryBudgetTests {
    private let start = Instant(nanoseconds: 1_000_000_000)
    private let fault = Fault.passing(.badGateway, "")

    private func budget(_ change: (inout CLILimits) -> Void = { _ in }) -> RetryBudget {
        var limits = CLILimits()
        change(&limits)
        var budget = RetryBudget(limits)
        budget.begin(at: start)
        return budget
    }

    private func spending(_ change: (inout TurnSpending) -> Void) -> TurnSpending {
        var spending = TurnSpending()
        change(&spending)
        return spending
    }

    @Test("waits grow, and half of each is chance")
    func waits() {
        var waits: [[Int]] = [[], []]
        for _ in 0..<200 {
            var budget = budget()
            for index in 0..<2 { waits[index].append(budget.wait(after: fault, at: start)?.count ?? -1) }
            #expect(budget.wait(after: fault, at: start) == nil && budget.retries == 2)
        }
        #expect(waits[0].allSatisfy { 200...400 ~= $0 } && Set(waits[0]).count > 20)
        #expect(waits[1].allSatisfy { 400...800 ~= $0 } && Set(waits[1]).count > 20)
    }

    @Test("a wait that the vendor asks for is kept, and one beyond the patience is the client's")
    func patience() {
        var fault = fault
        fault.retryAfterSeconds = 3
        var first = budget()
        #expect(first.wait(after: fault, at: start).map { 3000...3200 ~= $0.count } == true)
        fault.retryAfterSeconds = 10
        #expect(first.wait(after: fault, at: start) == nil)
        var second = budget()
        second.note(spending { $0.waitMilliseconds = 8000 })
        fault.retryAfterSeconds = 3
        #expect(second.wait(after: fault, at: start) == nil)
    }

    @Test("nothing is tried again behind the request's deadline")
    func deadline() {
        var budget = budget { $0.requestMilliseconds = 5000 }
        #expect(budget.wait(after: fault, at: start + Milliseconds(4900)) == nil)
        #expect(budget.wait(after: fault, at: start + Milliseconds(1000)) != nil)
        #expect(budget.spent(at: start + Milliseconds(1500)).milliseconds == 1500)
    }

    @Test("what a server's tool has done is not done twice")
    func actions() {
        var budget = budget()
        budget.note(spending { $0.hasActed = true })
        #expect(budget.wait(after: fault, at: start) == nil)
    }

    @Test("the vendor's requests are counted, the CLI's own retries among them")
    func requests() {
        var budget = budget()
        budget.note(spending { $0.requests = 2 })
        #expect(budget.wait(after: fault, at: start) != nil && budget.cliRetries == 1)
        budget.note(spending { $0.requests = 1 })
        #expect(budget.wait(after: fault, at: start) == nil && budget.spent(at: start).requests == 3)
    }
}
