/// What is to be written of a conversation.
public struct ConversationUpdate: Sendable {
    /// Whose it is: nobody else can find it.
    public var owner: String
    /// What its owner calls it.
    public var id: String
    /// The model that answered last.
    public var model: String
    /// How many turns its writer believes are stored.
    public var length: Int
    /// How many of them stay, from the first; the others give way.
    public var keeping: Int
    /// What comes behind them.
    public var contents: [[UInt8]]

    /// Turns that come behind those that are stored, or behind the first few of them.
    public init(
        owner: String, id: String, model: String, length: Int, keeping: Int? = nil, contents: [[UInt8]]
    ) {
        self.owner = owner
        self.id = id
        self.model = model
        self.length = length
        self.keeping = keeping.map { max(0, min($0, length)) } ?? length
        self.contents = contents
    }
}

/// What became of an update.
public enum ConversationOutcome: Sendable, Equatable {
    /// It is stored, and has that many turns now.
    case stored(length: Int)
    /// That many turns are stored and not as many as its writer believed: somebody else was faster. Nothing has changed.
    case differs(length: Int)
}

/// How much conversations may take; the ones that nobody has used for longest go.
public struct ConversationBounds: Sendable {
    /// Those of one owner.
    public var bytesOfOwner: Int
    /// All of them together.
    public var bytesInAll: Int

    /// How much conversations may take.
    public init(bytesOfOwner: Int, bytesInAll: Int) {
        self.bytesOfOwner = bytesOfOwner
        self.bytesInAll = bytesInAll
    }
}

/// A conversation without its contents.
public struct ConversationHead: Sendable, Equatable {
    /// What its owner calls it.
    public var id: String
    /// When it began, in Unix seconds.
    public var created: Int
    /// When it was last written to, in Unix seconds.
    public var used: Int
    /// The model that answered last.
    public var model: String
    /// How many turns it has.
    public var length: Int
    /// What it counts against the bounds.
    public var size: Int
}

/// What was found of a conversation.
public enum ConversationFinding: Sendable, Equatable {
    /// All of it, oldest first.
    case found(ConversationHead, contents: [[UInt8]])
    /// The reader has no such conversation.
    case unknown
    /// It is longer than was allowed.
    case tooLarge
}
