import ClaudeCLI
import Glibc
import HTTP
import Platform
import TestSupport
import Testing
import Vocabulary

@testable import Gateway

@Suite("The self-test's result is remembered")
struct SelfTestMemoryTests {
    private let identity = CLIIdentity(text: "claude 1.2.3\npath /usr/bin/claude")

    private let names = {
        var names = ModelNames()
        names.note("sonnet", means: "claude-sonnet-5-5")
        names.note("opus[1m]", means: "us.anthropic.x[1m]")
        return names
    }()

    private func report(_ missing: CLIFeature...) -> SelfTestReport { SelfTestReport(.tested(missing: Set(missing))) }

    @Test("what is kept is what is recalled, for the same CLI only")
    func roundTrip() {
        for missing: Set<CLIFeature> in [[], [.history, .tools], [.plainMentions]] {
            let bytes = SelfTestRecord(missing: missing, modelNames: names).encode(for: identity.text)
            let record = SelfTestRecord.decode(bytes, for: identity.text)
            #expect(record == SelfTestRecord(missing: missing, modelNames: names))
            #expect(SelfTestRecord.decode(bytes, for: "claude 1.2.4") == nil)
        }
    }

    @Test("a file that is cut short or changed anywhere says nothing")
    func spoilt() {
        let bytes = SelfTestRecord(missing: [.history]).encode(for: identity.text)
        for count in 0..<bytes.count - 1 {
            #expect(SelfTestRecord.decode(Array(bytes[..<count]), for: identity.text) == nil)
        }
        for index in bytes.indices {
            for byte in [UInt8(0), 0x58, 0xFF] {
                var changed = bytes
                changed[index] = byte
                #expect(SelfTestRecord.decode(changed, for: identity.text) == nil, "byte \(index) as \(byte)")
            }
        }
    }

    @Test("a feature that is unknown, missing or told twice spoils the file")
    func features() throws {
        let text = String(decoding: SelfTestRecord(missing: [], modelNames: names).encode(for: identity.text), as: UTF8.self)
        for (old, new) in [
            ("\"tools\":\"works\",", ""), ("\"tools\":\"works\"", "\"tools\":\"works\",\"tools\":\"missing\""),
            ("\"tools\":\"works\"", "\"tools\":\"works\",\"wings\":\"works\""), ("\"tools\":\"works\"", "\"tools\":true"),
            ("\"format\":2", "\"format\":1"), ("\"models\":", "\"model\":"), ("claude-sonnet-5-5", "claude sonnet"),
            ("\"sonnet\":", "\"opus[1m]\":"), ("\"claude-sonnet-5-5\"", "true"),
        ] {
            let parts = text.split(separator: old, maxSplits: 1)
            try #require(parts.count == 2)
            let changed = Array((parts[0] + new + parts[1]).utf8)
            #expect(SelfTestRecord.decode(changed, for: identity.text) == nil, "\(new)")
        }
    }

    @Test("the file is private and replaced whole; what is not known for good is not kept")
    func file() throws {
        let scratch = try Scratch()
        let memory = SelfTestMemory(state: scratch.path)
        #expect(memory.recall(identity) == nil)
        var unsure = report(.history)
        unsure.isFinal = false
        for unkept in [unsure, SelfTestReport(.untested("")), .off] {
            #expect(!memory.keep(unkept, of: identity) && memory.recall(identity) == nil)
        }
        #expect(memory.keep(report(.history), of: identity) && memory.keep(report(.tools), of: identity))
        #expect(memory.recall(identity)?.outcome == report(.tools).outcome)
        #expect(memory.recall(identity)?.isRemembered == true)
        var status = stat()
        #expect(unsafe stat(memory.path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        unsafe chmod(memory.path, 0o666)
        #expect(memory.recall(identity) == nil, "others could have written it")
    }

    @Test("what the CLI's names of models stand for is remembered, and a CLI that did not tell in time is asked again")
    func models() throws {
        let scratch = try Scratch()
        let memory = SelfTestMemory(state: scratch.path)
        var told = report()
        told.modelNames = nil
        #expect(!memory.keep(told, of: identity))
        told.modelNames = names
        #expect(memory.keep(told, of: identity))
        let report = try #require(memory.recall(identity))
        let cli = TriedCLI(file: nil, version: "1", selfTest: report)
        #expect(cli.modelNames["sonnet"] == "claude-sonnet-5-5" && cli.modelNames["claude-opus-4-1"] == nil)
        #expect(cli.modelNames.count == 2 && TriedCLI(file: nil, version: "1", selfTest: .off).modelNames.isEmpty)
    }

    @Test("a CLI that is told other names of models is tried again before it serves")
    func naming() throws {
        let scratch = try Scratch()
        try scratch.write("claude", "one")
        let file = try #require(ProgramFile(path: scratch.path(of: "claude")))
        let first = CLIIdentity(file, version: "1", naming: ["ANTHROPIC_DEFAULT_OPUS_MODEL=a"])
        #expect(CLIIdentity(file, version: "1", naming: ["ANTHROPIC_DEFAULT_OPUS_MODEL=a"]) == first)
        for other: [String]? in [[], nil, ["ANTHROPIC_DEFAULT_OPUS_MODEL=b"]] {
            #expect(CLIIdentity(file, version: "1", naming: other) != first)
        }
    }

    @Test("another file in the CLI's place is another CLI")
    func identities() throws {
        let scratch = try Scratch()
        let path = scratch.path(of: "claude")
        #expect(ProgramFile(path: path) == nil)
        try scratch.write("claude", "one")
        let file = try #require(ProgramFile(path: path))
        let first = CLIIdentity(file, version: "1")
        #expect(CLIIdentity(file, version: "1") == first && CLIIdentity(file, version: "2") != first)
        #expect(file.isUnchanged)
        try scratch.write("claude", "longer")
        #expect(!file.isUnchanged)
        #expect(CLIIdentity(try #require(ProgramFile(path: path)), version: "1") != first)
        unsafe unlink(path)
        #expect(!file.isUnchanged)
    }
}

@Suite("What the self-test found is said and acted upon")
struct SelfTestReportTests {
    @Test("one word, the names and the field agree")
    func words() {
        let degraded = SelfTestReport(.tested(missing: [.tools, .history]))
        #expect(degraded.word == "degraded" && degraded.degraded == ["history", "tools"])
        #expect(degraded.degradedField == "history, tools" && degraded.turnFault == nil)
        for (report, word) in [
            (SelfTestReport(.tested(missing: [])), "passed"), (SelfTestReport(.untested("why")), "untested"), (.off, "off"),
        ] {
            #expect(report.word == word && report.degradedField == nil && report.turnFault == nil)
            #expect(report.features == .all)
        }
    }

    @Test("without what no answer can do without there are no turns", arguments: CLIFeature.allCases)
    func essential(feature: CLIFeature) {
        let report = SelfTestReport(.tested(missing: [feature]))
        #expect((report.turnFault != nil) == feature.isEssential)
        #expect(report.turnFault.map { $0.kind == .unavailable && !$0.message.contains("/") } ?? true)
        #expect(report.lines.count == CLIFeature.allCases.count)
        #expect(report.lines.filter { $0.contains("MISSING") }.count == 1)
        var hasty = report
        hasty.isFinal = false
        #expect(hasty.lines.filter { $0.contains("not shown in time") }.count == 1)
        #expect(!hasty.lines.contains { $0.contains("MISSING") })
    }
}

@Suite("The self-test looks closely")
struct UpstreamRequestTests {
    private let expected = JSONFragment(
        """
        [{"role":"user","content":[{"type":"text","text":"a"},{"type":"image","source":{"data":"x"}}]},
        {"role":"assistant","content":[{"type":"text","text":"b"}]}]
        """)

    private func holds(_ messages: String) throws -> Bool {
        let document = try JSONDocument(parsing: Array("{\"messages\":\(messages)}".utf8))
        return UpstreamRequest(document.root).messagesHold(expected)
    }

    @Test("what the CLI adds about its surroundings does not count")
    func additions() throws {
        #expect(
            try holds(
                """
                [{"role":"user","content":[{"type":"text","text":"<system-reminder>today"},{"type":"text","text":"a"},
                {"type":"image","source":{"data":"x"},"cache_control":{}}]},{"role":"assistant","content":"b"},
                {"role":"system","content":"surroundings"}]
                """))
    }

    @Test(
        "what is lost, changed, added or out of order does",
        arguments: [
            #"[]"#, #"[{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"assistant","content":"b"}]"#,
            #"[{"role":"assistant","content":"b"},{"role":"user","content":[{"type":"text","text":"a"},{"type":"image","source":{"data":"x"}}]}]"#,
            #"[{"role":"user","content":[{"type":"image","source":{"data":"x"}},{"type":"text","text":"a"}]},{"role":"assistant","content":"b"}]"#,
            #"[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image","source":{"data":"y"}}]},{"role":"assistant","content":"b"}]"#,
            #"[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image","source":{"data":"x"}}]},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]"#,
            #"[{"role":"user","content":[{"type":"text","text":"a\nb"}]}]"#,
        ])
    func losses(messages: String) throws {
        #expect(try !holds(messages))
    }

    /// One result of a tool, whose content is `content`.
    private func resultHolds(_ content: String) throws -> Bool {
        let text =
            #"{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":\#(content)}]}]}"#
        let wanted = JSONFragment(
            #"[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"a"}]}]}]"#)
        return UpstreamRequest(try JSONDocument(parsing: Array(text.utf8)).root).messagesHold(wanted)
    }

    @Test(
        "what it adds within the last result of a tool, for models before 5, does not count either",
        arguments: [
            #""a""#, #"[{"type":"text","text":"a"}]"#,
            #"[{"type":"text","text":"a\n"},{"type":"text","text":"<system-reminder>\n# Environment"}]"#,
            #"[{"type":"text","text":"a"},{"type":"text","text":"<system-reminder>1"},{"type":"text","text":"<system-reminder>2"}]"#,
        ])
    func resultAdditions(content: String) throws {
        #expect(try resultHolds(content))
    }

    @Test(
        "what is changed in a result does",
        arguments: [
            #"[]"#, #""b""#, #"[{"type":"text","text":"a\n"}]"#, #"[{"type":"text","text":"<system-reminder>1"}]"#,
            #"[{"type":"text","text":"a\n\n"},{"type":"text","text":"<system-reminder>1"}]"#,
            #"[{"type":"text","text":"a\n"},{"type":"text","text":"b"},{"type":"text","text":"<system-reminder>1"}]"#,
            #"[{"type":"text","text":"b"},{"type":"text","text":"<system-reminder>1"}]"#,
            #"[{"type":"text","text":"<system-reminder>1"},{"type":"text","text":"a"}]"#,
        ])
    func resultLosses(content: String) throws {
        #expect(try !resultHolds(content))
    }
}

@Suite("Each part of the CLI is judged by itself")
struct SelfTestPartsTests {
    @Test("where the question never arrives, every part that it holds is tried alone")
    func parts() {
        for kind in SelfTestProbe.Kind.first {
            let whole = Set(SelfTestProbe(kind: kind, canary: "").features)
            let alone = kind.next(isAsked: false).filter { $0 != kind }
                .map { Set(SelfTestProbe(kind: $0, canary: "").features) }
            if kind == .question {
                #expect(alone.reduce([]) { $0.union($1) } == whole && alone.map(\.count).reduce(0, +) == whole.count)
            } else {
                #expect(alone.allSatisfy { $0.isSubset(of: whole) } && kind.next(isAsked: false).contains(kind))
            }
            #expect(kind.next(isAsked: true).allSatisfy { $0 == kind })
        }
    }

    @Test("the first round and the trial of a kept process show all that can be missing, in four turns each")
    func first() {
        let shown =
            SelfTestProbe.Kind.first.flatMap { SelfTestProbe(kind: $0, canary: "").features } + LivingTrial.features
        #expect(Set(shown) == Set(CLIFeature.allCases) && shown.count == CLIFeature.allCases.count)
        #expect(SelfTestProbe.Kind.first.count == 4)
    }

    @Test("a part says nothing of the others", arguments: SelfTestProbe.Kind.question.parts)
    func alone(kind: SelfTestProbe.Kind) throws {
        let probe = SelfTestProbe(kind: kind, canary: "")
        var traffic = LoopbackUpstream.Traffic()
        #expect(probe.judge(SelfTestProbe.Answer(), traffic).isEmpty)
        traffic.questions = [Array(#"{"model":"other","messages":[]}"#.utf8)]
        let shown = probe.judge(SelfTestProbe.Answer(), traffic)
        #expect(Set(shown.keys).isSubset(of: probe.features) && !shown.values.contains(true))
    }
}

@Suite("The self-test's upstream answers nobody else")
struct LoopbackUpstreamTests {
    /// Sends bytes on a connection of its own and returns the answer's first line.
    private static func ask(_ upstream: LoopbackUpstream, on loop: EventLoop, _ text: String) async -> String {
        let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(number) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = upstream.port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { return "no connection" }
        let bytes = Array(text.utf8)
        #expect(unsafe send(number, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
        let readiness = Readiness(number, on: loop, interest: .reading, waking: upstream.wakeup)
        defer { readiness.cancel() }
        var answer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe recv(number, &answer, answer.count, Int32(MSG_DONTWAIT))
            guard count < 0, errno == EAGAIN else {
                return String(decoding: answer.prefix(max(0, count)).prefix { $0 != 0x0D }, as: UTF8.self)
            }
            readiness.readWouldBlock()
            await upstream.wakeup.wait()
        }
    }

    private static func onLoop(_ body: @escaping @Sendable (LoopbackUpstream, EventLoop) async -> Void) async throws {
        let loop = try #require(TestService.nextLoop())
        // Unstructured because only a task can be given an executor.
        try await Task(executorPreference: loop) {
            let upstream = try LoopbackUpstream(on: loop, waking: Wakeup())
            defer { upstream.close() }
            await body(upstream, loop)
        }.value
    }

    private static func post(_ path: String, _ body: String) -> String {
        "POST \(path) HTTP/1.1\r\nhost: x\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    @Test("a path without a token it gave out is not found and leaves no trace")
    func strangers() async throws {
        try await Self.onLoop { upstream, loop in
            let (token, _) = upstream.open(reply: Array("data".utf8))
            for path in ["/", "/v1/messages", "/other/v1/messages", "/\(token.dropLast())/v1/messages"] {
                #expect(await Self.ask(upstream, on: loop, Self.post(path, "{}")) == "HTTP/1.1 404 Not Found")
            }
            #expect(await Self.ask(upstream, on: loop, "garbage\r\n\r\n") == "HTTP/1.1 400 Bad Request")
            #expect(!upstream.traffic(of: token).isContacted && upstream.traffic(of: "other").questions.isEmpty)
        }
    }

    @Test("a turn's own requests are answered and kept apart")
    func turns() async throws {
        try await Self.onLoop { upstream, loop in
            let (first, url) = upstream.open(reply: Array("data".utf8))
            let (second, _) = upstream.open(reply: [])
            #expect(url == "http://127.0.0.1:\(upstream.port)/\(first)" && first != second && first.utf8.count > 20)
            #expect(await Self.ask(upstream, on: loop, Self.post("/\(first)/v1/messages?beta=true", "{\"a\":1}")) == "HTTP/1.1 200 OK")
            #expect(await Self.ask(upstream, on: loop, Self.post("/\(first)/v1/messages/count_tokens", "{}")) == "HTTP/1.1 200 OK")
            let chunked =
                "POST /\(first)/v1/messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
            #expect(await Self.ask(upstream, on: loop, chunked) == "HTTP/1.1 200 OK")
            #expect(await Self.ask(upstream, on: loop, "HEAD /\(second)/api/hello HTTP/1.1\r\nhost: x\r\n\r\n") == "HTTP/1.1 404 Not Found")
            let traffic = upstream.traffic(of: first)
            #expect(traffic.isAsked && upstream.traffic(of: second).isContacted)
            #expect(!upstream.traffic(of: second).isAsked, "to ask whether anybody is there is no question")
            #expect(traffic.questions == [Array("{\"a\":1}".utf8), Array("{}".utf8)] && traffic.counts.count == 1)
        }
    }
}
