/// What a client asks, free of any dialect: everything the three of them can say.
///
/// Texts and values are slices of the request body in the form in which they came.
public struct Conversation: Sendable {
    /// The model as the client named it.
    public var model: String
    /// The system prompt in its parts.
    public var system: [JSONText] = []
    /// What was said, oldest first; never empty.
    public var turns: [Turn] = []
    /// The client's own tools.
    public var tools: [Tool] = []
    /// The vendor's search of the web; nil where none is asked for.
    public var webSearch: WebSearch?
    /// True when a search is to be told with the pages that it found (Responses).
    public var wantsSearchSources = false
    /// Other names under which the model sees some of them; history and answers are translated as well.
    public var toolAliases: [ToolAlias] = []
    /// Which tools the model may or must call.
    public var toolChoice: ToolChoice = .auto
    /// A call that must come although `toolChoice` cannot say so to the model; nil when none must.
    public var demandedCall: DemandedCall?
    /// False when at most one tool may be called at a time.
    public var allowsParallelToolCalls = true
    /// How to sample, and where to stop.
    public var sampling = Sampling()
    /// What was asked about thinking; nil when nothing was.
    public var thinking: Thinking?
    /// Whether thinking is shown; nil where the client left it to the vendor.
    public var thinkingDisplay: ThinkingDisplay?
    /// What becomes of earlier thinking that stands behind another history than it was made for; nil leaves it to the
    /// vendor. Said where thinking is adaptive or has a budget.
    public var blockBinding: BlockBinding?
    /// True when the client is to be told what the vendor has left out of its messages (Messages).
    public var wantsTransformations = false
    /// True when sealed thinking is to be returned for later turns (Responses,
    /// `reasoning.encrypted_content`).
    public var wantsSealedThinking = false
    /// True when not an answer is wanted but a summary of the conversation to go on with (Responses).
    public var isCompaction = false
    /// What the CLI's own tools are to do for the client; nil where they are not at work.
    public var agent: AgentWish?
    /// True when Codex asks, which takes some ends of an answer for a reason to ask again.
    public var isCodex = false
    /// True when the answer is stored before the client has all of it (Responses).
    public var isStored = false
    /// The name under which it is kept, and what is to be stored; nil where the gateway keeps nothing of it.
    public var named: NamedConversation?
    /// How hard to think; nil when nothing was asked.
    public var effort: Effort?
    /// What the client sees of the thinking.
    public var thinkingShown = ThinkingShown.asThinking
    /// The names of the request's fields that asked for it.
    public var fields = AskingFields()
    /// The shape the answer must have; nil for plain text.
    public var outputFormat: OutputFormat?
    /// True when the answer is to be streamed.
    public var streams = false
    /// True when a Chat Completions client asked for the usage chunk at the end of a stream.
    public var wantsUsageInStream = false
    /// The request's `metadata` object; never sent to the vendor.
    public var metadata: JSONFragment?
    /// What the client sent that cannot be honoured, by name: plain ASCII, of the client's values at most the kind of
    /// an item, short and cleaned.
    public var ignored: [String] = []
    /// Values of the request that its answer repeats, by key (Responses).
    public var echo: [(key: JSONText, value: JSONFragment)] = []

    /// A conversation about to be filled.
    public init(model: String) { self.model = model }

    /// Notes once that a parameter cannot be honoured; `name` is plain ASCII of ours.
    ///
    /// What is told goes into one header field, so that behind the first 64 names `more` stands for the others.
    public mutating func ignore(_ name: String) {
        guard ignored.count <= 64, !ignored.contains(name) else { return }
        ignored.append(ignored.count < 64 ? name : "more")
    }
}

/// One message.
public struct Turn: Sendable {
    /// Who speaks.
    public enum Role: Sendable, Equatable { case user, assistant, system }

    /// Who speaks; `system` is an instruction in the middle of the conversation.
    public var role: Role
    /// What is said, in order.
    public var blocks: [Block]

    /// A message.
    public init(_ role: Role, _ blocks: [Block]) {
        self.role = role
        self.blocks = blocks
    }
}

/// One piece of a message.
public enum Block: Sendable, Equatable {
    /// Plain text.
    case text(JSONText)
    /// An image; `source` is a Messages API source object.
    case image(source: JSONFragment)
    /// A document; a whole Messages API `document` block without `cache_control`.
    case document(JSONFragment)
    /// The model called a tool; `input` is the arguments' JSON object.
    case toolUse(id: JSONText, name: JSONText, input: JSONFragment)
    /// What a tool answered.
    case toolResult(id: JSONText, content: [Block], isError: Bool)
    /// The model thought; the signature lets it be sent back.
    case thinking(JSONText, signature: JSONText)
    /// The model thought, and the vendor keeps it sealed.
    case redactedThinking(JSONText)
    /// Any other Messages API block, as it stands without `cache_control`.
    case other(JSONFragment)

    /// True for what a tool answered.
    public var isToolResult: Bool {
        if case .toolResult = self { true } else { false }
    }

    /// True for what the model thought, sealed or not.
    public var isThinking: Bool {
        switch self {
        case .thinking, .redactedThinking: true
        default: false
        }
    }
}

/// Which tools the model may or must call.
public enum ToolChoice: Sendable, Equatable {
    case auto, none, any
    /// This one must be called.
    case named(JSONText)
    /// Only these may be called; one must be when `isRequired`.
    case allowed([JSONText], isRequired: Bool)

    /// True when the model must call a tool.
    public var forcesCall: Bool {
        switch self {
        case .any, .named, .allowed(_, isRequired: true): true
        case .auto, .none, .allowed: false
        }
    }
}

/// Sampling parameters and limits; numbers keep the client's spelling.
public struct Sampling: Sendable, Equatable {
    /// The most tokens the answer may have.
    public var maxTokens: Int?
    public var temperature: JSONFragment?
    public var topP: JSONFragment?
    public var topK: JSONFragment?
    public var serviceTier: JSONFragment?
    /// Texts at which the answer ends.
    public var stopSequences: [JSONText] = []

    /// Nothing set.
    public init() {}
}

/// What the client asked about thinking.
public enum Thinking: Sendable, Equatable {
    case disabled, adaptive
    /// Only between calls of tools.
    case betweenTools
    /// At most this many tokens.
    case enabled(budgetTokens: Int)
}

/// Whether the client wants to read what the model thinks, in the vendor's words.
public enum ThinkingDisplay: String, Sendable, Equatable {
    case summarized
    /// Blocks come with their signature and without their text.
    case omitted
    /// Short notes meanwhile; takes ``VendorBeta/thinkingDisplayUpdates``, and so do highlights.
    case updates, highlights
}

/// What the vendor does with a thinking block that is bound to another history than it is sent with, in its words.
public enum BlockBinding: String, Sendable, Equatable {
    /// The request is refused.
    case error
    /// It and all later ones are left out.
    case dropBlock = "drop_block"
}

/// What a client is shown of what the model thinks.
public enum ThinkingShown: Sendable, Equatable {
    case asThinking
    /// As text of the answer: what newer models say between two calls comes as thinking.
    case asText
    case hidden
}

/// The fields of a request by which something was asked, for telling that it is ignored.
public struct AskingFields: Sendable, Equatable {
    /// What asked for thinking or for none; nil where the request did not.
    public var thinking: String?
    /// What asked for an effort; nil where the request did not.
    public var effort: String?
    /// What bounds the answer's tokens.
    public var limit = "max_tokens"

    /// Fields of a request that has asked for nothing yet.
    public init() {}
}

/// The shape an answer must have.
public enum OutputFormat: Sendable, Equatable {
    /// Any JSON object.
    case jsonObject
    /// JSON that satisfies a schema.
    case jsonSchema(JSONFragment)
}
