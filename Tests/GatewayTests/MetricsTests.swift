import Glibc
import HTTP
import Models
import Platform
import TestSupport
import Testing

@testable import Gateway

@Suite("Metrics", .timeLimit(.minutes(2)))
struct MetricsTests {
    private func text(_ form: MetricsText.Form = .prometheus, _ fill: (RequestMetrics) -> Void) -> String {
        let metrics = RequestMetrics()
        fill(metrics)
        var text = MetricsText(form)
        metrics.write(to: &text)
        text.finish()
        return String(decoding: text.bytes, as: UTF8.self)
    }

    private func turn(_ status: Int, dialect: String = "anthropic", _ change: (inout RequestRecord) -> Void = { _ in }) -> RequestRecord {
        var record = RequestRecord()
        record.isTurn = true
        record.dialect = dialect
        record.status = status
        record.endMicroseconds = 2_000_000
        change(&record)
        return record
    }

    private func begun(_ record: inout RequestRecord) {
        record.process = "kept"
        record.spawnedMicroseconds = 1000
        record.firstEventMicroseconds = 250_000
    }

    @Test("requests are counted by dialect and status, statuses that nobody knows together")
    func requests() {
        let text = text { metrics in
            metrics.count(turn(200, begun))
            metrics.count(turn(200, begun))
            metrics.count(turn(529, dialect: "responses"))
            metrics.count(turn(599, dialect: "chatCompletions"))
            metrics.count(RequestRecord())
        }
        #expect(text.contains("portcullis_requests_total{dialect=\"anthropic\",code=\"200\"} 2\n"))
        #expect(text.contains("portcullis_requests_total{dialect=\"responses\",code=\"529\"} 1\n"))
        #expect(text.contains("portcullis_requests_total{dialect=\"chatCompletions\",code=\"other\"} 1\n"))
        #expect(text.contains("portcullis_requests_total{dialect=\"none\",code=\"other\"} 1\n"))
    }

    @Test(
        "a turn is answered, refused, failed or left, and only what was not begun is a refusal",
        arguments: [
            (200, true, nil, "answered", nil), (200, true, "badGateway: broken", "failed", nil),
            (499, true, "the client has gone", "departed", nil), (502, true, "badGateway", "failed", nil),
            (429, true, "rateLimited", "failed", nil), (429, false, "rateLimited", "refused", "account_limit"),
            (400, false, "invalidRequest", "refused", "invalid"), (529, false, "overloaded", "refused", "busy"),
            (503, false, "unavailable", "refused", "unavailable"), (403, false, "forbidden", "refused", "forbidden"),
        ] as [(Int, Bool, String?, String, String?)])
    func outcomes(status: Int, isBegun: Bool, fault: String?, outcome: String, reason: String?) {
        let record = turn(status) { record in
            if isBegun { begun(&record) }
            record.fault = fault
        }
        let text = text { $0.count(record) }
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("portcullis_turns_total") && $0.hasSuffix(" 1") }
        #expect(rows == ["portcullis_turns_total{dialect=\"anthropic\",outcome=\"\(outcome)\"} 1"])
        let refusals = text.split(separator: "\n").filter { $0.hasPrefix("portcullis_refusals_total") && $0.hasSuffix(" 1") }
        #expect(refusals == (reason.map { ["portcullis_refusals_total{reason=\"\($0)\"} 1"] } ?? []))
    }

    @Test("what a key may not use is told apart from what the account may not")
    func ownReason() {
        let text = text { $0.count(turn(429) { $0.refusal = .keyLimit }) }
        #expect(text.contains("portcullis_refusals_total{reason=\"key_limit\"} 1\n"))
        #expect(text.contains("portcullis_refusals_total{reason=\"account_limit\"} 0\n"))
    }

    @Test("a question for the number of tokens is a request, but no turn")
    func counting() {
        let text = text { metrics in
            metrics.count(turn(200) { record in
                record.isTurn = false
                record.inputTokens = 500
            })
        }
        #expect(text.contains("portcullis_requests_total{dialect=\"anthropic\",code=\"200\"} 1\n"))
        #expect(text.contains("portcullis_turns_total{dialect=\"anthropic\",outcome=\"answered\"} 0\n"))
        #expect(!text.contains(" 500\n"))
    }

    @Test("tokens are counted by family with the cache apart, and money to the last billionth")
    func tokens() {
        let text = text { metrics in
            for _ in 0..<3 {
                metrics.count(turn(200) { record in
                    begun(&record)
                    (record.inputTokens, record.outputTokens) = (1000, 7)
                    (record.cacheReadTokens, record.cacheWriteTokens) = (600, 300)
                    (record.cost, record.family) = (1_234_567_891, .opus)
                })
            }
        }
        let rows = [("input", 300), ("cache_read", 1800), ("cache_write", 900), ("output", 21)]
        for (kind, count) in rows {
            #expect(text.contains("portcullis_tokens_total{family=\"opus\",kind=\"\(kind)\"} \(count)\n"))
        }
        #expect(text.contains("portcullis_cost_usd_total{family=\"opus\"} 3.703703673\n"))
        #expect(text.contains("portcullis_cost_usd_total{family=\"other\"} 0.000000000\n"))
    }

    @Test("a histogram's steps hold all below them, and the sum is in seconds")
    func histogram() {
        let text = text { metrics in
            for microseconds in [40_000, 50_000, 50_001, 700_000_000] {
                metrics.count(turn(200) { record in
                    begun(&record)
                    record.firstEventMicroseconds = microseconds
                })
            }
        }
        let name = "portcullis_first_event_seconds"
        #expect(text.contains("\(name)_bucket{origin=\"kept\",le=\"0.05\"} 2\n"))
        #expect(text.contains("\(name)_bucket{origin=\"kept\",le=\"0.1\"} 3\n"))
        #expect(text.contains("\(name)_bucket{origin=\"kept\",le=\"600.0\"} 3\n"))
        #expect(text.contains("\(name)_bucket{origin=\"kept\",le=\"+Inf\"} 4\n"))
        #expect(text.contains("\(name)_sum{origin=\"kept\"} 700.140001\n"))
        #expect(text.contains("\(name)_count{origin=\"kept\"} 4\n"))
    }

    @Test("keys have rows when they are asked for, a bounded number of them, and no others")
    func keys() {
        let record = turn(200) { record in
            begun(&record)
            (record.keyID, record.inputTokens, record.outputTokens, record.cost) = ("alice", 10, 2, 5)
        }
        #expect(!text { $0.count(record) }.contains("alice"))
        let told = text { metrics in
            var settings = MetricsSettings()
            settings.isByKey = true
            metrics.change(settings)
            metrics.count(record)
            for number in 0..<2000 { metrics.count(turn(401) { $0.keyID = "k\(number)" }) }
        }
        #expect(told.contains("portcullis_key_requests_total{key=\"alice\"} 1\n"))
        #expect(told.contains("portcullis_key_tokens_total{key=\"alice\",kind=\"output\"} 2\n"))
        #expect(told.contains("portcullis_key_refusals_total{key=\"\"} 1001\n"))
        #expect(told.split(separator: "\n").count { $0.hasPrefix("portcullis_key_requests_total") } == 1001)
    }

    @Test("every status, reason and family has a counter of its own")
    func places() {
        let text = text { metrics in
            for status in RequestMetrics.statuses {
                for dialect in RequestMetrics.dialects { metrics.count(turn(status, dialect: dialect)) }
            }
            for reason in RefusalReason.allCases { metrics.count(turn(429) { $0.refusal = reason }) }
            for family in ModelFamily.allCases {
                metrics.count(turn(200) { ($0.family, $0.inputTokens, $0.outputTokens, $0.cost) = (family, 0, 9, 1) })
            }
        }
        for dialect in RequestMetrics.dialects {
            #expect(text.contains("portcullis_requests_total{dialect=\"\(dialect)\",code=\"529\"} 1\n"))
        }
        for reason in RefusalReason.allCases {
            #expect(!text.contains("portcullis_refusals_total{reason=\"\(reason.rawValue)\"} 0\n"))
        }
        for family in ModelFamily.allCases {
            #expect(text.contains("portcullis_tokens_total{family=\"\(family.rawValue)\",kind=\"output\"} 9\n"))
            #expect(text.contains("portcullis_cost_usd_total{family=\"\(family.rawValue)\"} 0.000000001\n"))
        }
    }

    @Test("values of labels are escaped, and OpenMetrics has its own ending and names of counters")
    func forms() {
        var text = MetricsText(.openMetrics)
        text.begin("portcullis_x_total", .counter, "Things.")
        text.sample([("name", "a\"b\\c\nd")], 1)
        text.sample([], .nan)
        text.finish()
        #expect(
            String(decoding: text.bytes, as: UTF8.self)
                == "# HELP portcullis_x Things.\n# TYPE portcullis_x counter\n"
                + "portcullis_x_total{name=\"a\\\"b\\\\c\\nd\"} 1\n# EOF\n")
        #expect(MetricsText.form(accepting: "application/openmetrics-text;version=1.0.0,*/*") == .openMetrics)
        #expect(MetricsText.form(accepting: "text/plain") == .prometheus)
        #expect(MetricsText.form(accepting: nil) == .prometheus)
    }

    // MARK: - Served

    @Test("the metrics are shown to administrators alone")
    func access() async throws {
        let client = try RawClient(try await TestService())
        client.send(RawClient.request("GET", "/metrics", ["x-api-key: none"]))
        #expect(try client.answer().status == 401)
        let refused = try client.exchange("GET", "/metrics")
        #expect(refused.status == 403)
        #expect(refused.body.contains("role=admin"))
        client.send(RawClient.chat("standin:echo hello"))
        #expect(try client.answer().status == 200)
        let shown = try client.exchange("GET", "/metrics", ["x-api-key: \(TestService.adminKey)"])
        #expect(shown.status == 200)
        #expect(shown.fields["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
        for row in [
            "portcullis_turns_total{dialect=\"chatCompletions\",outcome=\"answered\"} 1",
            "portcullis_refusals_total{reason=\"unauthenticated\"} 1", "portcullis_refusals_total{reason=\"forbidden\"} 1",
            "portcullis_turns_running 0", "portcullis_connections 1", "portcullis_cli_self_test{verdict=\"off\"} 1",
            "portcullis_cli_info{version=\"0.0.0\"} 1", "portcullis_log_lines_dropped_total 0",
            "portcullis_build_info{version=\"\(Release.version)\"} 1",
        ] {
            #expect(shown.body.contains(row + "\n"), "\(row)")
        }
        for secret in [TestService.key, TestService.adminKey, "hello"] { #expect(!shown.body.contains(secret)) }
    }

    @Test("a balancer is told whether to send anybody here, without a key")
    func readiness() async throws {
        let service = try await TestService()
        let client = try RawClient(service)
        client.send("GET /readyz HTTP/1.1\r\nhost: a\r\n\r\n")
        let ready = try client.answer()
        #expect(ready.status == 200)
        #expect(ready.body == #"{"status":"ready","checks":{"login":"unknown","self_test":"off","cli":"ok","storage":"ok","draining":false},"failing":[]}"#)
        service.site.snapshot.accounts.standard.login.show(.missing)
        _ = service.site.problems.replace(.cli, with: ["it is gone"])
        let not = try client.exchange("GET", "/readyz")
        #expect(not.status == 503)
        #expect(not.body.contains(#""status":"not_ready""#) && not.body.contains(#""failing":["login","cli"]"#))
        #expect(try client.exchange("GET", "/health").status == 200)
    }

    @Test("a service that is ending is not ready")
    func draining() {
        let answer = ReadyAnswer(login: .ok, selfTest: "passed", canAnswer: true, isUsable: true, isDraining: true)
        #expect(!answer.isReady)
        #expect(String(decoding: answer.body, as: UTF8.self).contains(#""failing":["draining"]"#))
        let untried = ReadyAnswer(login: .ok, selfTest: "degraded", canAnswer: false, isUsable: true, isDraining: false)
        #expect(!untried.isReady)
    }
}

@Suite("Kinds of clients")
struct ClientKindTests {
    private func fields(_ fields: [String]) throws -> Fields {
        try Scene.request(Ask(path: "/v1/messages", body: "{}", fields: fields)).fields
    }

    @Test(
        "a client is known by the name it goes by",
        arguments: [
            ("user-agent: claude-cli/2.1.332 (external, cli)", ClientKind.claudeCode),
            ("user-agent: codex_exec/0.118.0 (Debian 12)", .codex), ("originator: Codex Desktop", .codex),
            ("user-agent: OpenAI/Python 1.99.0", .openAISDK), ("user-agent: AsyncAnthropic/Python 0.70.0", .anthropicSDK),
            ("x-openwebui-chat-id: 7", .openWebUI), ("x-claude-code-session-id: 1", .claudeCode),
            ("user-agent: litellm/1.80", .liteLLM), ("user-agent: curl/8.14.1", .curl),
            ("user-agent: Zed/1.9 (linux; x86_64)", .zed), ("x-title: Cline", .cline), ("x-title: Roo Code", .rooCode),
            ("user-agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Cursor/2.1 Electron/38.0", .cursor),
            ("user-agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0", .browser),
            ("user-agent: python-httpx/0.28.1", .library), ("user-agent: somebody/1.0", .other), ("accept: */*", .other),
        ])
    func kinds(field: String, kind: ClientKind) throws {
        #expect(ClientKind(try fields([field])) == kind)
    }

    @Test("ids that clients send are logged when the operator wants it, cut and printable")
    func ids() throws {
        let sent = try fields([
            "x-openwebui-chat-id: chat-1", "x-openwebui-user-email: a@b.example",
            "x-claude-code-session-id: \(String(repeating: "s", count: 300))", "x-openwebui-task: title\u{e9}",
        ])
        let ids = ClientIDs.of(sent)
        #expect(ids.map(\.name.description) == ["session", "chat", "task", "email"])
        #expect(ids[0].text == String(repeating: "s", count: 128))
        #expect(ids[2].text == "title??")
        #expect(ids[3].text == "a@b.example")
    }
}
