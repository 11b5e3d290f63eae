import Testing
import Vocabulary

/// 14:20 UTC on 28 November 2026.
private let end = 1_795_875_600

@Suite("What people are told of a wait") struct WaitingTests {
    @Test(
        "a length has at most two units and is never too short",
        arguments: [
            (1, "1 second"), (20, "20 seconds"), (59, "59 seconds"), (60, "1 min"), (61, "2 min"), (3600, "1 h"),
            (7980, "2 h 13 min"), (7921, "2 h 13 min"), (86_399, "1 day"), (86_400, "1 day"), (90_001, "1 day 2 h"),
            (172_800, "2 days"), (273_600, "3 days 4 h"), (31 * 86_400, "31 days"),
        ])
    func length(seconds: Int, text: String) {
        #expect(Waiting.length(seconds) == text)
    }

    @Test("a moment is told in plain words")
    func moment() {
        #expect(Timestamp.words(end) == "14:20 UTC on 28 November 2026")
        #expect(Timestamp.words(end + 9) == "14:20:09 UTC on 28 November 2026")
        #expect(Timestamp.words(0) == "00:00 UTC on 1 January 1970")
    }

    @Test("a reached limit says when it ends, and nobody sleeps until then")
    func limit() {
        let fault = Fault.usageLimit("five_hour", end: end, now: end - 7980)
        #expect(
            fault.message
                == "The 5-hour usage limit of this gateway's account is reached. It ends in 2 h 13 min, at 14:20 UTC on 28 November 2026."
        )
        #expect(fault.kind == .rateLimited && fault.shouldRetry == false)
        #expect(fault.retryAfterSeconds == 7980 && fault.resetsAt == end)
        let paid = Fault.usageLimit("seven_day_opus", end: end, isPaid: true, now: end - 86_400)
        #expect(
            paid.message
                == "The weekly Opus usage limit of this gateway's account is reached, and paid usage is not allowed here. It ends in 1 day, at 14:20 UTC on 28 November 2026."
        )
    }

    @Test("a limit that ends in seconds is slept through", arguments: [1, 20])
    func short(wait: Int) {
        let fault = Fault.usageLimit("seven_day", end: end, now: end - wait)
        let length = wait == 1 ? "1 second" : "20 seconds"
        #expect(fault.message.hasSuffix("It ends at 14:20 UTC on 28 November 2026; try again in \(length)."))
        #expect(fault.shouldRetry == nil && fault.retryAfterSeconds == wait)
    }

    @Test("only a wait that may be slept is told in the words that programs obey", arguments: [21, 59, 60, 7980])
    func words(wait: Int) {
        for fault in [
            Fault.usageLimit("five_hour", end: end, now: end - wait), .rateLimit(wait: wait),
            .outage(.overloaded, wait: wait), .outage(.unavailable, wait: wait),
        ] {
            #expect(!fault.message.contains("try again in") && fault.message.contains(Waiting.length(wait)))
            #expect(fault.shouldRetry == false && fault.retryAfterSeconds == wait)
        }
    }

    @Test("a short limit of requests, and an outage, say in how many seconds")
    func seconds() {
        #expect(
            Fault.rateLimit(wait: 2).message
                == "The model's provider is limiting the requests of this gateway's account; try again in 2 seconds.")
        #expect(Fault.outage(.overloaded, wait: 1).message == "The model's provider is overloaded; try again in 1 second.")
        #expect(Fault.outage(.unavailable, wait: 3).shouldRetry == nil)
    }

    @Test("an end that is unknown, past or absurd makes no promise that nobody can keep")
    func odd() {
        for fault in [Fault.usageLimit(nil, end: nil, now: end), .rateLimit(wait: nil)] {
            #expect(fault.message.hasSuffix("was not told; try again later."))
            #expect(fault.shouldRetry == false && fault.resetsAt == nil && (fault.retryAfterSeconds ?? 0) > 60)
        }
        #expect(Fault.usageLimit("one_month", end: end - 5, now: end).retryAfterSeconds == 1)
        #expect(Fault.usageLimit(nil, end: 99_999_999_999, now: end).resetsAt == end + 31 * 86_400)
        let strange = Fault.usageLimit("x_\(String(repeating: "y", count: 64))", end: end, now: end - 60)
        #expect(strange.message.hasPrefix("The usage limit of this gateway's account is reached."))
    }
}
