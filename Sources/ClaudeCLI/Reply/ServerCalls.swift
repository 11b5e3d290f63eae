import Vocabulary

/// What of a running turn's messages belongs to the servers: calls the CLI answers by itself.
struct ServerCalls {
    private let servers: ActiveServers
    /// True where the CLI's own tools are at work, and every call is one of theirs.
    let isAgent: Bool
    private let maxRounds: Int
    /// Messages that called nothing but the servers' tools.
    private(set) var rounds = 0
    /// Tokens of those messages.
    private(set) var spent = Usage()
    private var own = 0
    private var clients = 0

    /// The calls of a turn in which the CLI calls the tools of `servers` itself, or as an `agent` its own.
    init(_ servers: ActiveServers, agent: AgentRun? = nil) {
        self.servers = servers
        isAgent = agent != nil
        maxRounds = agent.map { max(1, $0.maxTurns) - 1 } ?? servers.maxRounds
    }

    /// True once a call of theirs was seen in this turn.
    var hasCalled: Bool { rounds > 0 || own > 0 }

    /// Notes a call that begins; true when it is theirs and so not the client's to see.
    mutating func take(_ tool: JSONText) -> Bool {
        let isOwn = isAgent || !servers.isEmpty && servers.owns(tool)
        if isOwn { own += 1 } else { clients += 1 }
        return isOwn
    }

    /// True for a call beyond the allowed rounds, of which sub-agents have taken some.
    func isExcess(beside requests: Int = 0) -> Bool { rounds + requests >= maxRounds }

    /// True where sub-agents have taken more than is allowed.
    func isSpent(beside requests: Int) -> Bool { requests > 0 && rounds + requests > maxRounds }

    /// The fault of a call beyond the allowed rounds; nil when it is within them.
    var excess: Fault? {
        guard isExcess() else { return nil }
        let times = "\(servers.maxRounds) times"
        return Fault(
            .badGateway,
            "The model called tools of MCP servers more than \(times) in a row (MCP_MAX_ROUNDS).",
            detail: servers.names, shouldRetry: false)
    }

    /// Forgets the calls of a message that begins, or of one that broke.
    mutating func beginMessage() { (own, clients) = (0, 0) }

    /// True when the message called a tool of the client's.
    var hasClients: Bool { clients > 0 }

    /// True when the message called theirs alone.
    var hasOpenRound: Bool { own > 0 && clients == 0 }

    /// True when the message that ends called theirs alone; the CLI then goes on by itself, unless it was cut off.
    mutating func endsRound(_ reason: StopReason?, _ usage: Usage) -> Bool {
        guard hasOpenRound else { return false }
        switch reason {
        case .toolUse?, .endTurn?, .other?, nil: break
        case .maxTokens?, .stopSequence?, .pauseTurn?, .refusal?, .contextWindowExceeded?, .maxTurns?: return false
        }
        rounds += 1
        spent.add(usage)
        beginMessage()
        return true
    }
}
