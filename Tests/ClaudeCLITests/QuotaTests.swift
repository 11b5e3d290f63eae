import Platform
import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("What the CLI tells of usage limits is read")
struct QuotaTests {
    private func read(_ text: String) throws -> Quota { try Quota(reading: Array(text.utf8).span) }

    @Test("windows, warning and claim")
    func warning() throws {
        let quota = try read(
            """
            {"status":"allowed_warning","resetsAt":1795219532,"rateLimitType":"five_hour","utilization":0.92,
            "surpassedThreshold":0.9,"isUsingOverage":false,"unifiedWindows":{
            "five_hour":{"utilization":0.92,"resetsAt":1795219532,"status":"allowed_warning","surpassedThreshold":0.9},
            "seven_day":{"utilization":0.11,"resetsAt":1795519140,"status":"allowed"}}}
            """)
        #expect(quota.status == "allowed_warning")
        #expect(quota.claim == "five_hour")
        #expect(quota.windows.map(\.name) == ["five_hour", "seven_day"])
        #expect(quota.windows.map(\.utilization) == [0.92, 0.11])
        #expect(quota.windows.map(\.surpassedThreshold) == [0.9, nil])
        #expect(!quota.isRejected && !quota.usesOverage && !quota.isBare)
    }

    @Test("a claim without a window of its own becomes one, with no more than was said")
    func claimWithoutWindow() throws {
        let rejected = try read(#"{"status":"rejected","resetsAt":17,"rateLimitType":"seven_day_opus"}"#)
        var window = Quota.Window("seven_day_opus")
        window.status = "rejected"
        window.resetsAt = 17
        #expect(rejected.windows == [window])
        #expect(rejected.isRejected)
        // The CLI says `allowed` here also where the vendor warns.
        let allowed = try read(#"{"status":"allowed","resetsAt":17,"rateLimitType":"seven_day_opus"}"#)
        #expect(allowed.windows.first?.status == nil)
        #expect(allowed.windows.first?.utilization == nil)
    }

    @Test("paid usage beyond the limit is not a rejection")
    func overage() throws {
        let used = try read(
            #"{"status":"rejected","resetsAt":9,"rateLimitType":"five_hour","overageStatus":"allowed","overageResetsAt":99,"isUsingOverage":true,"overageInUse":true}"#)
        #expect(used.usesOverage && !used.isRejected)
        #expect(used.overage.resetsAt == 99)
        let off = try read(
            #"{"status":"rejected","resetsAt":9,"rateLimitType":"five_hour","overageStatus":"rejected","overageDisabledReason":"out_of_credits","isUsingOverage":false}"#)
        #expect(off.isRejected && !off.usesOverage)
        #expect(off.overage.disabledReason == "out_of_credits")
    }

    @Test(
        "what says nothing of a limit is bare",
        arguments: [
            "{}", #"{"status":"allowed","isUsingOverage":false}"#, #"{"status":"rejected","isUsingOverage":false}"#,
            #"{"status":7,"rateLimitType":null,"unifiedWindows":[],"resetsAt":"soon"}"#,
            #"{"unifiedWindows":{"x":7}}"#,
        ])
    func bare(text: String) throws {
        #expect(try read(text).isBare)
    }

    @Test("windows and fields of unknown names are kept or passed over, wrong types are untold")
    func unknown() throws {
        let quota = try read(
            #"{"novelty":{"a":[1]},"status":"paused","unifiedWindows":{"one_month":{"utilization":"much","resetsAt":20.5,"x":1},"Bad name":{"resetsAt":1}}}"#)
        #expect(quota.status == "paused")
        #expect(quota.windows.map(\.name) == ["one_month"])
        #expect(quota.windows.first?.utilization == nil)
        #expect(quota.windows.first?.resetsAt == 20)
    }

    @Test("the CLI's own counts are taken where it gives them")
    func counts() throws {
        let quota = try read(
            #"{"status":"allowed","rateLimitType":"five_hour","limit":1000,"remaining":12,"reset":"2026-11-21T12:00:00Z"}"#)
        #expect(quota.windows.first?.limit == 1000)
        #expect(quota.windows.first?.remaining == 12)
        #expect(quota.windows.first?.resetsAt == 1_795_262_400)
        let nameless = try read(#"{"limit":10,"remaining":3}"#)
        #expect(nameless.windows.map(\.remaining) == [3])
    }

    @Test(
        "times are read as RFC 3339 writes them, or not at all",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2000-02-29T23:59:59Z", 951_868_799),
            ("2026-11-21T12:00:00.25Z", 1_795_262_400), ("2026-11-21 12:00:00Z", nil), ("soon", nil),
            ("2026-13-21T12:00:00Z", nil), ("2026-11-21T12:00:00+01:00", nil), ("xxxx-11-21T12:00:00Z", nil),
        ] as [(String, Int?)])
    func times(text: String, seconds: Int?) {
        #expect(Timestamp.seconds(rfc3339: text) == seconds)
    }

    @Test("there are no more windows than anybody needs")
    func manyWindows() throws {
        let windows = (0..<100).map { #""w\#($0)":{"resetsAt":1}"# }.joined(separator: ",")
        #expect(try read("{\"unifiedWindows\":{\(windows)}}").windows.count == 16)
    }
}

/// The CLI is a shell script that tells its limits behind the answer.
@Suite("The limits that come behind an answer", .serialized)
struct LateQuotaTests {
    private static func script(_ reason: String, calls: Bool, ending: String, source: String = "none") -> String {
        let call = #"{"type":"control_request","request_id":"t","request":{"subtype":"mcp_message","message":{"method":"tools/call","id":1}}}"#
        return """
            read a; read b; read c
            echo '{"type":"system","subtype":"init","apiKeySource":"\(source)"}'
            echo '{"type":"stream_event","event":{"type":"message_start","message":{"id":"m","model":"x","usage":{}}}}'
            echo '{"type":"stream_event","event":{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"A"}}}'
            echo '{"type":"stream_event","event":{"type":"content_block_stop","index":0}}'
            \(calls ? "echo '\(call)'" : "")
            echo '{"type":"stream_event","event":{"type":"message_delta","delta":{"stop_reason":"\(reason)"},"usage":{"output_tokens":1}}}'
            \(ending)
            """
    }

    private static let tell =
        #"echo '{"type":"rate_limit_event","rate_limit_info":{"status":"allowed","resetsAt":9,"rateLimitType":"five_hour"}}'"#

    /// The claim that was told, and for how many milliseconds it was waited, which is as long as `limit` if need be.
    private func wait(for script: String, limit: Int = 10_000) async throws -> (claim: String?, milliseconds: Int) {
        var limits = CLILimits()
        limits.quotaMilliseconds = limit
        let supply = try Harness.supply(script: script, limits: limits)
        let conversation = Harness.conversation("hello")
        return try await Harness.onLoop { loop in
            let plan = try TurnPlan(answering: conversation, model: conversation.model)
            let process = supply.serve(plan, with: try await supply.start(), on: loop, waking: Wakeup())
            _ = await Harness.drain(process, on: loop)
            let start = loop.now
            await process.settle(keeping: false)
            let waited = Instant.now.microseconds(since: start) / 1000
            process.kill()
            await process.end()
            return (process.takeQuotas().quotas.last?.claim, waited)
        }
    }

    @Test("they are waited for while a tool's call is held")
    func held() async throws {
        let found = try await wait(for: Self.script("tool_use", calls: true, ending: "sleep 0.02; \(Self.tell); sleep 30"))
        #expect(found.claim == "five_hour")
    }

    @Test("they are waited for when the process is about to end by itself")
    func stopSequence() async throws {
        let found = try await wait(
            for: Self.script("stop_sequence", calls: false, ending: "sleep 0.02; \(Self.tell); sleep 30"))
        #expect(found.claim == "five_hour")
    }

    @Test("they are not waited for longer than a moment")
    func untold() async throws {
        let found = try await wait(for: Self.script("tool_use", calls: true, ending: "sleep 30"), limit: 200)
        #expect(found.claim == nil)
        #expect((200..<10_000).contains(found.milliseconds))
    }

    @Test("where the CLI would ask the vendor again it is killed at once", arguments: ["max_tokens", "tool_use", "refusal"])
    func killed(reason: String) async throws {
        let found = try await wait(for: Self.script(reason, calls: false, ending: "sleep 8; \(Self.tell); sleep 30"))
        #expect(found.claim == nil)
        #expect(found.milliseconds < 8000)
    }

    @Test("an account without limits is not waited for")
    func apiKey() async throws {
        let script = Self.script("tool_use", calls: true, ending: "sleep 30", source: "ANTHROPIC_API_KEY")
        #expect(try await wait(for: script).milliseconds < 5000)
    }
}
