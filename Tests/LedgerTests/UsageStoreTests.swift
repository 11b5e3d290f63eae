import TestSupport
import Testing

@testable import Ledger

@Suite("Usage in the ledger")
struct UsageStoreTests {
    private let folder: Scratch
    private let ledger: Ledger
    /// An hour that is the first of its day.
    static let day = 20_000 * 24

    init() throws {
        folder = try Scratch()
        ledger = try Ledger(path: folder.file)
    }

    static func count(_ number: Int) -> UsageCount {
        var count = UsageCount()
        count.requests = 1
        (count.failures, count.refusals) = (number % 2, number % 3)
        (count.input, count.output) = (number, 2 * number)
        (count.cacheRead, count.cacheWrite, count.cost) = (3 * number, 4 * number, 5 * number)
        (count.milliseconds, count.firstMilliseconds) = (6 * number, 7 * number)
        return count
    }

    private func place(_ owner: String, _ hour: Int = day, model: String = "opus", client: String = "codex") -> UsagePlace {
        UsagePlace(owner: owner, model: model, client: client, hour: hour)
    }

    static func hold(_ id: String, _ owner: String = "alice", gateway: String = "g1", until: Int = 5000) -> UsageHold {
        UsageHold(
            id: id, gateway: gateway, place: UsagePlace(owner: owner, model: "opus", client: "codex", hour: day),
            requests: 1, input: 100, output: 200, cached: 30, cost: 4000, until: until)
    }

    private func apply(_ fill: (inout UsageBatch) -> Void) async throws {
        var batch = UsageBatch()
        #expect(batch.isEmpty)
        fill(&batch)
        let filled = batch
        try await answer { ledger.usage.apply(filled, then: $0) }
    }

    private func report(
        _ filter: UsageFilter = UsageFilter(), by grouping: UsageGrouping = .key, in other: Ledger? = nil
    ) async throws -> [UsageGroup: UsageCount] {
        let rows = try await answer { (other ?? ledger).usage.report(filter, by: grouping, then: $0) }
        return Dictionary(uniqueKeysWithValues: rows.map { ($0.group, $0.count) })
    }

    private func sum(_ numbers: [Int]) -> UsageCount { numbers.reduce(into: UsageCount()) { $0 += Self.count($1) } }

    @Test("the newest hour is known, and there is none in an empty ledger")
    func newestHour() async throws {
        #expect(try await answer { ledger.usage.newestHour(then: $0) } == nil)
        try await apply { batch in
            for hour in [5, 900, 7] { batch.usage[place("alice", hour)] = Self.count(1) }
        }
        #expect(try await answer { ledger.usage.newestHour(then: $0) } == 900)
    }

    @Test("what is counted is added to what is there, after a power cut at that moment as well")
    func adds() async throws {
        for number in 1...10 {
            try await apply { $0.usage = [place("alice"): Self.count(number), place("bob"): Self.count(1)] }
            let copy = try folder.copied()
            let found = try await report(in: Ledger(path: copy.file))
            #expect(found == [.name("alice"): sum(Array(1...number)), .name("bob"): sum(Array(repeating: 1, count: number))])
        }
    }

    @Test("many that count at once lose nothing")
    func concurrent() async throws {
        let (usage, place) = (ledger.usage, place("alice"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<400 {
                group.addTask {
                    var batch = UsageBatch()
                    batch.usage = [place: Self.count(number)]
                    let filled = batch
                    try await answer { usage.apply(filled, then: $0) }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await report() == [.name("alice"): sum(Array(0..<400))])
    }

    @Test("a report counts what the filter lets through, in its groups")
    func reports() async throws {
        let day = Self.day
        try await apply {
            $0.usage = [
                place("alice", day): Self.count(1), place("alice", day + 23, model: "haiku"): Self.count(2),
                place("alice", day + 24, client: "curl"): Self.count(4), place("bob", day + 25): Self.count(8),
            ]
        }
        #expect(try await report() == [.name("alice"): sum([1, 2, 4]), .name("bob"): sum([8])])
        #expect(try await report(by: .model) == [.name("opus"): sum([1, 4, 8]), .name("haiku"): sum([2])])
        #expect(try await report(by: .client) == [.name("codex"): sum([1, 2, 8]), .name("curl"): sum([4])])
        #expect(try await report(by: .day) == [.from(hour: day): sum([1, 2]), .from(hour: day + 24): sum([4, 8])])
        #expect(try await report(by: .hour).count == 4)
        let alice = UsageFilter(owner: "alice", since: day + 1, until: day + 24)
        for grouping in UsageGrouping.allCases {
            #expect(try await report(alice, by: grouping).map(\.value) == [sum([2])], "\(grouping)")
        }
        #expect(try await report(UsageFilter(owner: "carol")).isEmpty)
        let since = try await answer { ledger.usage.sums(since: day + 23, then: $0) }
        #expect(
            since == [
                UsageRow(group: .name("alice"), count: sum([2, 4])), UsageRow(group: .name("bob"), count: sum([8])),
            ])
    }

    @Test("months are those of the calendar")
    func months() async throws {
        // 2024-02-29, 2024-03-01, 2025-12-31, 2026-01-01, 2000-02-29 and 1970-01-01.
        let days = [19_782, 19_783, 20_453, 20_454, 11_016, 0]
        try await apply { batch in
            for day in days {
                batch.usage[place("alice", day * 24 + 5)] = Self.count(day)
                batch.usage[place("alice", day * 24 + 7)] = Self.count(1)
            }
        }
        let found = try await report(by: .month)
        let firsts = [19_754, 19_783, 20_423, 20_454, 10_988, 0]
        for (day, first) in zip(days, firsts) { #expect(found[.from(hour: first * 24)] == sum([day, 1]), "\(day)") }
        #expect(found.count == 6)
    }

    @Test("every day of eight hundred years belongs to the month that a calendar kept day by day says")
    func calendar() {
        var (year, month, day, first) = (1970, 1, 1, 0)
        var wrong: [Int] = []
        for number in 0..<292_194 {
            if CalendarMonth.firstHour(of: number * 24 + 23) != first * 24 { wrong.append(number) }
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            day += 1
            if day > lengths[month - 1] { (month, day, first) = (month + 1, 1, number + 1) }
            if month > 12 { (year, month) = (year + 1, 1) }
        }
        #expect(wrong.isEmpty)
        #expect(year == 2770)
    }

    @Test("refusals are counted by their reasons")
    func refusals() async throws {
        let day = Self.day
        for _ in 0..<2 {
            try await apply {
                $0.refusals = [
                    RefusalDelta(owner: "alice", reason: "rate", hour: day, count: 3),
                    RefusalDelta(owner: "alice", reason: "spend", hour: day + 24, count: 1),
                    RefusalDelta(owner: "alice", reason: "rate", hour: day + 25, count: 5),
                    RefusalDelta(owner: "bob", reason: "rate", hour: day, count: 7),
                ]
            }
        }
        func rows(_ filter: UsageFilter, _ grouping: UsageGrouping) async throws -> [String] {
            try await answer { ledger.usage.refusals(filter, by: grouping, then: $0) }.map { row in
                switch row.group {
                case .name(let name): "\(name) \(row.reason) \(row.count)"
                case .from(let hour): "\(hour - day) \(row.reason) \(row.count)"
                }
            }
        }
        #expect(try await rows(UsageFilter(), .key) == ["alice rate 16", "alice spend 2", "bob rate 14"])
        #expect(try await rows(UsageFilter(owner: "alice"), .day) == ["0 rate 6", "24 rate 10", "24 spend 2"])
        #expect(try await rows(UsageFilter(owner: "alice", since: day + 24), .model) == ["rate rate 10", "spend spend 2"])
        let month = try await rows(UsageFilter(owner: "alice"), .month)
        #expect(month.map { $0.split(separator: " ").dropFirst().joined(separator: " ") } == ["rate 16", "spend 2"])
    }

    @Test("what was used in a second is added up and forgotten in time")
    func recent() async throws {
        func use(_ owner: String, _ second: Int, _ number: Int) -> RecentUse {
            RecentUse(owner: owner, second: second, requests: 1, input: number, output: 2 * number, cached: 3 * number)
        }
        try await apply { $0.recent = [use("alice", 100, 5), use("alice", 101, 6), use("bob", 100, 7)] }
        // What was reserved and not used is taken back.
        try await apply { $0.recent = [use("alice", 100, -2)] }
        var expected = [use("alice", 100, 3), use("alice", 101, 6), use("bob", 100, 7)]
        expected[0].requests = 2
        #expect(try await answer { ledger.usage.recent(since: 0, then: $0) } == expected)
        #expect(try await answer { ledger.usage.recent(since: 101, then: $0) } == [use("alice", 101, 6)])
        try await apply { ($0.recent, $0.recentSince) = ([use("alice", 102, 1)], 101) }
        let left = [use("alice", 101, 6), use("alice", 102, 1)]
        #expect(try await answer { ledger.usage.recent(since: 0, then: $0) } == left)
        let tidying = UsageStore.Tidying(foldBefore: 0, forgetBefore: 0, recentSince: 102)
        #expect(await end { ledger.usage.tidy(tidying, then: $0) } == nil)
        #expect(try await answer { ledger.usage.recent(since: 0, then: $0) } == [use("alice", 102, 1)])
    }

    @Test("what running turns have reserved is counted as used after a crash, once, and what has ended is not")
    func takesOver() async throws {
        try await apply { $0.holds = (0..<10).map { Self.hold("h\($0)") } + [Self.hold("b", "bob")] }
        try await apply { batch in
            (batch.dropped, batch.usage) = (["h0", "h1", "h2", "h3"], [place("alice"): Self.count(1)])
        }
        // One that began and ended between two batches.
        try await apply { ($0.holds, $0.dropped) = ([Self.hold("short")], ["short"]) }
        let copy = try folder.copied()
        let after = try Ledger(path: copy.file)
        #expect(try await report(in: after) == [.name("alice"): sum([1])])
        let taken = try await answer { after.usage.takeOver(gateway: "g1", at: 1000, then: $0) }
        #expect(taken.map(\.id).sorted() == ["b", "h4", "h5", "h6", "h7", "h8", "h9"])
        #expect(taken.first { $0.id == "b" } == Self.hold("b", "bob"))
        var lost = UsageCount()
        (lost.requests, lost.failures, lost.input, lost.output, lost.cacheRead, lost.cost) = (1, 1, 100, 200, 30, 4000)
        var alice = sum([1])
        for _ in 0..<6 { alice += lost }
        #expect(try await report(in: after) == [.name("alice"): alice, .name("bob"): lost])
        #expect(try await answer { after.usage.takeOver(gateway: "g1", at: 1000, then: $0) }.isEmpty)
        #expect(try await report(in: after) == [.name("alice"): alice, .name("bob"): lost])
    }

    @Test("another gateway's holds are left alone until it cannot be running them any more")
    func otherGateways() async throws {
        try await apply { $0.holds = [Self.hold("a", gateway: "g2", until: 500), Self.hold("b", gateway: "g2", until: 600)] }
        #expect(try await answer { ledger.usage.takeOver(gateway: "g1", at: 500, then: $0) }.isEmpty)
        #expect(try await answer { ledger.usage.takeOver(gateway: "g1", at: 501, then: $0) }.map(\.id) == ["a"])
        #expect(try await answer { ledger.usage.takeOver(gateway: "g2", at: 0, then: $0) }.map(\.id) == ["b"])
    }

    @Test("a batch that is written again holds nothing twice")
    func again() async throws {
        try await apply { $0.holds = [Self.hold("a")] }
        try await apply { $0.holds = [Self.hold("a")] }
        #expect(try await answer { ledger.usage.takeOver(gateway: "g1", at: 0, then: $0) }.count == 1)
    }

    @Test("old hours are folded into their days and older ones forgotten, and no sum of what stays changes")
    func folds() async throws {
        let day = Self.day
        try await apply { batch in
            for hour in 0..<96 {
                for owner in ["alice", "bob"] { batch.usage[place(owner, day + hour)] = Self.count(hour) }
                batch.refusals.append(RefusalDelta(owner: "alice", reason: "rate", hour: day + hour, count: hour))
            }
        }
        let before = try await report(UsageFilter(since: day + 24), by: .day)
        let refusals = try await answer { ledger.usage.refusals(UsageFilter(since: day + 24), by: .day, then: $0) }
        let tidying = UsageStore.Tidying(foldBefore: day + 72, forgetBefore: day + 24, recentSince: 0)
        #expect(await end { ledger.usage.tidy(tidying, then: $0) } == nil)
        #expect(try await report(by: .day) == before)
        #expect(before.count == 3)
        #expect(try await answer { ledger.usage.refusals(UsageFilter(), by: .day, then: $0) } == refusals)
        let hours = try await answer { ledger.usage.report(UsageFilter(owner: "bob"), by: .hour, then: $0) }
        #expect(hours.map(\.group) == ([24, 48] + (72..<96)).map { UsageGroup.from(hour: day + $0) })
        // What comes late to a day that is folded already is folded as well.
        try await apply { $0.usage = [place("bob", day + 30): Self.count(1000)] }
        #expect(await end { ledger.usage.tidy(tidying, then: $0) } == nil)
        #expect(try await report(UsageFilter(owner: "bob", until: day + 48), by: .hour).map(\.value) == [sum(Array(24..<48) + [1000])])
    }

    @Test("what turns cost in an account is added by key and hour, and goes when it is old")
    func accountCosts() async throws {
        func place(_ account: String, _ hour: Int) -> AccountPlace { AccountPlace(account: account, owner: "alice", hour: hour) }
        for _ in 0..<2 {
            try await apply { $0.accountCosts = [place("work", 100): 5, place("home", 100): 1, place("work", 101): 7] }
        }
        let wanted = [
            AccountCost(place: place("home", 100), cost: 2), AccountCost(place: place("work", 100), cost: 10),
            AccountCost(place: place("work", 101), cost: 14),
        ]
        #expect(try await answer { ledger.usage.accountCosts(since: 100, then: $0) } == wanted)
        let tidying = UsageStore.Tidying(foldBefore: 0, forgetBefore: 0, forgetCostsBefore: 101, recentSince: 0)
        #expect(await end { ledger.usage.tidy(tidying, then: $0) } == nil)
        #expect(try await answer { ledger.usage.accountCosts(since: 0, then: $0) } == [wanted[2]])
    }

    @Test("what an older file has counted of the last days was of the standard account")
    func olderCosts() async throws {
        let folder = try Scratch()
        try LedgerFile.make(folder.file)
        do {
            let database = try Database(path: folder.file)
            try LedgerFile.bringForward(database, from: 0, to: 5)
            for (model, hour, cost) in [("opus", 1000, 3), ("haiku", 1000, 4), ("opus", 807, 9), ("opus", 1001, 0)] {
                try database.run(
                    """
                    INSERT INTO usage VALUES ('alice', ?1, '', ?2, 1, 0, 0, 0, 0, 0, 0, ?3, 0, 0)
                    """, model, hour, cost)
            }
        }
        let ledger = try Ledger(path: folder.file)
        let costs = try await answer { ledger.usage.accountCosts(since: 0, then: $0) }
        #expect(costs == [AccountCost(place: AccountPlace(account: "default", owner: "alice", hour: 1000), cost: 7)])
    }
}
