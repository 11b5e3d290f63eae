import Vocabulary

/// What of a request reaches the CLI as settings: the model, the effort, and an allow-list of parameters.
///
/// `CLAUDE_CODE_EXTRA_BODY` could replace any part of the vendor's request. Only what a client may set goes
/// in: never `system`, `messages`, `tools`, `model` or `metadata`, by which the service knows whose traffic
/// it is.
struct TurnSettings {
    let tools: ClientTools
    private let model: String
    private let effort: Effort?
    /// The JSON object of extra parameters; empty when there are none.
    private(set) var extraBody: [UInt8] = []
    private let servers: ActiveServers
    /// The extra parameters without a forced tool call; nil where none is forced.
    private var relievedBody: [UInt8]?

    init(
        _ conversation: Conversation, model: String, servers: ActiveServers = .none
    ) throws(Refusal) {
        self.model = model
        self.servers = servers
        tools = try ClientTools(conversation, areOthersActive: !servers.isEmpty)
        effort = conversation.effort
        extraBody = Self.extraBody(conversation, tools)
        if !servers.isEmpty, let relieved = tools.withoutForce {
            relievedBody = Self.extraBody(conversation, relieved)
        }
    }

    private static func extraBody(_ conversation: Conversation, _ tools: ClientTools) -> [UInt8] {
        var json = RowWriter()
        json.beginObject()
        sampling(conversation.sampling, &json)
        thinking(conversation.thinking, conversation.thinkingDisplay, &json)
        output(conversation.outputFormat, &json)
        tools.writeChoice(to: &json)
        json.endObject()
        let pieces = json.pieces()
        return pieces.count > 1 || pieces[0].count > 2 ? Array(pieces.joined()) : []
    }

    /// For a CLI that does not take the extra body.
    mutating func leaveOutParameters() {
        extraBody = []
        relievedBody = nil
    }

    /// The row that lifts a forced tool call; nil where none is forced.
    var relief: [UInt8]? {
        guard let relievedBody else { return nil }
        var rows = RowWriter()
        rows.controlRequest("apply_flag_settings", id: TurnPlan.reliefID) { rows in
            rows.key("settings")
            rows.beginObject()
            Self.environment(relievedBody, &rows)
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
            if !extraBody.isEmpty { Self.environment(extraBody, &rows) }
            servers.writePermissions(to: &rows)
            rows.endObject()
        }
    }

    private static func environment(_ extraBody: [UInt8], _ rows: inout RowWriter) {
        rows.key("env")
        rows.beginObject()
        rows.member("CLAUDE_CODE_EXTRA_BODY", String(decoding: extraBody, as: UTF8.self))
        rows.endObject()
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

    /// The CLI is started with thinking switched off; what is asked for overrides that.
    private static func thinking(
        _ thinking: Thinking?, _ display: ThinkingDisplay?, _ json: inout RowWriter
    ) {
        // Not said to the vendor: what can be switched off is, and the newest models, of which nothing else can
        // be had, refuse the word.
        guard let thinking, thinking != .disabled else { return }
        json.key("thinking")
        json.beginObject()
        switch thinking {
        case .disabled: break
        case .betweenTools: json.raw("\"type\":\"between_tools\"")
        case .adaptive: json.raw("\"type\":\"adaptive\"")
        case .enabled(let budget):
            json.raw("\"type\":\"enabled\"")
            json.member("budget_tokens", budget)
        }
        switch (thinking, display) {
        case (.adaptive, .summarized), (.enabled, .summarized): json.raw("\"display\":\"summarized\"")
        case (.adaptive, .omitted), (.enabled, .omitted): json.raw("\"display\":\"omitted\"")
        default: break
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
