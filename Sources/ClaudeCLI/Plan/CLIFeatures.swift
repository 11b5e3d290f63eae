import Vocabulary

/// A part of the CLI that the gateway relies on and that the vendor has not promised.
public enum CLIFeature: String, Sendable, CaseIterable {
    /// Earlier turns go in as rows, and reach the vendor in their order and structure.
    case history
    /// The client's tools go in whole, under their own names, and their calls come out.
    case tools
    /// Sampling, limits, thinking, output format and tool choice reach the vendor.
    case parameters
    /// The vendor's search of the web can be added to the tools.
    case webSearch = "web-search"
    /// The client's system prompt takes the place of the CLI's own.
    case systemPrompt = "system-prompt"
    /// The model asked for is the model used.
    case model
    /// `@path` in a text is text: no file is read.
    case plainMentions = "plain-mentions"
    /// `/command` in a text is text: no command is obeyed.
    case plainCommands = "plain-commands"
    /// The CLI can be stopped before it asks the vendor again by itself.
    case stopInTime = "stop-in-time"
    /// Tokens can be counted.
    case tokenCount = "token-count"
    /// A process that has answered goes on with its conversation.
    case continues
    /// It does so too where its answer was a call of a tool, with the result.
    case answersCalls = "answers-calls"
    /// It can forget its conversation and serve another.
    case rewinds

    /// True when no turn may run without it: it would answer something else, or give files away.
    public var isEssential: Bool {
        switch self {
        case .systemPrompt, .model, .plainMentions, .plainCommands: true
        case .history, .tools, .parameters, .webSearch, .stopInTime, .tokenCount, .continues, .answersCalls, .rewinds: false
        }
    }

    /// What it comes to when it is missing, in one sentence for the operator.
    public var consequence: String {
        switch self {
        case .history: "earlier turns are sent as tagged text within one message"
        case .tools: "requests with tools are refused"
        case .parameters:
            "sampling and limits are ignored and named; thinking, formats and forced tool calls are refused"
        case .webSearch: "searches of the web are refused"
        case .systemPrompt, .model, .plainMentions, .plainCommands: "no turn is run"
        case .stopInTime: "after a cut-off answer the CLI may ask the vendor again, at the login's cost"
        case .tokenCount: "requests to count tokens are refused"
        case .continues: "each turn has a process of its own"
        case .answersCalls: "each round of tool calls has a process of its own"
        case .rewinds: "each conversation has a process of its own"
        }
    }
}

/// What the CLI at hand can do.
public struct CLIFeatures: Sendable, Equatable {
    /// What it cannot do, as its self-test found.
    public let missing: Set<CLIFeature>

    /// A CLI without `missing`.
    public init(missing: Set<CLIFeature>) { self.missing = missing }

    /// Everything, as expected of the CLI's known versions.
    public static let all = CLIFeatures(missing: [])

    /// True when the feature is there.
    public func has(_ feature: CLIFeature) -> Bool { !missing.contains(feature) }

    /// What is missing, in the order of declaration.
    public var missingInOrder: [CLIFeature] { CLIFeature.allCases.filter(missing.contains) }

    /// Refuses what could only be answered otherwise than asked.
    func check(_ conversation: Conversation, counts: Bool) throws(Refusal) {
        if counts, !has(.tokenCount) {
            throw refusal("tokens cannot be counted", nil)
        }
        if !conversation.tools.isEmpty, !has(.tools) {
            throw refusal("tools: tools cannot be passed on", "tools")
        }
        if let search = conversation.webSearch, !has(.webSearch) || !has(.parameters) {
            throw refusal("\(search.path): a search of the web cannot be passed on", search.path)
        }
        guard !has(.parameters) else { return }
        if case .jsonSchema = conversation.outputFormat {
            throw refusal("the output format cannot be passed on", nil)
        }
        switch conversation.thinking {
        case nil, .disabled: break
        case .adaptive, .betweenTools, .enabled: throw refusal("thinking cannot be passed on", nil)
        }
        switch conversation.toolChoice {
        case .auto, .allowed(_, isRequired: false): break
        case .none where conversation.tools.isEmpty: break
        default: throw refusal("tool_choice: only auto can be passed on", "tool_choice")
        }
        guard conversation.tools.isEmpty || conversation.allowsParallelToolCalls else {
            throw refusal("parallel tool calls cannot be switched off", nil)
        }
    }

    private func refusal(_ what: String, _ param: String?) -> Refusal {
        Refusal(
            .invalidRequest, "\(what): the CLI behind this gateway failed that part of its self-test.",
            param: param, code: "feature_unavailable")
    }
}
