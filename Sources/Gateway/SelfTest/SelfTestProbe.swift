import ClaudeCLI
import Vocabulary

/// One turn of a self-test: what is asked, what the upstream answers, and what the outcome shows.
struct SelfTestProbe: Sendable {
    enum Kind: CaseIterable, Sendable {
        /// A question that looks like a command, with every parameter; its answer is cut off.
        case question
        /// Two tools, called at once, and a question that names a file.
        case tools
        /// Several turns that end with the results of tools.
        case history
        /// A count of tokens.
        case count
        /// A question that names a file, without tools.
        case mention
        /// Questions that hold one part of `question` each; its end, which is cut off, stands alone.
        case command, system, parameters, search, cutOff

        /// What every CLI is tried with.
        static let first: [Kind] = [.question, .tools, .history, .count]

        /// What is tried instead where this never became a question: each part that it would have shown by itself.
        var parts: [Kind] {
            switch self {
            case .question: [.command, .system, .parameters, .search, .cutOff]
            case .tools: [.mention]
            default: []
            }
        }

        /// What is tried next where this has failed, though the CLI may have asked the upstream.
        ///
        /// A machine under load makes a turn run out of time and a stop come late, the latter more than once.
        func next(isAsked: Bool) -> [Kind] {
            switch self {
            case .question: isAsked ? [self, self] : parts
            default: isAsked ? [self] : [self] + parts
            }
        }
    }

    /// What the CLI printed.
    struct Answer: Sendable {
        var hasBegun = false
        var text = ""
        var calls: [(name: String, arguments: String)] = []
        var end: StopReason?
        var fault: Fault?
        var countedTokens: Int?

        mutating func note(_ event: ReplyEvent, _ line: Span<UInt8>) {
            switch event {
            case .started: hasBegun = true
            case .blockStarted(.toolUse(_, let name)): calls.append((name.string, ""))
            case .text(let piece): text += piece.string(in: line)
            case .toolInput(let piece):
                guard let last = calls.indices.last else { return }
                calls[last].arguments += piece.string(in: line)
            case .finished(let end): self.end = end.reason
            case .failed(let fault): self.fault = fault
            default: break
            }
        }

        /// True when the CLI did nothing until its time was over.
        var isTimedOut: Bool { fault?.kind == .gatewayTimeout }
        /// True when the CLI gave an answer of its own.
        var isAnswer: Bool { hasBegun || countedTokens != nil }
    }

    let kind: Kind
    /// The word in the file that no upstream may see.
    let canary: String

    /// The file of the canary, within the CLI's working directory.
    static let canaryFile = "canary.txt"
    private static let model = "haiku"
    private static let command: JSONText = "/cost"
    private static let longDescription = "Looks a key up. " + String(repeating: "0123456789abcdef", count: 300)

    var countsTokens: Bool { kind == .count }

    /// A request that the CLI makes of itself comes a moment after the answer it adds to.
    var lingersMilliseconds: Int { features.contains(.stopInTime) ? 400 : 0 }

    // MARK: - What is asked

    func plan(workingDirectory: String) throws(Refusal) -> TurnPlan {
        var asked = Conversation(model: Self.model)
        switch kind {
        case .question:
            Self.fillSystem(&asked)
            Self.fillParameters(&asked)
            Self.fillSearch(&asked)
            asked.turns = [Turn(.user, [.text(Self.command)])]
        case .command: asked.turns = [Turn(.user, [.text(Self.command)])]
        case .system: Self.fillSystem(&asked)
        case .parameters: Self.fillParameters(&asked)
        case .search: Self.fillSearch(&asked)
        case .cutOff: break
        case .tools:
            asked.turns = [Turn(.user, [mention(in: workingDirectory)])]
            asked.tools = Self.tools
            asked.toolChoice = .any
        case .history: Self.fillHistory(&asked)
        case .mention: asked.turns = [Turn(.user, [mention(in: workingDirectory)])]
        case .count: asked.turns = [Turn(.user, [.text("Count these words.")])]
        }
        if asked.turns.isEmpty { asked.turns = [Turn(.user, [.text("Say something.")])] }
        return countsTokens
            ? try TurnPlan(counting: asked, model: Self.model)
            : try TurnPlan(answering: asked, model: Self.model)
    }

    /// What the upstream answers to each request of the turn.
    var reply: [UInt8] {
        switch kind {
        case .question, .cutOff: UpstreamReply.text("Cut off", reason: .maxTokens)
        case .tools:
            UpstreamReply.calls([
                ("toolu_1", "lookup", "{\"key\":\"a\"}"), ("toolu_2", "send-it", "{\"to\":\"b\"}"),
            ])
        case .history, .mention, .count, .command, .system, .parameters, .search:
            UpstreamReply.text("Done.", reason: .endTurn)
        }
    }

    private static func fillSystem(_ asked: inout Conversation) {
        asked.system = ["Part one of the self-test.", "Part two."]
    }

    private static func fillParameters(_ asked: inout Conversation) {
        asked.sampling.maxTokens = 2345
        asked.sampling.temperature = JSONFragment("0.25")
        asked.sampling.stopSequences = ["selftest-stop"]
        asked.thinking = .enabled(budgetTokens: 1234)
        asked.outputFormat = .jsonSchema(schema)
    }

    private static func fillSearch(_ asked: inout Conversation) {
        asked.webSearch = WebSearch(tool: search, maxUses: 1, path: "tools")
    }

    private static let search = JSONFragment("{\"type\":\"web_search_20250305\",\"name\":\"web_search\",\"max_uses\":1}")

    private func mention(in directory: String) -> Block {
        let file = Self.canaryFile
        return .text(JSONText("Look at @\(file), @./\(file) and @\(directory)/\(file) now."))
    }

    private static let schema = JSONFragment(
        "{\"type\":\"object\",\"properties\":{\"key\":{\"type\":\"string\"}},\"additionalProperties\":false}")

    private static let tools = [
        Tool(name: "lookup", description: JSONText(longDescription), schema: schema),
        Tool(name: "send-it", description: "Sends it.", schema: JSONFragment("{\"type\":\"object\"}")),
    ]

    private static func fillHistory(_ asked: inout Conversation) {
        asked.tools = [tools[0]]
        asked.turns = [
            Turn(.user, [.text("First question."), .image(source: image)]),
            Turn(.assistant, [.text("First answer.")]),
            Turn(.user, [.text("Second question.")]),
            Turn(
                .assistant,
                [
                    .thinking("A thought.", signature: "c2VsZnRlc3Q="), .text("Second answer."),
                    .toolUse(id: "toolu_1", name: "lookup", input: JSONFragment("{\"key\":\"a\"}")),
                    .toolUse(id: "toolu_2", name: "lookup", input: JSONFragment("{\"key\":\"b\"}")),
                ]),
            Turn(
                .user,
                [
                    .toolResult(id: "toolu_1", content: [.text("found")], isError: false),
                    .toolResult(id: "toolu_2", content: [.text("not found")], isError: true),
                ]),
        ]
    }

    private static let image = JSONFragment(
        """
        {"type":"base64","media_type":"image/png","data":"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNQ\
        cEj4DwADBAHAX3ZiygAAAABJRU5ErkJggg=="}
        """)

    /// The messages that the history must have become.
    private static let messages = JSONFragment(
        """
        [{"role":"user","content":[{"type":"text","text":"First question."},{"type":"image","source":{"type":"base64",\
        "media_type":"image/png","data":"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNQcEj4DwADBAHAX3Ziyg\
        AAAABJRU5ErkJggg=="}}]},
        {"role":"assistant","content":[{"type":"text","text":"First answer."}]},
        {"role":"user","content":[{"type":"text","text":"Second question."}]},
        {"role":"assistant","content":[{"type":"thinking","thinking":"A thought.","signature":"c2VsZnRlc3Q="},\
        {"type":"text","text":"Second answer."},\
        {"type":"tool_use","id":"toolu_1","name":"lookup","input":{"key":"a"}},\
        {"type":"tool_use","id":"toolu_2","name":"lookup","input":{"key":"b"}}]},
        {"role":"user","content":[\
        {"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text","text":"found"}]},\
        {"type":"tool_result","tool_use_id":"toolu_2","is_error":true,\
        "content":[{"type":"text","text":"not found"}]}]}]
        """)

    // MARK: - What it shows

    /// What it is meant to show.
    var features: [CLIFeature] {
        switch kind {
        case .question: [.plainCommands, .stopInTime, .systemPrompt, .model, .parameters, .webSearch]
        case .tools: [.tools, .plainMentions]
        case .history: [.history]
        case .count: [.tokenCount]
        case .mention: [.plainMentions]
        case .command: [.plainCommands]
        case .system: [.systemPrompt]
        case .parameters: [.parameters]
        case .search: [.webSearch]
        case .cutOff: [.model, .stopInTime]
        }
    }

    /// For each feature that the outcome says something about, whether it works.
    func judge(_ answer: Answer, _ traffic: LoopbackUpstream.Traffic) -> [CLIFeature: Bool] {
        if kind == .count { return [.tokenCount: (answer.countedTokens ?? 0) > 0] }
        guard let body = traffic.questions.first, let request = try? JSONDocument(parsing: body).root else {
            return [:]
        }
        switch kind {
        case .question, .command, .system, .parameters, .search, .cutOff:
            return judgeQuestion(request, answer, traffic).filter { features.contains($0.key) }
        case .tools: return judgeTools(request, answer, traffic)
        case .history: return [.history: UpstreamRequest(request).messagesHold(Self.messages)]
        case .mention: return [.plainMentions: isPlain(traffic)]
        case .count: return [:]
        }
    }

    private func judgeQuestion(
        _ request: JSONValue, _ answer: Answer, _ traffic: LoopbackUpstream.Traffic
    ) -> [CLIFeature: Bool] {
        let sent = UpstreamRequest(request)
        let system = sent.systemTexts
        var shown: [CLIFeature: Bool] = [
            .plainCommands: sent.userTexts.contains(Self.command.string),
            .systemPrompt: system.contains { $0 == "Part one of the self-test.\n\nPart two." }
                || system.contains("Part one of the self-test.") && system.contains("Part two."),
            .webSearch: request["tools"]?.elements.contains { UpstreamRequest.holds(Self.search, in: $0) } ?? false,
            .model: request["model"]?.text?.string.contains(Self.model) ?? false,
            .parameters: sent.holds(
                """
                {"max_tokens":2345,"temperature":0.25,"stop_sequences":["selftest-stop"],\
                "thinking":{"type":"enabled","budget_tokens":1234},\
                "output_config":{"format":{"type":"json_schema","schema":{"type":"object",\
                "properties":{"key":{"type":"string"}},"additionalProperties":false}}}}
                """),
        ]
        // A stop that comes late refutes nothing: the machine may have been busy.
        if traffic.questions.count == 1, answer.end == .maxTokens { shown[.stopInTime] = true }
        return shown
    }

    private func judgeTools(
        _ request: JSONValue, _ answer: Answer, _ traffic: LoopbackUpstream.Traffic
    ) -> [CLIFeature: Bool] {
        let isOffered = Self.tools.allSatisfy { tool in
            request["tools"]?.elements.contains { offered in
                offered["name"]?.text == tool.name && offered["description"]?.text == tool.description
                    && UpstreamRequest.holds(tool.schema, in: offered["input_schema"])
            } ?? false
        }
        let isCalled =
            answer.calls.map(\.name) == ["lookup", "send-it"]
            && answer.calls.map(\.arguments) == ["{\"key\":\"a\"}", "{\"to\":\"b\"}"]
            && answer.end == .toolUse
        var shown: [CLIFeature: Bool] = [.tools: isOffered && isCalled, .plainMentions: isPlain(traffic)]
        // The call is held open, so there is nothing to be late for.
        if traffic.questions.count > 1 { shown[.stopInTime] = false }
        if !UpstreamRequest(request).holds("{\"tool_choice\":{\"type\":\"any\"}}") { shown[.parameters] = false }
        return shown
    }

    /// True when the file's content was in no request.
    private func isPlain(_ traffic: LoopbackUpstream.Traffic) -> Bool {
        !traffic.questions.contains { String(decoding: $0, as: UTF8.self).contains(canary) }
    }
}

/// A request that the CLI made of its vendor, as a self-test looks at it.
struct UpstreamRequest {
    private let root: JSONValue

    init(_ root: JSONValue) { self.root = root }

    /// The texts of the system prompt.
    var systemTexts: [String] { root["system"].map(Self.texts) ?? [] }

    /// The texts of the user's messages.
    var userTexts: [String] {
        messages.filter { $0["role"]?.text?.string == "user" }.flatMap { $0["content"].map(Self.texts) ?? [] }
    }

    /// True when the request holds all that `expected` says; it may hold more.
    func holds(_ expected: String) -> Bool {
        guard let wanted = try? JSONDocument(parsing: Array(expected.utf8)).root else { return false }
        return Self.holds(wanted, root)
    }

    /// True when the messages, without what the CLI adds about its surroundings, are those of `expected`.
    func messagesHold(_ expected: JSONFragment) -> Bool {
        guard let wanted = try? JSONDocument(parsing: Array(expected.bytes)).root else { return false }
        let (wantedMessages, sent) = (Array(wanted.elements), messages)
        guard wantedMessages.count == sent.count else { return false }
        return zip(wantedMessages, sent).allSatisfy { wanted, sent in
            guard let role = wanted["role"], let sentRole = sent["role"], let content = sent["content"],
                let blocks = wanted["content"], Self.holds(role, sentRole)
            else { return false }
            return Self.blocks(Array(blocks.elements), are: content)
        }
    }

    static func holds(_ expected: JSONFragment, in value: JSONValue?) -> Bool {
        guard let value, let wanted = try? JSONDocument(parsing: Array(expected.bytes)).root else { return false }
        return holds(wanted, value)
    }

    private var messages: [JSONValue] {
        root["messages"]?.elements.filter { $0["role"]?.text?.string != "system" } ?? []
    }

    private static func texts(_ content: JSONValue) -> [String] {
        if let text = content.text { return [text.string] }
        return content.elements.compactMap { $0["text"]?.text?.string }
    }

    private static func blocks(_ wanted: [JSONValue], are content: JSONValue) -> Bool {
        // A single text may be sent as a bare string.
        if let text = content.text { return wanted.count == 1 && wanted[0]["text"]?.text == text }
        let sent = content.elements.filter { !isReminder($0) }
        return wanted.count == sent.count && zip(wanted, sent).allSatisfy { isBlock($0, $1) }
    }

    /// For models before 5 the CLI tells of its surroundings behind the last result of a tool, within it; the text
    /// before it then ends in one more line end.
    private static func isBlock(_ wanted: JSONValue, _ sent: JSONValue) -> Bool {
        let blocks = sent["content"].map { Array($0.elements) } ?? []
        guard wanted["type"]?.text?.string == "tool_result", blocks.contains(where: isReminder),
            let result = wanted["content"].map({ Array($0.elements) }), result.count < blocks.count
        else { return holds(wanted, sent) }
        return blocks[result.count...].allSatisfy(isReminder)
            && wanted.members.allSatisfy { member in
                member.key == "content" || sent.members.contains { $0.key == member.key && holds(member.value, $0.value) }
            }
            && result.indices.allSatisfy { index in
                holds(result[index], blocks[index])
                    || index == result.count - 1 && isLineLonger(blocks[index], than: result[index])
            }
    }

    private static func isReminder(_ block: JSONValue) -> Bool {
        block["text"]?.text?.string.hasPrefix("<system-reminder>") ?? false
    }

    private static func isLineLonger(_ block: JSONValue, than wanted: JSONValue) -> Bool {
        guard let text = wanted["text"]?.text?.string else { return false }
        return block["type"]?.text?.string == "text" && block["text"]?.text?.string == text + "\n"
    }

    /// True when `value` has everything that `wanted` has; only objects may have more.
    private static func holds(_ wanted: JSONValue, _ value: JSONValue) -> Bool {
        switch wanted.kind {
        case .object:
            return wanted.members.allSatisfy { member in
                value.members.contains { $0.key == member.key && holds(member.value, $0.value) }
            }
        case .array:
            let (left, right) = (Array(wanted.elements), Array(value.elements))
            // The result of a tool may be one bare text.
            if let text = value.text, left.count == 1 { return left[0]["text"]?.text == text }
            return value.kind == .array && left.count == right.count && zip(left, right).allSatisfy { holds($0, $1) }
        case .string: return value.text == wanted.text
        case .number: return value.double == wanted.double
        case .bool: return value.bool == wanted.bool
        case .null: return value.isNull
        }
    }
}
