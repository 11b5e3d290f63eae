import TestSupport
import Testing

@testable import Ledger

@Suite("Looking at a ledger beside its owner")
struct LedgerViewTests {
    @Test("what was written is seen, while the owner writes on")
    func beside() async throws {
        let folder = try Scratch()
        #expect(!LedgerView.exists(path: folder.file))
        let ledger = try Ledger(path: folder.file)
        let view = try LedgerView(path: folder.file)
        #expect(try view.usage(UsageFilter(), by: .key).isEmpty)
        var batch = UsageBatch()
        let place = UsagePlace(owner: "alice", model: "opus", client: "codex", hour: UsageStoreTests.day)
        batch.usage[place] = UsageStoreTests.count(2)
        batch.refusals = [RefusalDelta(owner: "alice", reason: "busy", hour: UsageStoreTests.day, count: 4)]
        let filled = batch
        try await answer { ledger.usage.apply(filled, then: $0) }
        #expect(LedgerView.exists(path: folder.file))
        let used = try view.usage(UsageFilter(), by: .key)
        #expect(used == [UsageRow(group: .name("alice"), count: UsageStoreTests.count(2))])
        let refused = try view.refusals(UsageFilter(owner: "alice"), by: .day)
        #expect(refused == [RefusalRow(group: .from(hour: UsageStoreTests.day), reason: "busy", count: 4)])
        #expect(try view.keys().isEmpty)
    }

    @Test("a file of another release is not read, and not changed")
    func oldForm() throws {
        let folder = try Scratch()
        try FirstForm.make(folder.file)
        let before = try folder.read("ledger.sqlite")
        #expect(throws: LedgerFault.self) { try LedgerView(path: folder.file) }
        #expect(try folder.read("ledger.sqlite") == before)
    }
}
