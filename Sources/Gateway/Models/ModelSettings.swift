import Vocabulary

/// Which model answers, and how hard it thinks, when the client leaves it open.
struct ModelSettings: Sendable, Equatable {
    /// The model of requests that name `default` or nothing.
    var defaultModel: String?
    /// The effort of requests that name none.
    var defaultEffort: Effort?
    /// True when the model may think although the request says nothing about thinking.
    var enablesThinking = false
    /// Names of the operator's own.
    var aliases: [ModelAlias] = []
}

/// A model name of the operator's own.
struct ModelAlias: Sendable, Equatable {
    /// What clients write.
    var name: String
    /// What the CLI is given.
    var target: String
}
