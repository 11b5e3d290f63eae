import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("What is written to a process that has served before")
struct StartingPointTests {
    private static let schema = JSONFragment(#"{"type":"object","properties":{"n":{"type":"number"}}}"#)
    private static func tool(_ name: JSONText, _ description: JSONText = "Does it.") -> Tool {
        Tool(name: name, description: description, schema: schema)
    }

    private static func plan(_ change: (inout Conversation) -> Void = { _ in }) throws -> TurnPlan {
        var conversation = Conversation(model: "sonnet")
        conversation.system = ["Be brief.", "Be kind."]
        conversation.turns = [Turn(.user, [.text("q1")])]
        change(&conversation)
        return try TurnPlan(answering: conversation, model: "claude-sonnet-5-5")
    }

    private static func memory(_ change: (inout Conversation) -> Void = { _ in }) throws -> ProcessMemory {
        try plan(change).script(from: .fresh).memory
    }

    private static func rows(_ plan: TurnPlan, _ start: StartingPoint) -> [[String]] {
        plan.script(from: start).portions.map {
            String(decoding: $0.rows.joined(), as: UTF8.self).split(separator: "\n").map(String.init)
        }
    }

    private static func goOn(_ conversation: inout Conversation) {
        conversation.turns += [Turn(.assistant, [.text("a1")]), Turn(.user, [.text("q2")])]
    }

    private static let settings =
        #"{"type":"control_request","request_id":"s","request":{"subtype":"apply_flag_settings","settings":{"model":"claude-sonnet-5-5","attribution":{"commit":"","pr":""},"effortLevel":EFFORT,"env":{"CLAUDE_CODE_EXTRA_BODY":"%","CLAUDE_CODE_DISABLE_THINKING":"1"}}}}"#
    private static func settings(effort: String = "null", body: String = "") -> String {
        var text = settings
        text.replace("EFFORT", with: effort)
        text.replace("%", with: body)
        return text
    }

    // MARK: - Going on

    @Test("the next message is all, under a number of its own")
    func kept() throws {
        let rows = Self.rows(try Self.plan(Self.goOn), .kept(try Self.memory()))
        #expect(
            rows == [
                [
                    #"{"type":"user","client_composed":true,"uuid":"00000001-0000-4000-8000-000000000000","message":{"role":"user","content":[{"type":"text","text":"q2"}]}}"#
                ]
            ])
    }

    @Test("other settings come first, in full, and the same ones do not come again")
    func changedSettings() throws {
        let memory = try Self.memory { $0.effort = .low }
        let plan = try Self.plan {
            Self.goOn(&$0)
            $0.sampling.maxTokens = 9
        }
        let (portions, next) = plan.script(from: .kept(memory))
        #expect(portions.count == 1)
        let rows = Self.rows(plan, .kept(memory))
        #expect(rows[0].first == Self.settings(body: #"{\"max_tokens\":9}"#))
        #expect(rows[0].count == 2)
        #expect(Self.rows(plan, .kept(next))[0].count == 1)
    }

    @Test("whatever a turn leaves out is set back", arguments: [Effort.low, .high])
    func setBack(effort: Effort) throws {
        let memory = try Self.memory {
            $0.effort = effort
            $0.sampling.maxTokens = 5
            $0.thinking = .enabled(budgetTokens: 1024)
            $0.sampling.stopSequences = ["END"]
        }
        #expect(Self.rows(try Self.plan(Self.goOn), .kept(memory))[0].first == Self.settings())
    }

    @Test("every row of a process's life has a number of its own, and the first 24 characters tell it")
    func numbers() throws {
        var memory = try Self.memory()
        var seen: Set<Substring> = []
        for round in 0..<40 {
            let plan = try Self.plan(Self.goOn)
            let start: StartingPoint = round % 3 == 2 ? .rewound(memory) : .kept(memory)
            let (portions, next) = plan.script(from: start)
            let text = portions.map { String(decoding: $0.rows.joined(), as: UTF8.self) }.joined()
            let uuids = text.split(separator: "\"uuid\":\"").dropFirst().map { $0.prefix(24) }
            #expect(uuids.count == (round % 3 == 2 ? 2 : 1))
            for uuid in uuids { #expect(seen.insert(uuid).inserted) }
            #expect(next.nextRow == memory.nextRow + (round % 3 == 2 ? 3 : 1))
            #expect(next.lastQuestion == next.nextRow - 1)
            memory = next
        }
    }

    @Test("results go to the calls that the process knows, by their order, whatever ids a client gives them")
    func renamedCalls() throws {
        var memory = try Self.memory()
        memory.callIDs = ["toolu_A", "toolu_B", "toolu_C"]
        func ids(_ sent: [JSONText], _ results: [JSONText]) throws -> [String] {
            let plan = try Self.plan {
                $0.turns.append(
                    Turn(.assistant, [.text("a")] + sent.map { .toolUse(id: $0, name: "f", input: JSONFragment("{}")) }))
                $0.turns.append(
                    Turn(.user, results.map { .toolResult(id: $0, content: [.text("r")], isError: false) } + [.text("q")]))
            }
            let row = try #require(Self.rows(plan, .kept(memory)).last?.last)
            return row.split(separator: #""tool_use_id":""#).dropFirst().map { String($0.prefix { $0 != "\"" }) }
        }
        #expect(try ids(["toolu_A", "toolu_B", "toolu_C"], ["toolu_A", "toolu_B"]) == ["toolu_A", "toolu_B"])
        #expect(try ids(["c1", "c2", "c3"], ["c3", "c1"]) == ["toolu_C", "toolu_A"])
        // Swapped ones, one id for all of them, and ids that the vendor does not take.
        #expect(try ids(["toolu_B", "toolu_A", "c"], ["toolu_A", "toolu_B"]) == ["toolu_B", "toolu_A"])
        #expect(try ids(["c", "c", "c"], ["c", "c"]) == ["toolu_A", "toolu_B"])
        #expect(try ids(["a.b", "", "a_2"], ["", "a.b", "a_2"]) == ["toolu_B", "toolu_A", "toolu_C"])
        // In a replay the client's own stand on both sides.
        memory.callIDs = []
        #expect(try ids(["c1"], ["c1"]) == ["c1"])
    }

    // MARK: - Beginning anew

    private static func rewind(_ first: Int, _ last: Int) -> String {
        "{\"type\":\"control_request\",\"request_id\":\"w\",\"request\":{\"subtype\":\"rewind_conversation\","
            + "\"target_message_uuid\":\"\(TurnPlan.uuid(first))\",\"last_seen_user_message_uuid\":\"\(TurnPlan.uuid(last))\"}}"
    }

    private static let setSystem =
        #"{"type":"control_request","request_id":"p","request":{"subtype":"set_model","model":"claude-sonnet-5-5","system_prompt":"New.","only_if_model_is_current":true}}"#

    @Test("the first message of the old conversation is named, and the last of a user")
    func target() throws {
        let memory = try Self.memory(Self.goOn)
        #expect(Self.rows(try Self.plan(), .rewound(memory))[0] == [Self.rewind(0, 2)])
        let kept = try Self.plan(Self.goOn).script(from: .kept(memory)).memory
        #expect(Self.rows(try Self.plan(), .rewound(kept))[0] == [Self.rewind(0, 3)])
        let anew = try Self.plan(Self.goOn).script(from: .rewound(kept)).memory
        #expect(Self.rows(try Self.plan(), .rewound(anew))[0] == [Self.rewind(4, 6)])
    }

    @Test("another system prompt is set last, its parts joined, and the same one is not set")
    func system() throws {
        let other = try Self.plan { $0.system = ["New."] }
        let rows = Self.rows(other, .rewound(try Self.memory()))
        #expect(rows.count == 3)
        #expect(rows[1] == [Self.settings(), Self.setSystem])
        let same = Self.rows(try Self.plan(), .rewound(try Self.memory()))
        #expect(same[1] == [Self.settings()])
    }

    @Test("other tools take the place of the old ones, under the other of two names")
    func tools() throws {
        let first = try Self.memory { $0.tools = [Self.tool("a")] }
        let second = try Self.plan { $0.tools = [Self.tool("b")] }
        let rows = Self.rows(second, .rewound(first))
        #expect(rows[1].count == 3)
        #expect(rows[1][0].hasSuffix(#""request":{"subtype":"mcp_set_servers","servers":{}}}"#))
        #expect(rows[1][1].contains(#""systemPrompt":[],"sdkMcpServers":["c2"],"sdkMcpServerManifests":{"c2":"#))
        #expect(rows[1][2] == Self.settings())
        let next = second.script(from: .rewound(first)).memory
        let third = Self.rows(try Self.plan { $0.tools = [Self.tool("d")] }, .rewound(next))
        #expect(third[1][1].contains(#""sdkMcpServers":["c"]"#))
        // Without tools the old ones are taken away, and with the same ones nothing is said.
        #expect(Self.rows(try Self.plan(), .rewound(next))[1].count == 2)
        #expect(Self.rows(second, .rewound(next))[1] == [Self.settings()])
    }

    @Test("the hooks of the first turn stay, so that they are named once, and for no turn with servers or a count")
    func hooks() throws {
        func hasHooks(_ rows: [[String]]) -> Bool { rows.contains { $0.contains { $0.contains("PreToolUse") } } }
        #expect(hasHooks(Self.rows(try Self.plan(), .fresh)))
        let memory = try Self.memory()
        #expect(!hasHooks(Self.rows(try Self.plan { $0.tools = [Self.tool("a")] }, .rewound(memory))))
        let server = MCPServer(name: "s", definition: JSONFragment("{}"), secrets: [])
        let withServers = try TurnPlan(
            answering: Harness.conversation("q"), model: "sonnet", servers: ActiveServers([server], maxRounds: 2))
        #expect(!hasHooks(Self.rows(withServers, .fresh)) && !withServers.isKeepable)
        let count = try TurnPlan(counting: Harness.conversation("q"), model: "sonnet")
        #expect(!hasHooks(Self.rows(count, .fresh)) && !count.isKeepable)
    }

    @Test("the history follows, awaited row by row, and then the question")
    func history() throws {
        let plan = try Self.plan {
            Self.goOn(&$0)
            Self.goOn(&$0)
        }
        let rows = Self.rows(plan, .rewound(try Self.memory()))
        #expect(rows.map(\.count) == [1, 1, 1, 2, 2])
        #expect(rows[2][0].contains("\"shouldQuery\":false") && rows[2][0].contains("q1"))
        #expect(!rows[4][1].contains("shouldQuery"))
    }

    // MARK: - What can follow what

    @Test("a prompt can be replaced and not be taken away")
    func canFollowSystem() throws {
        let none = try Self.plan { $0.system = [] }
        #expect(!none.canFollow(try Self.memory()))
        #expect(none.canFollow(try Self.memory { $0.system = [] }))
        #expect(try Self.plan().canFollow(try Self.memory { $0.system = ["Other."] }))
        #expect(try Self.plan().canFollow(try Self.memory { $0.system = [] }))
        // Once taken on it stays, whatever came between.
        let between = try Self.plan().script(from: .rewound(try Self.memory { $0.system = [] })).memory
        #expect(!none.canFollow(between))
    }

    @Test("a tool of a known name must be the same in all, for ever")
    func canFollowTools() throws {
        let memory = try Self.memory { $0.tools = [Self.tool("a", "One."), Self.tool("b")] }
        func canFollow(_ tools: [Tool], _ memory: ProcessMemory) throws -> Bool {
            try Self.plan { $0.tools = tools }.canFollow(memory)
        }
        #expect(try canFollow([Self.tool("a", "One.")], memory))
        #expect(try canFollow([Self.tool("c")], memory))
        #expect(try canFollow([], memory))
        #expect(try !canFollow([Self.tool("a", "Two.")], memory))
        #expect(try !canFollow([Tool(name: "a", description: nil, schema: Self.schema)], memory))
        #expect(try !canFollow([Tool(name: "a", description: "One.", schema: JSONFragment(#"{"type":"object"}"#))], memory))
        let later = try Self.plan().script(from: .rewound(memory)).memory
        #expect(try !canFollow([Self.tool("a", "Two.")], later))
    }

    @Test("a conversation that does not begin with what a user says cannot be forgotten")
    func canForget() throws {
        func canFollow(_ turns: [Turn]) throws -> Bool { try Self.plan().canFollow(try Self.memory { $0.turns = turns }) }
        let question = Turn(.user, [.text("q")])
        #expect(try canFollow([question]))
        #expect(try !canFollow([Turn(.assistant, [.text("a")]), question]))
        #expect(try !canFollow([Turn(.user, [.toolResult(id: "t", content: [.text("r")], isError: false)])]))
    }

    @Test("betas are a process's for life")
    func canFollowBetas() throws {
        let bound = try Self.plan {
            $0.thinking = .adaptive
            $0.blockBinding = .error
        }
        #expect(!bound.settings.betas.isEmpty)
        #expect(!bound.canFollow(try Self.memory()))
        #expect(bound.canFollow(bound.script(from: .fresh).memory))
        #expect(try !Self.plan().canFollow(bound.script(from: .fresh).memory))
    }

    @Test("a process that was told of a thousand tools learns no more")
    func canFollowMany() throws {
        var memory = try Self.memory()
        for number in 0..<1000 { memory.tools["t\(number)"] = number }
        #expect(try !Self.plan().canFollow(memory))
        memory.tools["t0"] = nil
        #expect(try Self.plan().canFollow(memory))
    }
}
