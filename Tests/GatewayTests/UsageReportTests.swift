import ClaudeCLI
import Platform
import TestSupport
import Testing
import Vocabulary

@testable import Gateway
@testable import Ledger

@Suite("Reports on usage", .timeLimit(.minutes(2)))
struct UsageReportTests {
    private static let today = CivilDate(year: 2026, month: 11, day: 28)
    private static let hour = today.daysSince1970 * 24

    private func count(_ number: Int) -> UsageCount {
        var count = UsageCount()
        (count.requests, count.failures) = (number, number / 2)
        (count.input, count.output, count.cacheRead, count.cacheWrite) = (10 * number, number, 100 * number, 20 * number)
        (count.cost, count.milliseconds) = (1_234_567_890 * number, 500 * number)
        return count
    }

    private func query(_ parameters: (String, String)...) throws(ValueProblem) -> UsageQuery {
        var query = UsageQuery(today: Self.today)
        for (name, value) in parameters { _ = try query.take(name, value, today: Self.today) }
        return query
    }

    // MARK: - Questions

    @Test("this month until today is asked for unless something else is said")
    func defaults() throws {
        let plain = try query()
        #expect(plain.filter(owner: nil).since == (Self.today.daysSince1970 - 27) * 24)
        #expect(plain.filter(owner: nil).until == (Self.today.daysSince1970 + 1) * 24)
        #expect(plain.grouping == .day)
    }

    @Test("days are written as they are, or counted back from today")
    func days() throws {
        let last = try query(("since", "7d"), ("until", "yesterday"), ("by", "model"), ("key", "alice"))
        #expect(last.first == Self.today.daysSince1970 - 6)
        #expect(last.last == Self.today.daysSince1970 - 1)
        #expect(last.grouping == .model && last.key == "alice")
        #expect(try query(("since", "2026-02-28")).first == CivilDate(year: 2026, month: 2, day: 28).daysSince1970)
    }

    @Test("the two ends may be said in either order, and one alone is as good")
    func ends() throws {
        let days = { (year: Int, month: Int, day: Int) in CivilDate(year: year, month: month, day: day).daysSince1970 }
        let turned = try query(("since", "2026-03-09"), ("until", "2026-02-28"))
        #expect((turned.first, turned.last) == (days(2026, 2, 28), days(2026, 3, 9)))
        let before = try query(("until", "2026-10-31"))
        #expect((before.first, before.last) == (days(2026, 10, 1), days(2026, 10, 31)))
        let ahead = try query(("since", "2027-01-02"))
        #expect((ahead.first, ahead.last) == (days(2027, 1, 2), days(2027, 1, 2)))
    }

    @Test(
        "what is no day and no grouping is refused",
        arguments: [("since", "2026-02-30"), ("since", "0d"), ("until", "tomorrow"), ("by", "hour")])
    func refused(name: String, value: String) {
        #expect(throws: ValueProblem.self) { try query((name, value)) }
    }

    // MARK: - Tables

    private func table(_ grouping: UsageGrouping = .day) throws -> UsageTable {
        let groups: [UsageGroup] =
            grouping == .day
            ? [.from(hour: Self.hour - 24), .from(hour: Self.hour)] : [.name("key:K1"), .name("bob")]
        let usage = groups.enumerated().map { UsageRow(group: $0.element, count: count($0.offset + 1)) }
        let refusals = [RefusalRow(group: groups[0], reason: "spend-per-day", count: 3)]
        return UsageTable(try query(("by", grouping.rawValue)), usage, refusals, names: ["key:K1": "alice"])
    }

    @Test("rows are aligned, money has two places or four, and a total stands below")
    func text() throws {
        let lines = try table().text.split(separator: "\n").map(String.init)
        #expect(lines.count == 4)
        #expect(Set(lines.map(\.count)).count == 1)
        #expect(lines[1].hasPrefix("2026-11-27") && lines[1].hasSuffix("$1.23"))
        #expect(lines[3].hasPrefix("total") && lines[3].hasSuffix("$3.70"))
        var cheap = UsageCount()
        cheap.cost = 1_250_000
        cheap.requests = 1
        let one = UsageTable(try query(), [UsageRow(group: .from(hour: Self.hour), count: cheap)], [], names: [:])
        #expect(one.text.hasSuffix("$0.0013"))
    }

    @Test("keys of the ledger have their names, and are told whole in CSV")
    func csv() throws {
        let lines = try table(.key).csv.split(separator: "\r\n").map(String.init)
        let head =
            "key,requests,failures,input_tokens,cache_write_tokens,cache_read_tokens,output_tokens,cost_usd,"
            + "milliseconds,first_milliseconds,refused:spend-per-day"
        #expect(lines == [head, "alice,1,0,10,20,100,1,1.234567890,500,0,3", "bob,2,1,20,40,200,2,2.469135780,1000,0,0"])
    }

    @Test("what a sheet would take for a formula is no formula, and quotes are doubled")
    func formulas() throws {
        let rows = ["=1+1", "a\"b,c"].map { UsageRow(group: .name($0), count: count(1)) }
        let lines = UsageTable(try query(("by", "client")), rows, [], names: [:]).csv.split(separator: "\r\n")
        #expect(lines[1].hasPrefix("'=1+1,") && lines[2].hasPrefix("\"a\"\"b,c\","))
    }

    @Test("refusals have their reasons where they are known, and are summed where they are not")
    func refusals() throws {
        #expect(try table().rows.map(\.refusals) == [["spend-per-day": 3], [:]])
        let reasons = [RefusalRow(group: .name("busy"), reason: "busy", count: 2)]
        let models = UsageTable(
            try query(("by", "model")), [UsageRow(group: .name("opus"), count: count(1))], reasons, names: [:])
        #expect(models.rows.map(\.name) == ["opus"])
        #expect(models.rows[0].refusals == nil)
        #expect(models.total.refusals == ["busy": 2])
    }

    // MARK: - The command

    @Test("the command's own words are taken, others are settings")
    func command() throws {
        let request = try UsageCommand.Request(
            ["--by=key", "--state-dir", "/x", "--since", "2026-11-01", "--csv"], today: Self.today)
        #expect(request.query.grouping == .key && request.form == .csv)
        #expect(request.options == ["--state-dir", "/x"])
        for wrong in [["--by"], ["--by", "hour"], ["--since", "x"], ["--until=x"]] {
            #expect(throws: ConfigurationFault.self, "\(wrong)") { try UsageCommand.Request(wrong, today: Self.today) }
        }
    }

    @Test("the ledger is read beside the service that has it, by the names of keys")
    func beside() async throws {
        let folder = try Scratch()
        let none = try query()
        #expect(throws: ConfigurationFaults.self) { try UsageCommand.table(none, in: folder.path) }
        let ledger = try Ledger(path: folder.path(of: "ledger.sqlite"))
        let key = NewKey(id: "K1", name: "alice", options: "", digest: [UInt8](repeating: 7, count: 32))
        try await done { ledger.keys.add(key, by: Act(at: 1, actor: "root"), then: $0) }
        try await use(ledger, "key:K1", count(1))
        try await use(ledger, "bob", count(2))
        let all = try UsageCommand.table(try query(("by", "key")), in: folder.path)
        #expect(all.rows.map(\.name) == ["alice", "bob"])
        let one = try UsageCommand.table(try query(("key", "alice")), in: folder.path)
        #expect(one.rows.map(\.count) == [count(1)])
        #expect(try UsageCommand.table(try query(("key", "nobody")), in: folder.path).rows.isEmpty)
    }

    /// Has the ledger do something and waits for it.
    private func done<Value: Sendable>(
        _ act: (@escaping @Sendable (Result<Value, LedgerFault>) -> Void) -> Void
    ) async throws {
        let result = await withCheckedContinuation { continuation in act { continuation.resume(returning: $0) } }
        _ = try result.get()
    }

    private func use(_ ledger: Ledger, _ owner: String, _ count: UsageCount, hour: Int = hour) async throws {
        var batch = UsageBatch()
        batch.usage[UsagePlace(owner: owner, model: "opus", client: "codex", hour: hour)] = count
        batch.refusals = [RefusalDelta(owner: owner, reason: "busy", hour: hour, count: 1)]
        let filled = batch
        try await done { ledger.usage.apply(filled, then: $0) }
    }

    // MARK: - Served

    @Test("a key is told of its own usage, and an administrator of everybody's")
    func served() async throws {
        let service = try await TestService()
        let now = WallClock.unixSeconds / 3600
        try await use(service.site.ledger, "first", count(1), hour: now)
        try await use(service.site.ledger, "other", count(4), hour: now)
        let client = try RawClient(service)
        let own = try client.exchange("GET", "/v1/usage")
        #expect(own.status == 200)
        for part in [#""key":"first""#, #""output_tokens":1,"#, #""refusals":{"busy":1}"#, #""today":{"requests":0"#] {
            #expect(own.body.contains(part), "\(part)")
        }
        #expect(!own.body.contains("other"))
        #expect(try client.exchange("GET", "/usage?by=key").body.contains(#""rows":[{"key":"first","#))
        #expect(try client.exchange("GET", "/v1/usage?key=other").status == 403)
        #expect(try client.exchange("GET", "/v1/usage?by=hour").status == 400)
        let admin = "x-api-key: \(TestService.adminKey)"
        let all = try client.exchange("GET", "/v1/usage?by=key", [admin])
        for part in [#""key":null"#, #"{"key":"first","requests":1,"#, #"{"key":"other","requests":4,"#] {
            #expect(all.body.contains(part), "\(part)")
        }
        let named = try client.exchange("GET", "/v1/usage?key=other&by=client", [admin])
        #expect(named.body.contains(#""key":"other""#) && named.body.contains(#"{"client":"codex","requests":4,"#))
    }

    // MARK: - Claude Code's question

    private func answer(_ words: String..., spent: Int) throws -> String {
        let principal = Principal(
            id: KeyID(named: "alice"), name: "alice", options: try KeyOptions(words: words), owner: ProcessOwner(identity: []))
        let meters = Meters()
        let moment = MeterMoment(now: Self.hour * 3600 + 12 * 3600, instant: Instant(nanoseconds: 1_000_000_000_000))
        meters.restore(principal.id, hour: Self.hour, Amounts(requests: 1, output: 80, cost: spent))
        return String(decoding: UsageAnswer.body(QuotaState(), of: principal, in: meters, at: moment), as: UTF8.self)
    }

    @Test("a key with a share sees that in money, and when it begins anew")
    func capped() throws {
        let body = try answer("spend-per-day=500", spent: 401_400_000_000)
        let wanted =
            #"{"five_hour":null,"seven_day":null,"extra_usage":{"is_enabled":true,"monthly_limit":50000,"#
            + #""used_credits":40140,"utilization":80,"currency":"USD"},"limits":[{"kind":"spend","group":"daily","#
            + #""percent":80,"resets_at":"2026-11-29T00:00:00.000Z","severity":"warning","is_active":true}]}"#
        #expect(body == wanted)
        #expect(try answer("spend-per-day=100", spent: 401_400_000_000).contains(#""utilization":401,"#))
    }

    @Test("a key without one sees what it has spent today, this week and this month")
    func uncapped() throws {
        let body = try answer(spent: 12_400_000_000)
        #expect(body.contains(#""monthly_limit":null,"used_credits":1240,"utilization":null,"currency":"USD""#))
        #expect(body.contains(#""daily":{"limit":null,"used_credits":1240,"utilization":null}"#))
        #expect(body.contains(#""weekly":{"#) && body.contains(#""limits":[]"#))
    }

    @Test("of several shares the fullest is the one in force, and tokens are no money")
    func several() throws {
        let body = try answer("spend-per-month=100", "output-tokens-per-day=100", spent: 1_000_000_000)
        #expect(body.contains(#""monthly_limit":null,"used_credits":100,"utilization":80"#))
        #expect(body.contains(#"{"kind":"output-tokens","group":"daily","percent":80"#))
        #expect(body.contains(#""is_active":false"#) && body.contains(#""is_active":true"#))
    }

    @Test("where nothing is metered the account's windows are told, and nothing of money")
    func unmetered() throws {
        let principal = Principal(id: .anonymous, name: "anonymous", owner: ProcessOwner(identity: []))
        let body = UsageAnswer.body(QuotaState(), of: principal, in: nil, at: .current)
        #expect(String(decoding: body, as: UTF8.self) == #"{"five_hour":null,"seven_day":null,"extra_usage":null,"limits":[]}"#)
    }
}
