import ClaudeCLI
import HTTP
import Models
import Platform
import Testing
import Vocabulary

@testable import Gateway

/// What the CLI tells in one of the situations that these tests are about.
private func quota(_ text: String) throws -> Quota { try Quota(reading: Array(text.utf8).span) }

private let now = 1_800_000_000
private let soon = now + 600
private let late = now + 86_400

private let allowed = """
    {"status":"allowed","resetsAt":\(soon),"rateLimitType":"five_hour","isUsingOverage":false,"unifiedWindows":{
    "five_hour":{"utilization":0.42,"resetsAt":\(soon),"status":"allowed"},
    "seven_day":{"utilization":0.11,"resetsAt":\(late),"status":"allowed"}}}
    """
private let rejected = """
    {"status":"rejected","resetsAt":\(soon),"rateLimitType":"five_hour","isUsingOverage":false,"unifiedWindows":{
    "five_hour":{"utilization":1,"resetsAt":\(soon),"status":"rejected"},
    "seven_day":{"utilization":0.11,"resetsAt":\(late),"status":"allowed"}}}
    """
private let rejectedOpus = """
    {"status":"rejected","resetsAt":\(late),"rateLimitType":"seven_day_opus","isUsingOverage":false,"unifiedWindows":{
    "five_hour":{"utilization":0.42,"resetsAt":\(soon),"status":"allowed"}}}
    """
private let paid = """
    {"status":"rejected","resetsAt":\(soon),"rateLimitType":"five_hour","overageStatus":"allowed",
    "overageResetsAt":\(late),"isUsingOverage":true,"overageInUse":true,"unifiedWindows":{
    "five_hour":{"utilization":1,"resetsAt":\(soon),"status":"rejected"}}}
    """
private let bare = #"{"status":"allowed","isUsingOverage":false}"#

private func state(_ texts: String..., family: ModelFamily? = .sonnet) throws -> QuotaState {
    var state = QuotaState()
    for (second, text) in texts.enumerated() {
        state.take(try quota(text), family: family, observedAt: now + second)
    }
    return state
}

@Suite("What is known of usage limits")
struct QuotaStateTests {
    @Test("nothing is known until something was told, and what says nothing changes nothing")
    func unknown() throws {
        #expect(try !state(bare).isKnown)
        #expect(try state(rejected, bare) == state(rejected))
    }

    @Test("while a limit is reached requests are refused, until it ends")
    func rejection() throws {
        let state = try state(rejected)
        #expect(state.rejection(for: .sonnet, refusingPaid: false, now: now)?.until == soon)
        #expect(state.rejection(for: nil, refusingPaid: false, now: now)?.claim == "five_hour")
        #expect(state.rejection(for: .sonnet, refusingPaid: false, now: soon) == nil)
    }

    @Test("a limit of one family of models refuses only that family")
    func family() throws {
        let state = try state(rejectedOpus, family: .opus)
        #expect(state.rejection(for: .opus, refusingPaid: false, now: now)?.until == late)
        #expect(state.rejection(for: .sonnet, refusingPaid: false, now: now) == nil)
        #expect(state.rejection(for: nil, refusingPaid: false, now: now) == nil)
    }

    @Test("an answer takes back refusals of all and of its own family, not those of others")
    func answered() throws {
        #expect(try state(rejected, allowed).rejections.isEmpty)
        #expect(try state(rejectedOpus, allowed, family: .sonnet).rejections.map(\.claim) == ["seven_day_opus"])
        #expect(try state(rejectedOpus, allowed, family: .opus).rejections.isEmpty)
    }

    @Test("a warning refuses nothing")
    func warning() throws {
        let text = #"{"status":"allowed_warning","resetsAt":\#(soon),"rateLimitType":"five_hour","utilization":0.97}"#
        #expect(try state(text).rejections.isEmpty)
    }

    @Test("paid usage is refused only where the operator wants no costs")
    func overage() throws {
        let state = try state(paid)
        #expect(state.rejection(for: .sonnet, refusingPaid: false, now: now) == nil)
        #expect(state.rejection(for: .sonnet, refusingPaid: true, now: now)?.until == soon)
        let unlimited = try self.unlimited()
        #expect(unlimited.rejection(for: nil, refusingPaid: true, now: now) != nil)
        #expect(unlimited.rejection(for: nil, refusingPaid: true, now: now + 400) == nil)
    }

    /// Paid usage that ends nobody knows when.
    private func unlimited() throws -> QuotaState {
        try state(#"{"status":"allowed","isUsingOverage":false,"overageInUse":true}"#)
    }

    @Test("a time that no limit can have does not stop the service for ever")
    func absurd() throws {
        let state = try state(#"{"status":"rejected","resetsAt":90000000000,"rateLimitType":"five_hour"}"#)
        #expect(state.rejection(for: nil, refusingPaid: false, now: now + 32 * 86_400) == nil)
    }

    @Test("what has ended is dropped, and nothing is made up in its place")
    func ended() throws {
        var state = try state(rejected)
        #expect(state.nextEnd == soon)
        state.drop(endedBy: soon)
        #expect(state.windows.map(\.name) == ["seven_day"])
        #expect(state.status == nil && state.claim == nil && state.rejections.isEmpty)
        state.drop(endedBy: late)
        #expect(!state.isKnown)
        #expect(state.nextEnd == .max)
    }

    @Test("a report that names a window without its use leaves the use as known")
    func partial() throws {
        let report = #"{"status":"rejected","resetsAt":\#(soon),"rateLimitType":"five_hour"}"#
        let state = try state(rejected, report)
        #expect(state.windows.first?.utilization == 1)
        #expect(state.windows.count == 2)
    }

    @Test(
        "the most constrained window rejects, or is the most used",
        arguments: [
            (allowed, .sonnet, "five_hour"), (rejected, .sonnet, "five_hour"),
            (rejectedOpus, .opus, "seven_day_opus"), (rejectedOpus, .sonnet, "five_hour"),
            (rejectedOpus, nil, "seven_day_opus"),
        ] as [(String, ModelFamily?, String)])
    func mostConstrained(text: String, family: ModelFamily?, window: String) throws {
        #expect(try state(text).mostConstrained(for: family)?.name == window)
    }

    @Test(
        "what is left is rounded down, and not by an inexact hundredth",
        arguments: [(0.92, 8), (0.42, 58), (0.581, 41), (0.999, 0), (0.0, 100), (1.3, 0), (0.29, 71)])
    func percent(used: Double, left: Int) {
        var window = Quota.Window("five_hour")
        window.utilization = used
        #expect(window.remainingPercent == left)
    }
}

@Suite("Usage limits as response fields")
struct QuotaFieldsTests {
    @Test("Codex is told the two windows that it has a place for", arguments: [
        (allowed, ["42", "300", "\(soon)", "11", "10080", "\(late)"]), (paid, ["100", "300", "\(soon)"]), (bare, []),
        (#"{"status":"allowed","rateLimitType":"five_hour","unifiedWindows":{"five_hour":{"utilization":0.805}}}"#, ["80.5", "300"]),
    ])
    func codex(text: String, values: [String]) throws {
        var fields = ResponseFields()
        CodexQuotaFields.append(try state(text), to: &fields)
        let names = ["primary", "secondary"].flatMap { window in
            ["used-percent", "window-minutes", "reset-at"].map { "x-codex-\(window)-\($0)" }
        }
        var told: [String] = []
        for name in names {
            let value = try fields[#require(FieldName(parsing: name))]
            if let value { told.append(String(decoding: value, as: UTF8.self)) }
        }
        #expect(told == values)
    }

    private func fields(_ text: String, for family: ModelFamily? = .sonnet) throws -> [String: String] {
        var all: [String: String] = [:]
        for field in QuotaFields.fields(of: try state(text), for: family) {
            all[String(decoding: field.name, as: UTF8.self)] = String(decoding: field.value, as: UTF8.self)
        }
        return all
    }

    @Test("in percent, with the vendor's names beside")
    func percent() throws {
        let fields = try fields(allowed)
        #expect(fields["x-ratelimit-limit"] == "100")
        #expect(fields["x-ratelimit-remaining"] == "58")
        #expect(fields["x-ratelimit-unit"] == "percent")
        #expect(fields["x-ratelimit-reset"] == "2027-01-15T08:10:00Z")
        #expect(fields["x-ratelimit-window"] == "five_hour")
        let prefix = "anthropic-ratelimit-unified-"
        #expect(fields[prefix + "status"] == "allowed")
        #expect(fields[prefix + "reset"] == "\(soon)")
        #expect(fields[prefix + "representative-claim"] == "five_hour")
        #expect(fields[prefix + "5h-utilization"] == "0.42")
        #expect(fields[prefix + "7d-reset"] == "\(late)")
        #expect(fields[prefix + "overage-in-use"] == nil)
    }

    @Test("in the CLI's own counts where it gives them")
    func counts() throws {
        let fields = try fields(
            #"{"status":"allowed","rateLimitType":"five_hour","limit":1000,"remaining":12,"resetsAt":\#(soon)}"#)
        #expect(fields["x-ratelimit-limit"] == "1000")
        #expect(fields["x-ratelimit-remaining"] == "12")
        #expect(fields["x-ratelimit-unit"] == nil)
    }

    @Test("a window whose use is not known gets no number")
    func untold() throws {
        let fields = try fields(#"{"status":"allowed","rateLimitType":"seven_day_opus","resetsAt":\#(late)}"#, for: .opus)
        #expect(fields["x-ratelimit-remaining"] == nil && fields["x-ratelimit-limit"] == nil)
        #expect(fields["x-ratelimit-window"] == "seven_day_opus")
        #expect(fields["anthropic-ratelimit-unified-7d_opus-reset"] == "\(late)")
    }

    @Test("paid usage is told")
    func overage() throws {
        let fields = try fields(paid)
        #expect(fields["anthropic-ratelimit-unified-overage-status"] == "allowed")
        #expect(fields["anthropic-ratelimit-unified-overage-reset"] == "\(late)")
        #expect(fields["anthropic-ratelimit-unified-overage-in-use"] == "true")
        #expect(fields["x-ratelimit-remaining"] == "0")
    }

    @Test("every name that is sent is shown to browsers")
    func exposed() throws {
        let names = Set(QuotaFields.names.split(separator: ", ").map(String.init))
        for text in [allowed, rejected, rejectedOpus, paid] {
            #expect(try names.isSuperset(of: fields(text).keys))
        }
    }
}

@Suite("The book of usage limits")
struct QuotaBookTests {
    private let moment = Instant.now

    @Test("an empty book has no fields and refuses nothing")
    func empty() throws {
        let book = QuotaBook()
        book.note([try quota(bare)], model: "sonnet", observedAt: moment, now: now)
        #expect(!book.isKnown)
        #expect(book.fields(for: nil, now: now) == nil)
        #expect(book.refusal(for: nil, overage: .refuse, now: now) == nil)
    }

    @Test("what was said earlier does not undo what was said later")
    func order() throws {
        let book = QuotaBook()
        book.note([try quota(rejected)], model: "sonnet", observedAt: moment + .seconds(1), now: now)
        book.note([try quota(allowed)], model: "sonnet", observedAt: moment, now: now)
        #expect(book.refusal(for: .sonnet, overage: .allow, now: now)?.resetsAt == soon)
    }

    @Test("a refusal tells when to come back, and to retry only after a short wait", arguments: [(now, false), (soon - 21, false), (soon - 20, nil)])
    func refusal(moment: Int, retries: Bool?) throws {
        let book = QuotaBook()
        book.note([try quota(rejected)], model: "sonnet", observedAt: self.moment, now: now)
        let fault = try #require(book.refusal(for: .sonnet, overage: .allow, now: moment))
        #expect(fault.kind == .rateLimited)
        #expect(fault.retryAfterSeconds == soon - moment)
        #expect(fault.shouldRetry == retries)
        #expect(fault.message.hasPrefix("The 5-hour usage limit of this gateway's account is reached. It ends "))
    }

    @Test("fields are made anew when a window ends")
    func ends() throws {
        let book = QuotaBook()
        book.note([try quota(allowed)], model: "sonnet", observedAt: moment, now: now)
        #expect(book.fields(for: nil, now: now)?[.rateLimitWindow].map(Array.init) == Array("five_hour".utf8))
        #expect(book.fields(for: nil, now: soon)?[.rateLimitWindow].map(Array.init) == Array("seven_day".utf8))
        #expect(book.fields(for: nil, now: late) == nil)
        #expect(!book.isKnown)
    }

    @Test("the answer shows the windows, or that nothing is known")
    func answer() throws {
        let unknown = String(decoding: QuotaAnswer.body(QuotaState(), overage: .allow), as: UTF8.self)
        #expect(unknown == #"{"object":"quota","known":false,"overage_policy":"allow"}"#)
        let body = String(decoding: QuotaAnswer.body(try state(rejected), overage: .refuse), as: UTF8.self)
        #expect(body.contains(#""five_hour":{"status":"rejected","utilization":1.0,"resets_at":"2027-01-15T08:10:00Z"}"#))
        #expect(body.contains(#""refused":[{"claim":"five_hour","models":"all","until":"2027-01-15T08:10:00Z"}]"#))
    }
}

@Suite("Usage limits on the wire", .serialized)
struct QuotaServingTests {
    private let remaining = "x-ratelimit-remaining"

    @Test("every answer to a caller with a key carries them, and none to strangers")
    func everyAnswer() async throws {
        let service = try await TestService()
        let client = try RawClient(service)
        #expect(try client.exchange("GET", "/v1/models").fields[remaining] == nil)
        client.send(RawClient.chat("standin:echo hello"))
        #expect(try client.answer().fields[remaining] == "58")
        client.send(RawClient.chat("standin:echo hello", streams: true))
        #expect(try client.answer().fields[remaining] == "58")
        for (method, path) in [
            ("GET", "/v1/models"), ("GET", "/v1/quota"), ("GET", "/v1/nothing"), ("PUT", "/v1/messages"),
            ("GET", "/health"), ("GET", "/"), ("HEAD", "/v1/models"), ("GET", "/v1/models/nothing"),
        ] {
            #expect(try client.exchange(method, path).fields[remaining] == "58", "\(method) \(path)")
        }
        #expect(try client.exchange("POST", "/v1/messages", body: "{}").fields[remaining] == "58")
        let stranger = try RawClient(service)
        for path in ["/v1/models", "/v1/quota", "/health", "/", "/v1/nothing"] {
            let answer = try stranger.exchange("GET", path, ["x-api-key: wrong"])
            #expect(!answer.fields.keys.contains { $0.contains("ratelimit") }, "\(path)")
        }
    }

    @Test("a limit that is reached refuses the next request without a process")
    func refused() async throws {
        let client = try RawClient(try await TestService())
        client.send(RawClient.chat("standin:limit 7200"))
        #expect(try client.answer().status == 429)
        client.send(RawClient.message("standin:echo hello"))
        let refused = try client.answer()
        #expect(refused.status == 429)
        #expect(refused.fields["x-should-retry"] == "false")
        #expect(refused.fields[remaining] == "0")
        #expect((7100...7200).contains(Int(refused.fields["retry-after"] ?? "") ?? 0))
        #expect(refused.fields["x-ratelimit-reset"]?.hasSuffix("Z") == true)
        #expect(refused.body.contains("reset_at"))
    }
}
