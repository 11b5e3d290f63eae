import Vocabulary

/// What of a request reaches the CLI as settings: the model, the effort, and an allow-list of parameters.
///
/// `CLAUDE_CODE_EXTRA_BODY` could replace any part of the vendor's request. Only what a client may set goes
/// in: never `system`, `messages`, `model` or `metadata`, by which the service knows whose traffic it is, and `tools`
/// only to add the vendor's own search to what the CLI would write.
struct TurnSettings {
    let tools: ClientTools
    let model: String
    private let effort: Effort?
    /// The JSON object of extra parameters; empty when there are none.
    private(set) var extraBody: [UInt8] = []
    private let servers: ActiveServers
    private let agent: AgentRun?
    /// What `ANTHROPIC_BETAS` must hold; empty where the turn needs no beta.
    private(set) var betas = ""
    /// True where the CLI must not add a temperature, as it does while it believes thinking to be switched off.
    private var leavesTemperature = false
    /// The extra parameters without a forced tool call; nil where none is forced.
    private var relievedBody: [UInt8]?
    /// What the bodies are made of: a conversation without its words.
    private var parameters: Conversation
    /// False for a CLI that does not take the extra body.
    private var takesParameters = true

    init(
        _ conversation: Conversation, model: String, servers: ActiveServers = .none, agent: AgentRun? = nil,
        operatorBetas: String = ""
    ) throws(Refusal) {
        self.model = model
        self.servers = servers
        self.agent = agent
        tools = try ClientTools(conversation, areOthersActive: !servers.isEmpty)
        effort = conversation.effort
        parameters = conversation
        (parameters.system, parameters.turns, parameters.tools) = ([], [], [])
        betas = Self.betas(conversation, operatorBetas)
        let sampling = conversation.sampling
        leavesTemperature = sampling.topP != nil && sampling.temperature == nil && conversation.thinking != nil
        writeBodies()
    }

    private mutating func writeBodies() {
        extraBody = Self.extraBody(parameters, tools)
        if !servers.isEmpty, let relieved = tools.withoutForce {
            relievedBody = Self.extraBody(parameters, relieved)
        }
    }

    /// The most tokens that an answer may have; nil where it is left to the CLI.
    var maxTokens: Int? { takesParameters ? parameters.sampling.maxTokens : nil }

    /// Bounds the answer by so many tokens where it would be longer; false where the CLI does not take it.
    mutating func limitOutput(to tokens: Int, unsaid: Int) -> Bool {
        guard takesParameters else { return false }
        let limit = max(1, tokens)
        guard limit < maxTokens ?? unsaid else { return true }
        parameters.sampling.maxTokens = limit
        // A budget must be smaller than the bound, and is 1024 at the least.
        if case .enabled(let budget) = parameters.thinking, budget >= limit {
            parameters.thinking = limit > 1024 ? .enabled(budgetTokens: limit - 1) : .disabled
        }
        writeBodies()
        return true
    }

    private static func extraBody(_ conversation: Conversation, _ tools: ClientTools) -> [UInt8] {
        var json = RowWriter()
        json.beginObject()
        sampling(conversation.sampling, &json)
        thinking(conversation, &json)
        output(conversation.outputFormat, &json)
        tools.writeAll(to: &json)
        tools.writeChoice(to: &json)
        json.endObject()
        let pieces = json.pieces()
        return pieces.count > 1 || pieces[0].count > 2 ? Array(pieces.joined()) : []
    }

    /// For a CLI that does not take the extra body.
    mutating func leaveOutParameters() {
        takesParameters = false
        extraBody = []
        relievedBody = nil
        betas = ""
        leavesTemperature = false
    }

    /// The row that lifts a forced tool call; nil where none is forced.
    var relief: [UInt8]? {
        guard let relievedBody else { return nil }
        var rows = RowWriter()
        rows.controlRequest("apply_flag_settings", id: TurnPlan.reliefID) { rows in
            rows.key("settings")
            rows.beginObject()
            environment(relievedBody, &rows)
            rows.endObject()
        }
        return Array(rows.pieces().joined())
    }

    /// Writes the row that applies them.
    func write(to rows: inout RowWriter) {
        rows.controlRequest("apply_flag_settings", id: TurnPlan.settingsID) { rows in
            rows.key("settings")
            rows.beginObject()
            rows.member("model", model)
            // Else a tool named Bash makes the CLI tell the model to sign commits with the CLI's name.
            rows.raw("\"attribution\":{\"commit\":\"\",\"pr\":\"\"}")
            if let effort {
                rows.member("effortLevel", effort.rawValue)
            }
            if hasEnvironment { environment(extraBody, &rows) }
            servers.writePermissions(to: &rows)
            agent?.writePermissions(to: &rows)
            rows.endObject()
        }
    }

    /// The row that puts a process under these settings whatever it worked under before, but for the betas: those of a
    /// process's first request stay in force. The model goes by the name `model`.
    func whole(model: String) -> [UInt8] {
        var rows = RowWriter()
        rows.controlRequest("apply_flag_settings", id: TurnPlan.settingsID) { rows in
            rows.key("settings")
            rows.beginObject()
            rows.member("model", model)
            rows.raw("\"attribution\":{\"commit\":\"\",\"pr\":\"\"}")
            if let effort { rows.member("effortLevel", effort.rawValue) } else { rows.raw("\"effortLevel\":null") }
            rows.key("env")
            rows.beginObject()
            rows.member("CLAUDE_CODE_EXTRA_BODY", String(decoding: extraBody, as: UTF8.self))
            rows.member("CLAUDE_CODE_DISABLE_THINKING", leavesTemperature ? "0" : "1")
            rows.endObject()
            agent?.writePermissions(to: &rows)
            rows.endObject()
        }
        return Array(rows.pieces().joined())
    }

    private var hasEnvironment: Bool { !extraBody.isEmpty || !betas.isEmpty || leavesTemperature }

    private func environment(_ extraBody: [UInt8], _ rows: inout RowWriter) {
        rows.key("env")
        rows.beginObject()
        if !extraBody.isEmpty { rows.member("CLAUDE_CODE_EXTRA_BODY", String(decoding: extraBody, as: UTF8.self)) }
        if !betas.isEmpty { rows.member("ANTHROPIC_BETAS", betas) }
        if leavesTemperature { rows.raw("\"CLAUDE_CODE_DISABLE_THINKING\":\"0\"") }
        rows.endObject()
    }

    /// The betas without which the vendor would refuse what is asked, or not tell what it left out; the CLI adds its
    /// own. They stand in the place of the operator's variable, whose names are kept before them.
    private static func betas(_ conversation: Conversation, _ operatorBetas: String) -> String {
        let isBound = conversation.saysBlockBinding || conversation.wantsTransformations
        let isUpdated = conversation.saysDisplay(.updates) || conversation.saysDisplay(.highlights)
        guard isBound || isUpdated else { return "" }
        var names = operatorBetas.split { $0 == "," || $0 == " " || $0 == "\t" }.map(String.init)
        let needed: [(VendorBeta, Bool)] = [(.thinkingBindingControls, isBound), (.thinkingDisplayUpdates, isUpdated)]
        for case (let beta, true) in needed where !names.contains(beta.rawValue) { names.append(beta.rawValue) }
        return names.joined(separator: ",")
    }

    private static func sampling(_ sampling: Sampling, _ json: inout RowWriter) {
        if let limit = sampling.maxTokens {
            json.member("max_tokens", limit)
        }
        let values: [(StaticString, JSONFragment?)] = [
            ("temperature", sampling.temperature), ("top_p", sampling.topP), ("top_k", sampling.topK),
            ("service_tier", sampling.serviceTier),
        ]
        for case (let key, let value?) in values {
            json.member(key, value)
        }
        guard !sampling.stopSequences.isEmpty else { return }
        json.key("stop_sequences")
        json.beginArray()
        for text in sampling.stopSequences { json.string(text) }
        json.endArray()
    }

    /// The CLI is started with thinking switched off, so that nothing is said of it; what is asked for overrides that.
    private static func thinking(_ conversation: Conversation, _ json: inout RowWriter) {
        guard let thinking = conversation.thinking else { return }
        json.key("thinking")
        json.beginObject()
        switch thinking {
        case .disabled: json.raw("\"type\":\"disabled\"")
        case .betweenTools: json.raw("\"type\":\"between_tools\"")
        case .adaptive: json.raw("\"type\":\"adaptive\"")
        case .enabled(let budget):
            json.raw("\"type\":\"enabled\"")
            json.member("budget_tokens", budget)
        }
        if let display = conversation.thinkingDisplay, conversation.saysDisplay(display) {
            json.member("display", display.rawValue)
        }
        if let binding = conversation.blockBinding, conversation.saysBlockBinding {
            json.key("block_binding")
            json.beginObject()
            json.member("prefix_mismatch_behavior", binding.rawValue)
            json.endObject()
        }
        json.endObject()
    }

    private static func output(_ format: OutputFormat?, _ json: inout RowWriter) {
        switch format {
        case nil: return
        case .jsonSchema(let schema):
            json.key("output_config")
            json.beginObject()
            json.key("format")
            json.beginObject()
            json.raw("\"type\":\"json_schema\"")
            json.member("schema", schema)
            json.endObject()
            json.endObject()
        // The vendor's grammar knows no object of any shape: the system prompt asks for one.
        case .jsonObject: return
        }
    }
}

extension Conversation {
    /// True where the vendor takes more than the type in `thinking`.
    private var hasThinkingDetails: Bool {
        switch thinking {
        case .adaptive, .enabled: true
        case .disabled, .betweenTools, nil: false
        }
    }

    fileprivate var saysBlockBinding: Bool { hasThinkingDetails && blockBinding != nil }

    fileprivate func saysDisplay(_ display: ThinkingDisplay) -> Bool { hasThinkingDetails && thinkingDisplay == display }
}
