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
        (!system.isEmpty || !memory.hasSystem) && settings.betas == memory.betas
            && memory.tools.count < Self.mostKnownTools
            && tools.definitions.allSatisfy { name, hash in memory.tools[name].map { $0 == hash } ?? true }
    }

    private static let mostKnownTools = 1000

    /// What is written for a turn that begins there, and what its process holds afterwards.
    func script(from start: StartingPoint) -> (portions: [Portion], memory: ProcessMemory) {
        var writer = ScriptWriter()
        switch start {
        case .fresh:
            writer.memory.hasSystem = !system.isEmpty
            writer.memory.serverName = tools.isEmpty ? nil : .first
            initialize(&writer.rows, writer.memory.serverName, system: system, isFirst: true)
            settings.write(to: &writer.rows)
            if !servers.isEmpty { handOver(&writer) }
            writer.memory.settings = settings.whole
            writer.memory.betas = settings.betas
            writer.memory.tools = tools.definitions
            history(&writer)
        case .kept(let memory):
            writer.memory = memory
            apply(&writer)
        case .rewound(let memory):
            writer.memory = memory
            rewind(&writer)
            history(&writer)
        }
        question(&writer)
        return (writer.portions, writer.memory)
    }

    private func initialize(
        _ rows: inout RowWriter, _ server: ClientTools.ServerName?, system: [JSONText], isFirst: Bool
    ) {
        rows.controlRequest("initialize", id: Self.initializeID) { rows in
            rows.key("systemPrompt")
            rows.beginArray()
            for text in system { rows.string(text) }
            rows.endArray()
            // A call of a tool ends the turn: its result comes with the client's next message.
            if isFirst, servers.isEmpty, !counts {
                rows.raw("\"hooks\":{\"PreToolUse\":[{\"hookCallbackIds\":[\"p\"]}]}")
            }
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
        let whole = settings.whole
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
        if memory.serverName != nil {
            writer.rows.controlRequest("mcp_set_servers", id: Self.clearID) { $0.raw("\"servers\":{}") }
        }
        // Under the name that the former tools had these would be offered beside those.
        writer.memory.serverName = tools.isEmpty ? memory.serverName : memory.serverName?.other ?? .first
        if let server = writer.memory.serverName, !tools.isEmpty {
            initialize(&writer.rows, server, system: [], isFirst: false)
            writer.memory.tools.merge(tools.definitions) { _, new in new }
        }
        writer.memory.settings = settings.whole
        writer.rows.row(settings.whole)
        guard !system.isEmpty else { return writer.endPortion(.response(Self.settingsID)) }
        writer.memory.hasSystem = true
        writer.rows.controlRequest("set_model", id: Self.systemID) { rows in
            rows.member("model", settings.model)
            rows.member("system_prompt", JSONText.joined(system, separator: "\n\n"))
            rows.raw("\"only_if_model_is_current\":true")
        }
        writer.endPortion(.response(Self.systemID))
    }

    /// Everything before the last message.
    private func history(_ writer: inout ScriptWriter) {
        writer.memory.firstQuestion = writer.memory.nextRow
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
    private func question(_ writer: inout ScriptWriter) {
        if let last = messages.last {
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
