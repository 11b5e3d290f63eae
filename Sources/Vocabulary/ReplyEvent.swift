/// One step of the model's answer, in the order in which it happens.
///
/// A whole answer is `.started`, then blocks one at a time (`.blockStarted`, its deltas, `.blockStopped`), then
/// exactly one `.finished`; or at any point exactly one `.failed`, after which nothing follows.
/// Slices refer to the CLI line that brought the event and live as long as it does.
public enum ReplyEvent: Sendable {
    /// The model has begun to answer.
    case started(ReplyStart)
    /// A block begins.
    case blockStarted(ReplyBlock)
    /// More text of the open text block, escaped.
    case text(JSONSlice)
    /// More of the open thinking block, escaped.
    case thinking(JSONSlice)
    /// The signature of the open thinking block, escaped; comes once.
    case signature(JSONSlice)
    /// More of the open tool call's arguments: an escaped piece of JSON text.
    case toolInput(JSONSlice)
    /// A citation of the open text block: a raw JSON value.
    case citation(JSONSlice)
    /// The open block is complete.
    case blockStopped
    /// A call of the CLI's own tools has been answered; comes between two blocks.
    case callResult(CallResult)
    /// A sub-agent has done something; comes between two blocks, while the call that has started it is not answered.
    indirect case subagent(SubagentStep)
    /// The answer is complete.
    case finished(ReplyEnd)
    /// There will be no more.
    case failed(Fault)
}

/// How an answer begins.
public struct ReplyStart: Sendable, Equatable {
    /// The vendor's message id, `msg_…`.
    public var id: String
    /// The model that answers.
    public var model: String
    /// What is known of the usage so far; output counts are not final.
    public var usage: Usage
    /// What the vendor says it has left out of the messages: its `input_transformations` array.
    public var inputTransformations: JSONFragment?

    /// A beginning.
    public init(id: String, model: String, usage: Usage, inputTransformations: JSONFragment? = nil) {
        self.id = id
        self.model = model
        self.usage = usage
        self.inputTransformations = inputTransformations
    }
}

/// What kind of block begins.
public enum ReplyBlock: Sendable, Equatable {
    case text, thinking
    /// Sealed thinking; its data is complete.
    case redactedThinking(data: JSONText)
    /// A call of one of the client's tools.
    case toolUse(id: JSONText, name: JSONText)
    /// A call of one of the CLI's own tools, which it answers itself; its arguments come as `.toolInput`.
    case agentCall(id: JSONText, name: JSONText)
    /// Any other block of the Messages API, complete and raw.
    case other(JSONFragment)
}

/// What one of the CLI's own tools has answered.
public struct CallResult: Sendable, Equatable {
    /// The call's id.
    public var id: JSONText
    /// True where the call failed or was denied.
    public var isError: Bool
    /// What the model is told: text, or an array of blocks of the Messages API.
    public var content: JSONFragment
    /// Why the gateway did not allow the call; nil where it did.
    public var denial: String?

    /// A result.
    public init(id: JSONText, isError: Bool, content: JSONFragment, denial: String? = nil) {
        self.id = id
        self.isError = isError
        self.content = content
        self.denial = denial
    }

    /// Its text: all blocks of text, one after another.
    public var text: String {
        guard let root = (try? JSONDocument(parsing: Array(content.bytes)))?.root else { return "" }
        if let text = root.text { return text.string }
        return root.elements.compactMap { $0["text"]?.text?.string }.joined(separator: "\n")
    }
}

/// What a sub-agent has done: it works for one call of the CLI's own tools, and what it says is that call's result.
public struct SubagentStep: Sendable, Equatable {
    /// What it has done.
    public enum Kind: Sendable, Equatable {
        /// It has been given its task.
        case begun
        /// It has called a tool, in a message of which this is the first call or another one.
        case called(id: JSONText, name: JSONText, input: JSONFragment, isFirst: Bool)
        /// The tool has answered.
        case answered(CallResult)
    }

    /// The id of the call that has started it.
    public var parent: JSONText
    public var kind: Kind

    /// A step.
    public init(of parent: JSONText, _ kind: Kind) { (self.parent, self.kind) = (parent, kind) }
}

/// How an answer ends.
public struct ReplyEnd: Sendable, Equatable {
    /// Why it ends.
    public var reason: StopReason
    /// Which stop sequence was met.
    public var stopSequence: JSONText?
    /// What the vendor says of a refusal: its `stop_details` object.
    public var stopDetails: JSONFragment?
    /// The final usage.
    public var usage: Usage

    /// An end.
    public init(
        reason: StopReason, stopSequence: JSONText? = nil, stopDetails: JSONFragment? = nil, usage: Usage
    ) {
        self.reason = reason
        self.stopSequence = stopSequence
        self.stopDetails = stopDetails
        self.usage = usage
    }
}

/// Why an answer ends, in the Messages API's words.
public enum StopReason: RawRepresentable, Sendable, Equatable {
    case endTurn, maxTokens, stopSequence, toolUse, pauseTurn, refusal, contextWindowExceeded
    /// The model has been asked as often as the run allows; the gateway's own word.
    case maxTurns
    /// A word that is not known here: a newer one, or another provider's.
    case other(String)

    /// The reason behind a word; every word is one.
    public init(rawValue: String) {
        self = Self.known.first { $0.rawValue == rawValue } ?? .other(rawValue)
    }

    /// The word.
    public var rawValue: String {
        switch self {
        case .endTurn: "end_turn"
        case .maxTokens: "max_tokens"
        case .stopSequence: "stop_sequence"
        case .toolUse: "tool_use"
        case .pauseTurn: "pause_turn"
        case .refusal: "refusal"
        case .contextWindowExceeded: "model_context_window_exceeded"
        case .maxTurns: "max_turns"
        case .other(let word): word
        }
    }

    private static let known: [StopReason] = [
        .endTurn, .maxTokens, .stopSequence, .toolUse, .pauseTurn, .refusal, .contextWindowExceeded, .maxTurns,
    ]
}
