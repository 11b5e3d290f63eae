import Glibc
import Testing
import Vocabulary

@testable import ClaudeCLI

/// Needs `CLAUDE_BIN`, the real program, and `CLAUDE_UPSTREAM`, the base URL of a loopback model.
@Suite("The real CLI", .enabled(if: RealCLI.isThere), .serialized)
struct RealCLITests {
    @Test("answers one question")
    func one() async throws {
        let lines = try await Harness.turn(try RealCLI.supply(), Harness.conversation("scenario:echo hi there"))
        #expect(lines.first?.hasPrefix("started ") == true)
        #expect(RealCLI.text(lines) == "echo: hi there")
        #expect(lines.last?.hasPrefix("finished end_turn") == true)
    }

    @Test("keeps the order of a long history")
    func history() async throws {
        var conversation = Conversation(model: "claude-sonnet-5-5")
        for number in 0..<10 {
            conversation.turns.append(Turn(.user, [.text(JSONText("question \(number)"))]))
            conversation.turns.append(Turn(.assistant, [.text(JSONText("answer \(number)"))]))
        }
        conversation.turns.append(Turn(.user, [.text("scenario:recall")]))
        let lines = try await Harness.turn(try RealCLI.supply(), conversation)
        #expect(RealCLI.text(lines) == "turns=20 first=question 0 last=answer 9")
    }

    @Test("takes the system prompt and an instruction in the middle")
    func system() async throws {
        var conversation = Harness.conversation("scenario:system")
        conversation.system = ["Be brief.", "Be \"kind\"."]
        conversation.turns.append(Turn(.system, [.text("Speak French.")]))
        let lines = try await Harness.turn(try RealCLI.supply(), conversation)
        #expect(RealCLI.text(lines).contains("Be brief.\n\nBe \"kind\"."))
    }

    @Test("obeys no command and reads no file named in a prompt")
    func literal() async throws {
        let lines = try await Harness.turn(
            try RealCLI.supply(), Harness.conversation("/cost scenario:echo @/etc/hostname"))
        #expect(RealCLI.text(lines) == "echo: @/etc/hostname")
    }

    @Test(
        "tells failures with their status",
        arguments: [
            ("429:always", "failed 429", "retry-after=1"), ("overloaded:always", "failed 529", "retry-after=1"),
            ("500:always", "failed 500", ""), ("limit:7200", "failed 429", "should-retry=false"),
            ("midstream-error", "failed 529", ""),
        ])
    func failure(scenario: String, prefix: String, part: String) async throws {
        let lines = try await Harness.turn(
            try RealCLI.supply(), Harness.conversation("scenario:" + scenario))
        #expect(lines.last?.hasPrefix(prefix) == true)
        #expect(part.isEmpty || lines.last?.contains(part) == true)
    }

    @Test("stops where the model stops", arguments: [("max-tokens", "max_tokens"), ("empty", "end_turn")])
    func stops(scenario: String, reason: String) async throws {
        let lines = try await Harness.turn(
            try RealCLI.supply(), Harness.conversation("scenario:" + scenario))
        #expect(lines.last?.hasPrefix("finished \(reason)") == true)
    }

    @Test("calls the client's tools and takes their results from the history")
    func tools() async throws {
        var conversation = Harness.conversation("scenario:parallel-tools")
        conversation.tools = ["get_weather", "get_time"].map {
            Tool(name: JSONText($0), description: "Tells.", schema: JSONFragment("{\"type\":\"object\"}"))
        }
        let calls = try await Harness.turn(try RealCLI.supply(), conversation)
        #expect(calls.filter { $0.hasPrefix("block tool_use") }.count == 2)
        #expect(calls.last?.hasPrefix("finished tool_use") == true)
        conversation.turns += [
            Turn(
                .assistant,
                [
                    .toolUse(id: "toolu_1", name: "get_weather", input: JSONFragment("{\"city\":\"Paris\"}")),
                    .toolUse(id: "toolu_2", name: "get_time", input: JSONFragment("{}")),
                ]),
            Turn(
                .user,
                [
                    .toolResult(id: "toolu_1", content: [.text("sunny")], isError: false),
                    .toolResult(id: "toolu_2", content: [.text("noon")], isError: false),
                ]),
        ]
        let answer = try await Harness.turn(try RealCLI.supply(), conversation)
        #expect(RealCLI.text(answer) == "tool-results: sunny | noon")
    }

    @Test("passes sampling and thinking on")
    func thinking() async throws {
        var conversation = Harness.conversation("scenario:thinking")
        let silent = try await Harness.turn(try RealCLI.supply(), conversation)
        #expect(!silent.contains("block thinking"))
        conversation.thinking = .enabled(budgetTokens: 2000)
        conversation.sampling.maxTokens = 5000
        let lines = try await Harness.turn(try RealCLI.supply(), conversation)
        #expect(lines.contains("block thinking"))
        #expect(lines.contains { $0.hasPrefix("signature ") })
    }

    @Test("counts tokens")
    func counts() async throws {
        let supply = try RealCLI.supply()
        let tokens = try await Harness.onLoop { loop in
            try await TokenCount.of(
                Harness.conversation("How many are these?"), model: "claude-sonnet-5-5", from: supply, on: loop)
        }
        #expect(tokens > 0)
    }

    @Test("tells its version")
    func version() async throws {
        let invocation = try RealCLI.supply().invocation
        let version = try await Harness.onLoop { try await CLIVersion.of(invocation, on: $0) }
        #expect(version.split(separator: ".").count == 3)
    }

    @Test("says in plain words that nobody is logged in")
    func notLoggedIn() async throws {
        let directory = Harness.directory()
        let supply = CLISupply(
            Invocation(path: RealCLI.path, operatorEnvironment: [], loginDirectory: directory + "/none"),
            limits: CLILimits(), directories: try TurnDirectories(state: directory + "/state"))
        let lines = try await Harness.turn(supply, Harness.conversation("hi"))
        #expect(lines.last?.hasPrefix("failed 503") == true)
        #expect(lines.last?.contains("claude login") == true)
    }
}

enum RealCLI {
    static let path = unsafe getenv("CLAUDE_BIN").map { unsafe String(cString: $0) } ?? ""
    static let upstream = unsafe getenv("CLAUDE_UPSTREAM").map { unsafe String(cString: $0) } ?? ""
    static let isThere = !path.isEmpty && !upstream.isEmpty

    static func supply(limits: CLILimits = CLILimits()) throws -> CLISupply {
        let environment = ["CLAUDE_CODE_OAUTH_TOKEN=test", "ANTHROPIC_BASE_URL=\(upstream)"]
        return CLISupply(
            Invocation(path: path, operatorEnvironment: environment, loginDirectory: "/nonexistent"),
            limits: limits, directories: try TurnDirectories(state: Harness.directory() + "/state"))
    }

    /// The text of an answer.
    static func text(_ lines: [String]) -> String {
        lines.filter { $0.hasPrefix("text ") }.map { String($0.dropFirst(5)) }.joined()
    }
}
