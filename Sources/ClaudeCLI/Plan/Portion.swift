import Vocabulary

/// What is written in one go, and what the CLI must answer before more is written.
struct Portion: Sendable {
    /// What is waited for.
    enum Sign: Sendable {
        /// The answer to the turn: nothing more is to be written.
        case answer
        /// The result of an empty turn, by which a row of the history is taken.
        case emptyTurn
        /// A good answer to the control request of this id, by which another conversation can begin.
        case response(StaticString)
        /// The same, by which the registered servers are taken over.
        case servers
        /// The same, by which their state is told.
        case serverState
        /// The same, by which the process has forgotten its conversation.
        case rewound
    }

    /// The rows, as pieces to be written one after another.
    var rows: [ArraySlice<UInt8>]
    /// What must come before the next portion.
    var awaits: Sign
}
