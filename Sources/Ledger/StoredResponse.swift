/// A response to be stored.
///
/// The ledger knows nothing of what the bytes mean, except that `input` and `output` are lists with commas between
/// their elements, so that lists can be put one behind the other.
public struct NewResponse: Sendable {
    /// Its id, unique for ever.
    public var id: String
    /// Whose it is: nobody else can find it.
    public var owner: String
    /// The id of the response that it continues.
    public var parent: String?
    /// When it was answered, in Unix seconds.
    public var created: Int
    /// What it was asked: items with commas between them.
    public var input: [UInt8]
    /// What was answered, with all that is needed to go on from it: items with commas between them.
    public var output: [UInt8]
    /// The response as its owner got it.
    public var answer: [UInt8]

    /// A response to be stored.
    public init(
        id: String, owner: String, parent: String?, created: Int, input: [UInt8], output: [UInt8], answer: [UInt8]
    ) {
        self.id = id
        self.owner = owner
        self.parent = parent
        self.created = created
        self.input = input
        self.output = output
        self.answer = answer
    }

    /// What it counts against the bound: its bytes and what a row costs.
    var size: Int { input.count + output.count + answer.count + 512 }
}

/// Who asks, and from when on what is stored counts as there: older responses have expired.
public struct Reader: Sendable {
    /// Whose responses.
    public var owner: String
    /// Unix seconds; what was answered before has expired.
    public var notBefore: Int

    /// A reader.
    public init(owner: String, notBefore: Int) {
        self.owner = owner
        self.notBefore = notBefore
    }
}

/// Which part of a stored response is asked for.
public enum StoredPart: Sendable {
    /// The response as its owner got it.
    case answer
    /// The items that were asked.
    case input
}

/// What a request refers to.
public struct HistoryRequest: Sendable {
    /// The id of the response that it continues.
    public var previous: String?
    /// The ids of responses whose items it names.
    public var others: [String]
    /// The most bytes that all of it together may have.
    public var maxBytes: Int

    /// What a request refers to.
    public init(previous: String?, others: [String], maxBytes: Int) {
        self.previous = previous
        self.others = others
        self.maxBytes = maxBytes
    }
}

/// What was found of what a request refers to.
public enum History: Sendable, Equatable {
    /// Items with commas between them: all of the conversation so far, oldest first, and those of other responses.
    case found(items: [UInt8], others: [UInt8])
    /// There is no such response, or none that its owner may go on from.
    case unknown
    /// It is longer than was allowed.
    case tooLarge
}
