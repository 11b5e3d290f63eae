import Glibc
import Testing
import Vocabulary

@testable import ClaudeCLI

/// Every fixture is what the real CLI printed; the `.trace` beside it is what the reply must be.
@Suite("Captured output of the CLI becomes the right reply")
struct CapturedAnswersTests {
    private static let retries2 = [
        "text_stream", "thinking", "redacted_thinking", "max_tokens", "refusal", "stop_sequence", "pause_turn",
        "empty_message", "usage_cache", "history_rows", "blank_prompt", "interrupted",
        "tool_continuation_history", "tool_use_parallel_held_then_interrupt", "tool_use_answered",
        "warm_control_requests", "rl_overage", "rl_rejected", "rl_rejectedopus", "rl_rejected_apikey",
        "rl_overageoff", "bad_sse", "e400", "e400_credit", "e400_prompt_too_long", "e401", "e403", "e404_model",
        "e413", "e429_apikey", "e429_default", "e429_noheaders", "e429_retryafter_long", "e500_default",
        "e500_retries0", "e500_retries2", "e529_retries2", "flaky529", "hang", "mid_stream_close",
        "mid_stream_close_no_fallback", "mid_stream_close_no_retry", "mid_stream_overloaded",
        "mid_stream_overloaded_no_fallback", "not_logged_in", "prompt_too_long_client_side", "refused", "stall",
    ]
    /// Answers that break off, and those whose last word does not fit them.
    private static let odd = [
        "error_after_block", "error_in_second_block", "call_then_error", "call_end_turn", "call_no_reason",
        "call_unknown_reason", "call_without_message_delta", "text_no_reason", "text_unknown_reason",
        "tool_use_without_call", "call_cut_off", "mid_stream_api_error",
    ]
    private static let all = retries2 + odd
    private static let withHistory: Set = ["history_rows", "tool_continuation_history"]

    @Test("whole", arguments: all)
    func whole(name: String) {
        check(name, chunk: .max)
    }

    @Test("byte by byte", arguments: all)
    func bytewise(name: String) {
        check(name, chunk: 1)
    }

    @Test("exactly one end comes, and last", arguments: all)
    func oneEnd(name: String) {
        let trace = trace(name, chunk: 100)
        let ends = trace.filter { $0.hasPrefix("finished") || $0.hasPrefix("failed") }
        #expect(ends.count == (name == "hang" ? 0 : 1))
        let last = trace.last { !$0.hasPrefix("(") }
        #expect(last == ends.last || name == "hang")
    }

    private func trace(_ name: String, chunk: Int) -> [String] {
        CLITrace.of(
            Fixture.bytes("\(name).ndjson"), chunk: chunk, historyRows: Self.withHistory.contains(name) ? 1 : 0)
    }

    private func check(_ name: String, chunk: Int) {
        let found = trace(name, chunk: chunk).joined(separator: "\n") + "\n"
        if unsafe getenv("RENEW_TRACES") != nil { Fixture.write("\(name).trace", found) }
        #expect(found == Fixture.text("\(name).trace"))
    }
}
