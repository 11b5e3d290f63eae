import Vocabulary

/// The portions in which a plan is written. The CLI appends assistant rows the moment it reads them but queues user rows,
/// so after each user row of the history its zero-turn result must be awaited.
extension TurnPlan {
    /// The id of the `initialize` request.
    static let initializeID: StaticString = "i"
    /// The id of the `apply_flag_settings` request.
    static let settingsID: StaticString = "s"
    /// The id of the `apply_flag_settings` request that lifts a forced tool call.
    static let reliefID: StaticString = "r"
    /// The id of the `get_context_usage` request.
    static let countID: StaticString = "u"
    /// The id of the `rewind_conversation` request.
    static let rewindID: StaticString = "w"
    /// The id of the `mcp_set_servers` request that takes the former tools away.
    static let clearID: StaticString = "x"
    /// The id of the `set_model` request that replaces the system prompt.
    static let systemID: StaticString = "p"

    /// True where a process can serve the turn that has forgotten another conversation.
    ///
    /// A system prompt can be replaced and not be taken away, betas stay, and so does what was once said of a tool.
    func canFollow(_ memory: ProcessMemory) -> Bool {
        agent == nil && memory.canForget && (memory.system == systemNumber || !system.isEmpty && fullModel != nil)
            && settings.betas == memory.betas
            && memory.tools.count < Self.mostKnownTools
            && tools.definitions.allSatisfy { name, hash in memory.tools[name].map { $0 == hash } ?? true }
    }

    private static let mostKnownTools = 1000

    /// Tells system prompts apart; nil for none.
    private var systemNumber: Int? {
        guard !system.isEmpty else { return nil }
        var hasher = Hasher()
        for text in system { hasher.combine(text.string) }
        return hasher.finalize()
    }

    /// What is written for a turn that begins there, and what its process holds afterwards.
    func script(from start: StartingPoint) -> (portions: [Portion], memory: ProcessMemory) {
        var writer = ScriptWriter()
        switch start {
        case .fresh:
            writer.memory.system = systemNumber
            writer.memory.model = settings.model
            writer.memory.serverName = tools.isEmpty ? nil : .first
            initialize(&writer.rows, writer.memory.serverName, system: system, isFirst: true)
            settings.write(to: &writer.rows)
            if !servers.isEmpty { handOver(&writer) }
            writer.memory.settings = settings.whole(model: settings.model)
            writer.memory.betas = settings.betas
            writer.memory.tools = tools.definitions
            writer.memory.offered = writer.memory.tools
            history(&writer)
        case .kept(let memory):
            writer.memory = memory
            apply(&writer)
            return finish(&writer, asking: answered(messages.last, knowing: memory.callIDs))
        case .rewound(let memory):
            writer.memory = memory
            rewind(&writer)
            history(&writer)
        }
        return finish(&writer, asking: messages.last)
    }

    private func finish(
        _ writer: inout ScriptWriter, asking question: Turn?
    ) -> (portions: [Portion], memory: ProcessMemory) {
        ask(question, &writer)
        return (writer.portions, writer.memory)
    }

    /// A message whose results go to the calls that the process knows: a client may have given them other ids, but they
    /// are the same calls in the same order.
    private func answered(_ question: Turn?, knowing ids: [String]) -> Turn? {
        guard var question, messages.count > 1 else { return question }
        let calls = messages[messages.count - 2].blocks.compactMap { block -> String? in
            if case .toolUse(let id, _, _) = block { id.string } else { nil }
        }
        let known = Dictionary(zip(calls, ids), uniquingKeysWith: { first, _ in first })
        question.blocks = question.blocks.map { block in
            guard case .toolResult(let id, let content, let isError) = block, let own = known[id.string],
                own != id.string
            else { return block }
            return .toolResult(id: JSONText(own), content: content, isError: isError)
        }
        return question
    }

    private func initialize(
        _ rows: inout RowWriter, _ server: ClientTools.ServerName?, system: [JSONText], isFirst: Bool
    ) {
        rows.controlRequest("initialize", id: Self.initializeID) { rows in
            if agent == nil {
                rows.key("systemPrompt")
                rows.beginArray()
                for text in system { rows.string(text) }
                rows.endArray()
            } else if !system.isEmpty {
                // The CLI's own prompt tells the model how to use its tools.
                rows.member("appendSystemPrompt", JSONText.joined(system, separator: "\n\n"))
            }
            agent?.writeSubagents(to: &rows)
            // A call of a tool ends the turn: its result comes with the client's next message.
            if isFirst, servers.isEmpty, agent == nil, !counts {
                rows.raw("\"hooks\":{\"PreToolUse\":[{\"hookCallbackIds\":[\"p\"]}]}")
            }
            if isFirst { agent?.writeHooks(to: &rows) }
            if let server { tools.write(to: &rows, as: server) }
        }
    }

    /// The servers are waited for before the first message: the model must not be asked without their tools.
    private func handOver(_ writer: inout ScriptWriter) {
        servers.write(to: &writer.rows, withClientTools: !tools.isEmpty)
        writer.endPortion(.servers)
        servers.writeStatus(to: &writer.rows)
        writer.endPortion(.serverState)
    }

    private func apply(_ writer: inout ScriptWriter) {
        let whole = settings.whole(model: writer.memory.model)
        guard whole != writer.memory.settings else { return }
        writer.memory.settings = whole
        writer.rows.row(whole)
    }

    /// Nothing new is told before the old is forgotten, and no message before all of it was taken.
    private func rewind(_ writer: inout ScriptWriter) {
        let memory = writer.memory
        writer.rows.controlRequest("rewind_conversation", id: Self.rewindID) { rows in
            rows.member("target_message_uuid", Self.uuid(memory.firstQuestion))
            rows.member("last_seen_user_message_uuid", Self.uuid(memory.lastQuestion))
        }
        writer.endPortion(.rewound)
        changeTools(&writer)
        // The CLI knows what model it runs by its full name; by some of its own names it does not.
        let model = fullModel ?? settings.model
        writer.memory.model = model
        writer.memory.settings = settings.whole(model: model)
        writer.rows.row(writer.memory.settings)
        guard memory.system != systemNumber else { return writer.endPortion(.response(Self.settingsID)) }
        writer.memory.system = systemNumber
        writer.rows.controlRequest("set_model", id: Self.systemID) { rows in
            rows.member("model", model)
            rows.member("system_prompt", JSONText.joined(system, separator: "\n\n"))
            rows.raw("\"only_if_model_is_current\":true")
        }
        writer.endPortion(.response(Self.systemID))
    }

    /// Offers the turn's tools in the place of others.
    private func changeTools(_ writer: inout ScriptWriter) {
        let definitions = tools.definitions
        guard definitions != writer.memory.offered else { return }
        if !writer.memory.offered.isEmpty {
            writer.rows.controlRequest("mcp_set_servers", id: Self.clearID) { $0.raw("\"servers\":{}") }
        }
        writer.memory.offered = definitions
        guard !definitions.isEmpty else { return }
        // Under the name that the former tools had these would be offered beside those.
        let server = writer.memory.serverName?.other ?? .first
        writer.memory.serverName = server
        writer.memory.tools.merge(definitions) { _, new in new }
        initialize(&writer.rows, server, system: [], isFirst: false)
    }

    /// Everything before the last message.
    private func history(_ writer: inout ScriptWriter) {
        writer.memory.firstQuestion = writer.memory.nextRow
        let isSaid = messages.first?.blocks.contains { !$0.isToolResult } ?? false
        writer.memory.canForget = messages.first?.role == .user && isSaid
        for (index, message) in messages.enumerated() where index < messages.count - 1 {
            if message.role == .user {
                writer.memory.lastQuestion = writer.memory.nextRow
                Self.user(message.blocks, number: writer.takeNumber(), isQuestion: false, &writer.rows)
                writer.endPortion(.emptyTurn)
            } else {
                let mark = index == messages.count - 2 ? cacheMark : nil
                Self.assistant(message.blocks, number: writer.takeNumber(), mark: mark, &writer.rows)
            }
        }
    }

    /// The last message, or the request for the count.
    private func ask(_ question: Turn?, _ writer: inout ScriptWriter) {
        if let last = question {
            if last.role == .user {
                writer.memory.lastQuestion = writer.memory.nextRow
                Self.user(last.blocks, number: writer.takeNumber(), isQuestion: !counts, &writer.rows)
                if counts { writer.endPortion(.emptyTurn) }
            } else {
                Self.assistant(last.blocks, number: writer.takeNumber(), mark: nil, &writer.rows)
            }
        }
        if counts { writer.rows.controlRequest("get_context_usage", id: Self.countID) }
        writer.endPortion(.answer)
    }
}

/// Portions on their way to be written.
private struct ScriptWriter {
    var rows = RowWriter()
    var memory = ProcessMemory()
    private(set) var portions: [Portion] = []

    mutating func takeNumber() -> Int {
        defer { memory.nextRow += 1 }
        return memory.nextRow
    }

    mutating func endPortion(_ sign: Portion.Sign) {
        portions.append(Portion(rows: rows.pieces(), awaits: sign))
        rows = RowWriter()
    }
}
