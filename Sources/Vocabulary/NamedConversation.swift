/// A conversation that is kept under a name, as one request goes on with it.
public struct NamedConversation: Sendable, Equatable {
    /// How the request stands to what is stored.
    public enum State: String, Sendable, Equatable {
        /// Nothing was stored.
        case begun
        /// It goes on from what is stored.
        case continued
        /// The client's own history takes the place of what was stored.
        case reset
    }

    /// What its owner calls it.
    public var id: String
    /// How the request stands to what is stored.
    public var state: State
    /// How many stored pieces stay, from the first.
    public var keeping: Int
    /// What is to be stored behind them, in front of the answer.
    public var pieces: [[UInt8]]

    /// A conversation that goes on.
    public init(id: String, state: State, keeping: Int, pieces: [[UInt8]]) {
        self.id = id
        self.state = state
        self.keeping = keeping
        self.pieces = pieces
    }
}
