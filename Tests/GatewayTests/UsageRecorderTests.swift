import Platform
import TestSupport
import Testing
import Vocabulary

@testable import Gateway
@testable import Ledger

@Suite("What keys use, on its way into the ledger", .timeLimit(.minutes(1)))
struct UsageRecorderTests {
    private static let noon = 1_795_867_200

    private func onLoop(_ body: @escaping @Sendable (EventLoop) async throws -> Void) async throws {
        let loop = try #require(TestService.nextLoop())
        // Unstructured because only a task can be given an executor.
        try await Task(executorPreference: loop) { try await body(loop) }.value
    }

    @Test("whoever waits finds in the ledger what came before, though other things were being written")
    func flushed() async throws {
        let folder = try Scratch()
        let ledger = try Ledger(path: folder.path(of: "ledger.sqlite"))
        let recorder = UsageRecorder(ledger.usage, gateway: "one")
        try await onLoop { loop in
            try await recorder.flush(on: loop, waking: Wakeup())
            for round in 1...20 {
                // The first begins to be written at once, and the second waits for that.
                recorder.note(refusal: "first", of: KeyID(named: "alice"), at: Self.noon)
                recorder.note(refusal: "second", of: KeyID(named: "alice"), at: Self.noon)
                try await recorder.flush(on: loop, waking: Wakeup())
                let rows = try await LedgerWait<[RefusalRow]>.ask(on: loop, waking: Wakeup()) {
                    ledger.usage.refusals(UsageFilter(), by: .key, then: $0)
                }
                #expect(rows.map(\.count) == [round, round])
            }
        }
    }

    @Test("whoever waits is told why what came before cannot be written")
    func failing() async throws {
        let folder = try Scratch()
        let ledger = try Ledger(path: folder.path(of: "ledger.sqlite"))
        let recorder = UsageRecorder(ledger.usage, gateway: "one")
        ledger.close()
        try await onLoop { loop in
            recorder.note(refusal: "first", of: KeyID(named: "alice"), at: Self.noon)
            recorder.note(refusal: "second", of: KeyID(named: "alice"), at: Self.noon)
            await #expect(throws: LedgerFault.self) { try await recorder.flush(on: loop, waking: Wakeup()) }
            #expect(recorder.fault != nil)
        }
    }
}
