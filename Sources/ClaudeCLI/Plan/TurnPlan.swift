public import Vocabulary

/// What one turn asks, in the CLI's terms: whatever process it comes to, new or kept, its rows are made of this.
public struct TurnPlan: Sendable {
    /// True when the tokens are to be counted rather than the model asked.
    let counts: Bool
    /// The client's tools, by which the answer's calls are translated.
    let tools: ClientTools
    /// The call that the answer must hold, in the names that the model sees; nil when it need hold none.
    let demandedCall: DemandedCall?
    /// The registered servers whose tools the CLI calls itself.
    let servers: ActiveServers
    /// What the CLI's own tools may do in this turn; nil where it has none.
    public let agent: AgentRun?
    /// The system prompt in its parts, the gateway's own included.
    let system: [JSONText]
    var settings: TurnSettings
    /// The model's full name; nil where none is known.
    let fullModel: String?
    /// The messages under the client's names, users' and assistants'; the last is the question.
    public let turns: [Turn]
    /// The same under the model's names, with what the gateway adds.
    let messages: [Turn]
    /// True where a process that has answered holds nothing but the conversation as the client knows it, so that it can
    /// go on with it.
    public let isKeepable: Bool
    /// What attempts at the same turn have spent before this one.
    public var spent = TurnSpending()
    /// The member that marks the end of the history to be cached.
    let cacheMark: StaticString?

    /// The row that lifts a forced tool call once a server's tool was called, or the model could never end.
    var relief: [UInt8]? { servers.isEmpty ? nil : settings.relief }

    /// The rows of each portion that is written to a new process, as pieces to be written one after another.
    var portions: [[ArraySlice<UInt8>]] { script(from: .fresh).portions.map(\.rows) }
    /// Everything that is written to a new process.
    public var text: [UInt8] { portions.flatMap { $0.flatMap { $0 } } }

    /// Plans the turn that answers a conversation, for a model the CLI knows by `model`.
    ///
    /// What a CLI with no more than `features` would answer otherwise than asked is refused. The end of the history
    /// is marked to be cached for `cacheLifetime`. A beta that the turn needs is asked for beside `operatorBetas`.
    /// `fullModel` is what the CLI's name of a model stands for, where that is known.
    public init(
        answering conversation: Conversation, model: String, fullModel: String? = nil,
        servers: ActiveServers = .none, agent: AgentRun? = nil, features: CLIFeatures = .all, cacheLifetime: CacheLifetime = .off,
        operatorBetas: String = ""
    ) throws(Refusal) {
        try self.init(
            conversation, model: model, fullModel: fullModel, servers: servers, agent: agent, counts: false, features,
            cacheLifetime, operatorBetas)
    }

    /// Plans the counting of a conversation's tokens; the model is not asked.
    public init(
        counting conversation: Conversation, model: String, servers: ActiveServers = .none,
        features: CLIFeatures = .all, operatorBetas: String = ""
    ) throws(Refusal) {
        try self.init(
            conversation, model: model, fullModel: nil, servers: servers, agent: nil, counts: true, features, .off,
            operatorBetas)
    }

    private init(
        _ asked: Conversation, model: String, fullModel: String?, servers: ActiveServers, agent: AgentRun?, counts: Bool,
        _ features: CLIFeatures, _ cacheLifetime: CacheLifetime, _ operatorBetas: String
    ) throws(Refusal) {
        self.counts = counts
        // What follows a name in brackets is not in what it stands for.
        let isWhole = !model.contains("[")
        self.fullModel = isWhole ? fullModel ?? (model.hasPrefix("claude-") ? model : nil) : nil
        self.servers = servers
        self.agent = agent
        let conversation = asked.demanding(servers, features)
        demandedCall = counts ? nil : conversation.demandedCall
        try features.check(conversation, counts: counts)
        try servers.check(conversation.tools)
        if let search = conversation.webSearch, !servers.isEmpty || agent != nil { throw Self.searchBesideServers(search) }
        var settings = try TurnSettings(
            conversation, model: model, servers: servers, agent: agent, operatorBetas: operatorBetas)
        if !features.has(.parameters) { settings.leaveOutParameters() }
        self.settings = settings
        tools = settings.tools
        cacheMark = cacheLifetime.member
        system = Self.system(of: conversation)
        let turns = MessageList.messages(of: conversation)
        guard counts || turns.last?.role == .user else { throw Self.prefill }
        self.turns = turns
        isKeepable = !counts && servers.isEmpty && demandedCall == nil && features.has(.history)
            && conversation.webSearch?.isDemanded != true
        var messages = tools.names.outward(turns)
        if !features.has(.history) { messages = try TaggedHistory.flatten(messages) }
        if let note = demandedCall?.note(allowingSeveral: conversation.allowsParallelToolCalls) {
            messages[messages.count - 1].blocks.append(.text(note))
        }
        if conversation.webSearch?.isDemanded == true {
            messages[messages.count - 1].blocks.append(.text("<system>\nSearch the web before you answer.\n</system>"))
        }
        self.messages = messages
    }

    private static func system(of conversation: Conversation) -> [JSONText] {
        let texts = conversation.system.filter { !$0.isEmpty }
        guard conversation.outputFormat == .jsonObject else { return texts }
        return texts + ["Answer with one JSON object and nothing else, without a code fence."]
    }

    /// The extra body replaces the CLI's list of tools, which holds those of the servers and of an agent.
    private static func searchBesideServers(_ search: WebSearch) -> Refusal {
        Refusal(
            .invalidRequest, "\(search.path): a search cannot be asked for together with tools of MCP servers or an agent's.",
            param: search.path)
    }

    private static var prefill: Refusal {
        Refusal(
            .invalidRequest,
            "messages: the conversation must end with a user message; continuing an assistant message "
                + "that was begun (prefill) is not supported.",
            param: "messages")
    }
}
