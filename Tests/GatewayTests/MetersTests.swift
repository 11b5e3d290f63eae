import Platform
import Testing
import Vocabulary

@testable import ClaudeCLI
@testable import Gateway

@Suite("Limits of a key")
struct MetersTests {
    /// Noon of Saturday, 28 November 2026.
    private static let noon = 1_795_867_200
    private static let day = 86_400

    private func principal(_ words: String..., id: String = "alice") throws -> Principal {
        Principal(
            id: KeyID(named: id), name: id, options: try KeyOptions(words: words), owner: ProcessOwner(identity: []))
    }

    private func moment(_ now: Int = noon, seconds: Int = 1000) -> MeterMoment {
        MeterMoment(now: now, instant: Instant(nanoseconds: UInt64(seconds) * 1_000_000_000))
    }

    /// Has a turn begin, reserve and use; returns how many tokens its answer might have had, or why it might not.
    private func turn(
        _ meters: Meters, _ principal: Principal, most: Amounts = Amounts(), used: Amounts? = nil, each: Int = 0,
        at moment: MeterMoment
    ) -> Result<Int, LimitRefusal> {
        do throws(LimitRefusal) {
            var charge = try meters.begin(principal, at: moment)
            let need = need(most, each: each)
            let granted = try charge.reserve(need, as: UsageRecorder.Place(), at: moment)
            var record = UsageRecorder.Record()
            record.amounts = used ?? most
            charge.settle(record, as: UsageRecorder.Place(), at: moment)
            return .success(granted)
        } catch {
            return .failure(error)
        }
    }

    /// A turn whose prompt likely comes to half of the most.
    private func need(_ most: Amounts, each: Int) -> TurnNeed {
        var need = TurnNeed()
        (need.most, need.outputCost) = (most, each)
        need.prompt = Amounts(input: most.input / 2, cost: (most.cost - most.output * each) / 2)
        return need
    }

    private func reason(_ result: Result<Int, LimitRefusal>) -> LimitRefusal.Reason? {
        if case .failure(let refusal) = result { refusal.reason } else { nil }
    }

    @Test("of 200 requests at once ten pass that may ask ten times a minute")
    func rate() async throws {
        let (meters, alice) = (Meters(), try principal("rpm=10"))
        let passed = await withTaskGroup(of: Bool.self, returning: Int.self) { group in
            for _ in 0..<200 { group.addTask { reason(turn(meters, alice, at: moment())) == nil } }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(passed == 10)
    }

    @Test("in no minute there are more than its limit, wherever it begins")
    func rollingMinute() throws {
        let (meters, alice) = (Meters(), try principal("rpm=10"))
        var passed: [Int] = []
        for second in 0..<300 where reason(turn(meters, alice, at: moment(seconds: 1000 + second))) == nil { passed.append(second) }
        for second in passed { #expect(passed.count { (second..<second + 60).contains($0) } <= 10) }
        #expect(passed.count >= 40)
        guard case .failure(let refusal) = turn(meters, alice, at: moment(seconds: 1299)) else {
            Issue.record("it passed")
            return
        }
        #expect(refusal.reason == .rate && (1...61).contains(refusal.resetsAt - Self.noon))
    }

    @Test("turns side by side never pass a cap together; one that is alone has what is left, in a shorter answer")
    func reservation() throws {
        let (meters, alice) = (Meters(), try principal("spend-per-day=0.001"))
        // Each may cost a quarter of the cap: 100 tokens of input at 500, 200 of output at 1000.
        let most = Amounts(input: 100, output: 200, cached: 100, cost: 250_000)
        var charges: [Int] = []
        var reasons: [LimitRefusal.Reason] = []
        var first: TurnCharge? = try meters.begin(alice, at: moment())
        #expect(try first?.reserve(need(most, each: 1000), as: UsageRecorder.Place(), at: moment()) == 200)
        for _ in 0..<24 {
            switch turn(meters, alice, most: most, each: 1000, at: moment()) {
            case .success(let granted): charges.append(granted)
            case .failure(let refusal): reasons.append(refusal.reason)
            }
        }
        // One quarter is reserved all the time: three others fit, and then no more.
        #expect(charges == [200, 200, 200] && Set(reasons) == [.reserved])
        first = nil
        // What was reserved and not used is free again: 0.00025 dollars, of which 150 are used.
        #expect(try turn(meters, alice, most: most, used: Amounts(cost: 150_000), each: 1000, at: moment()).get() == 200)
        // 100,000 are left; the prompt likely takes 25,000 of them.
        #expect(try turn(meters, alice, most: most, used: Amounts(cost: 70_000), each: 1000, at: moment()).get() == 75)
        #expect(reason(turn(meters, alice, most: most, each: 1000, at: moment())) == .tooLarge)
        #expect(reason(turn(meters, alice, used: Amounts(cost: 30_000), at: moment())) == nil)
        #expect(reason(turn(meters, alice, most: most, each: 1000, at: moment())) == .spent)
    }

    @Test("an answer is made shorter rather than refused, down to what is worth nothing", arguments: [
        "output-tokens-per-day", "tokens-per-day",
    ])
    func shorter(name: String) throws {
        let (meters, alice) = (Meters(), try principal("\(name)=300"))
        let most = Amounts(output: 200)
        #expect(try turn(meters, alice, most: most, at: moment()).get() == 200)
        #expect(try turn(meters, alice, most: most, used: Amounts(output: 90), at: moment()).get() == 100)
        #expect(reason(turn(meters, alice, most: most, at: moment())) == .tooLarge)
        #expect(reason(turn(meters, alice, used: Amounts(output: 10), at: moment())) == nil)
        #expect(reason(turn(meters, alice, at: moment())) == .spent)
    }

    @Test("days, weeks from Monday and months are those of UTC", arguments: [
        ("day", 12 * 3600), ("week", 36 * 3600), ("month", 60 * 3600),
    ])
    func calendar(window: String, left: Int) throws {
        let (meters, alice) = (Meters(), try principal("requests-per-\(window)=1"))
        #expect(reason(turn(meters, alice, at: moment())) == nil)
        guard case .failure(let refusal) = turn(meters, alice, at: moment(Self.noon + left - 1)) else {
            Issue.record("it passed")
            return
        }
        #expect(refusal.reason == .spent && refusal.resetsAt == Self.noon + left)
        #expect(reason(turn(meters, alice, at: moment(Self.noon + left))) == nil)
    }

    @Test("a window that rolls holds at least its length, and opens when the hour has gone")
    func rolling() throws {
        let (meters, alice) = (Meters(), try principal("requests-per-day=1", "windows=rolling"))
        #expect(reason(turn(meters, alice, at: moment())) == nil)
        guard case .failure(let refusal) = turn(meters, alice, at: moment(Self.noon + Self.day)) else {
            Issue.record("it passed")
            return
        }
        #expect(refusal.resetsAt == Self.noon + Self.day + 3600)
        #expect(reason(turn(meters, alice, at: moment(refusal.resetsAt))) == nil)
    }

    @Test("a clock that is set forth and back gives each day its cap once")
    func clock() throws {
        let (meters, alice) = (Meters(), try principal("requests-per-day=2"))
        let days = [0, 1, 0, 400, 0, 1, -1, 0, 1, 400, -1]
        let passed = days.flatMap { day in
            (0..<3).filter { _ in reason(turn(meters, alice, at: moment(Self.noon + day * Self.day))) == nil }.map { _ in day }
        }
        #expect([-1, 0, 1, 400].map { day in passed.count { $0 == day } } == [2, 2, 2, 2])
    }

    @Test("what was used before a restart counts, also in the last minute")
    func restored() throws {
        let (meters, alice) = (Meters(), try principal("requests-per-day=5", "rpm=2"))
        meters.restore(alice.id, hour: Self.noon / 3600 - 1, Amounts(requests: 4))
        meters.restoreRecent(alice.id, age: 20, Amounts(requests: 1), at: moment().instant)
        #expect(reason(turn(meters, alice, at: moment())) == nil)
        #expect(reason(turn(meters, alice, at: moment())) == .rate || reason(turn(meters, alice, at: moment())) == .spent)
        #expect(reason(turn(meters, alice, at: moment(seconds: 1200))) == .spent)
    }

    @Test("a turn that is left alone has used nothing, and frees what it had reserved")
    func left() throws {
        let (meters, alice) = (Meters(), try principal("tokens-per-day=100"))
        do {
            var charge = try meters.begin(alice, at: moment())
            _ = try charge.reserve(need(Amounts(input: 50, output: 50), each: 0), as: UsageRecorder.Place(), at: moment())
        }
        #expect(try turn(meters, alice, most: Amounts(input: 50, output: 50), at: moment()).get() == 50)
    }

    @Test("the fullest share is told, and one that is used up by a cap of nothing")
    func share() throws {
        let (meters, alice) = (Meters(), try principal("spend-per-day=1", "tokens-per-month=1000"))
        _ = turn(meters, alice, most: Amounts(input: 100, output: 100, cost: 800_000_000), at: moment())
        let share = try #require(meters.share(of: alice, at: moment()))
        #expect(share.cap.name == "spend-per-day" && share.utilization == 0.8 && share.resetsAt == Self.noon + 12 * 3600)
        let nothing = try principal("spend-per-day=0", id: "bob")
        #expect(meters.share(of: nothing, at: moment())?.utilization == 1)
        #expect(reason(turn(meters, nothing, at: moment())) == .spent)
        #expect(meters.share(of: try principal("rpm=1"), at: moment()) == nil)
    }

    @Test("of several limits that are reached the one that lasts longest is told")
    func severalReached() throws {
        let (meters, alice) = (Meters(), try principal("requests-per-day=1", "requests-per-month=1", "rpm=1"))
        #expect(reason(turn(meters, alice, at: moment())) == nil)
        guard case .failure(let refusal) = turn(meters, alice, at: moment()) else {
            Issue.record("it passed")
            return
        }
        #expect(refusal.cap.window == .month && refusal.reason == .spent)
    }

    @Test("a request that is turned away for another reason counts for nothing")
    func cancelled() throws {
        let (meters, alice) = (Meters(), try principal("requests-per-day=1", "rpm=1", "tokens-per-day=10"))
        for _ in 0..<3 {
            var charge = try meters.begin(alice, at: moment())
            _ = try charge.reserve(need(Amounts(output: 10), each: 0), as: UsageRecorder.Place(), at: moment())
            charge.cancel()
        }
        #expect(try turn(meters, alice, most: Amounts(output: 10), at: moment()).get() == 10)
    }

    @Test("what an answer has used counts before its end, so that whoever goes on at once finds what is left")
    func foreseen() throws {
        let (meters, alice) = (Meters(), try principal("tokens-per-day=100"))
        var charge = try meters.begin(alice, at: moment())
        _ = try charge.reserve(need(Amounts(output: 100), each: 0), as: UsageRecorder.Place(), at: moment())
        #expect(reason(turn(meters, alice, most: Amounts(output: 60), at: moment())) == .reserved)
        charge.foresee(Amounts(output: 40), at: moment())
        #expect(try turn(meters, alice, most: Amounts(output: 60), used: Amounts(output: 30), at: moment()).get() == 60)
        var record = UsageRecorder.Record()
        record.amounts = Amounts(output: 50)
        charge.settle(record, as: UsageRecorder.Place(), at: moment())
        #expect(meters.used(alice.id, in: .day, at: moment()).output == 80)
    }

    @Test("what a run has used counts while it goes on, and a share that is used up by it is told, but no limit by the minute")
    func goingOn() throws {
        let (meters, alice) = (Meters(), try principal("input-tokens-per-day=1000", "tokens-per-minute=100"))
        var charge = try meters.begin(alice, at: moment())
        _ = try charge.reserve(need(Amounts(input: 50, output: 10), each: 0), as: UsageRecorder.Place(), at: moment())
        let first = charge.note(Amounts(input: 900), at: moment())
        #expect(first == nil)
        #expect(meters.used(alice.id, in: .day, at: moment()).input == 900)
        let second = charge.note(Amounts(input: 1000), at: moment(seconds: 2000))
        let refusal = try #require(second)
        #expect(refusal.reason == .spent && refusal.cap.window == .day && refusal.utilization == 1)
        var record = UsageRecorder.Record()
        record.amounts = Amounts(input: 1100, output: 5)
        charge.settle(record, as: UsageRecorder.Place(), at: moment(seconds: 3000))
        let used = meters.used(alice.id, in: .day, at: moment())
        #expect(used.input == 1100 && used.output == 5)
    }

    @Test("a request that no minute has room for is told so, and not to come again")
    func neverFits() throws {
        let (meters, alice) = (Meters(), try principal("input-tokens-per-minute=100"))
        #expect(reason(turn(meters, alice, most: Amounts(input: 400), at: moment())) == .tooLarge)
        #expect(reason(turn(meters, alice, most: Amounts(input: 150), used: Amounts(input: 60), at: moment())) == nil)
        #expect(reason(turn(meters, alice, most: Amounts(input: 100), at: moment())) == .rate)
    }

    @Test("more hours than can be kept forget the farthest first, whichever way the clock was set")
    func manyHours() {
        var meter = KeyMeter()
        for hour in 0..<3000 { meter.add(Amounts(requests: 1), hour: 500_000 + hour) }
        #expect(meter.hours.first?.hour == 501_400 && meter.hours.last?.hour == 502_999)
        meter.add(Amounts(requests: 1), hour: 600_000)
        for hour in 0..<1600 { meter.add(Amounts(requests: 1), hour: 502_000 + hour) }
        #expect(meter.hours.last?.hour == 503_599)
    }

    @Test("keys that come and go leave nothing behind, and nobody's turn is disturbed")
    func churn() throws {
        let meters = Meters()
        let stays = try principal("spend-per-day=5", id: "stays")
        _ = turn(meters, stays, used: Amounts(cost: 7), at: moment())
        for number in 0..<1000 {
            let key = Principal(
                stored: KeyID(stored: "\(number)"), name: "k\(number)", options: stays.options, sealedUnder: KeySecretHash())
            _ = turn(meters, key, used: Amounts(cost: 1), at: moment())
            meters.forget(key.id)
        }
        #expect(meters.count == 1)
        // What they cost was the account's.
        #expect(meters.accounts.cost(in: "", since: Self.noon, now: Self.noon) == 1007)
        let gone = Principal(
            stored: KeyID(stored: "gone"), name: "gone", options: stays.options, sealedUnder: KeySecretHash())
        var charge = try meters.begin(gone, at: moment())
        let need = need(Amounts(cost: 4 * KeyCap.nanoDollars), each: 1)
        _ = try charge.reserve(need, as: UsageRecorder.Place(), at: moment())
        meters.forget(gone.id)
        #expect(meters.count == 2, "its turn still holds what it has reserved")
        #expect(throws: LimitRefusal.self) {
            var second = try meters.begin(gone, at: moment())
            _ = try second.reserve(need, as: UsageRecorder.Place(), at: moment())
        }
        charge.settle(UsageRecorder.Record(), as: UsageRecorder.Place(), at: moment())
        #expect(meters.count == 1)
    }

    @Test("what was missed is found later: keys of the ledger at once, others when no limit counts so far back")
    func sweep() throws {
        let meters = Meters()
        let ids = [KeyID(stored: "1"), KeyID(stored: "2"), KeyID(named: "alice"), KeyID(named: "bob")]
        for id in ids { meters.restore(id, hour: Self.noon / 3600, Amounts(cost: 1)) }
        let known = [ids[1], ids[3]]
        meters.forget(unless: known.contains, now: Self.noon)
        #expect(meters.count == 3 && meters.used(ids[2], in: .day, at: moment()).cost == 1)
        meters.forget(unless: known.contains, now: Self.noon + 33 * Self.day)
        #expect(meters.count == 2 && meters.used(ids[3], in: .day, at: moment()).cost == 1)
    }

    @Test("what begins no turn is a matter of the limits on requests alone")
    func requestsAlone() throws {
        let meters = Meters()
        let alice = try principal("requests-per-minute=2", "spend-per-day=1")
        _ = turn(meters, alice, used: Amounts(cost: KeyCap.nanoDollars), at: moment())
        let charge = try meters.begin(alice, isTurn: false, at: moment())
        charge.settle(UsageRecorder.Record(), as: UsageRecorder.Place(), at: moment())
        do throws(LimitRefusal) {
            _ = try meters.begin(alice, isTurn: false, at: moment())
            Issue.record("a third request was let in")
        } catch { #expect(error.cap.metric == .requests && error.reason == .rate) }
    }

    @Test("a clock that is far ahead of all that is stored is not tidied by until it has gone on like one")
    func tidyClock() {
        let ahead = Self.noon + 400 * Self.day
        var (first, passed) = (TidyClock(), 0)
        /// So many seconds later by the clock that nobody sets.
        func may(_ now: Int, _ newest: Int?, later seconds: Int = 3600) -> Bool {
            passed += seconds
            let instant = Instant(nanoseconds: UInt64(1_000_000_000 * (1 + passed)))
            return first.mayTidy(at: MeterMoment(now: now, instant: instant), newest: newest)
        }
        #expect(!may(ahead, Self.noon), "the service may have rested, or the clock may be wrong")
        #expect(may(ahead + 3600, Self.noon))
        // What turns count under a clock that was set makes it no truer.
        #expect(!may(ahead + 400 * Self.day, ahead + 400 * Self.day))
        #expect(!may(ahead, ahead), "it was set back")
        #expect(may(ahead + 3600, nil))
        first = TidyClock()
        #expect(may(ahead, nil), "where nothing is stored nothing can be lost")
        first = TidyClock()
        #expect(may(Self.noon + 30 * Self.day, Self.noon))
    }
}
