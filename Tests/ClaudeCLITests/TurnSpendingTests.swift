import Testing

@testable import ClaudeCLI

@Suite("What attempts before it have spent is no longer a turn's to spend")
struct TurnSpendingTests {
    @Test("the CLI asks again no more often than is left", arguments: 0...2)
    func retries(requests: Int) {
        var limits = CLILimits()
        limits.spent.requests = requests
        let trace = CLITrace.of(Fixture.bytes("e529_retries2.ndjson"), chunk: 65_536, limits: limits)
        #expect(trace.contains { $0.hasPrefix("failed 529") })
        // With retries left the CLI's own result ends the turn; without, it is killed when it announces one more.
        #expect((trace.last == "(kill)") == (requests > 0))
    }

    @Test("what breaks off before its first word the CLI asks for again without a word, and no more often", arguments: 0...2)
    func silentRetries(requests: Int) {
        var limits = CLILimits()
        limits.spent.requests = requests
        let broken = [
            #"{"type":"stream_event","event":{"type":"message_start","message":{"id":"m","model":"x","usage":{}}}}"#,
            #"{"type":"stream_event","event":{"type":"message_stop"},"abandoned_blocks":{"from_block_index":0}}"#,
        ]
        let lines = (0..<3).flatMap { _ in broken }
        let trace = CLITrace.of(Array(lines.joined(separator: "\n").utf8) + [0x0A], chunk: 65_536, limits: limits)
        #expect(trace.contains { $0.hasPrefix("failed 502") } == (requests > 0))
        #expect((trace.last == "(kill)") == (requests > 0))
    }

    @Test("every request counts, announced or not")
    func requests() throws {
        for (name, count) in [("e529_retries2", 3), ("text_stream", 1), ("e500_retries2", 3), ("flaky529", 2)] {
            var output = RecordedOutput(limits: CLILimits())
            try output.take(Fixture.bytes("\(name).ndjson").span) { _, _ in }
            #expect(output.spending.requests == count, "\(name)")
        }
    }
}
