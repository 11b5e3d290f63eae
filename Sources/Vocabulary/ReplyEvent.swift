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
    /// Any other block of the Messages API, complete and raw.
    case other(JSONFragment)
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
        case .other(let word): word
        }
    }

    private static let known: [StopReason] = [
        .endTurn, .maxTokens, .stopSequence, .toolUse, .pauseTurn, .refusal, .contextWindowExceeded,
    ]
}
