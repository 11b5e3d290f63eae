public import Vocabulary

/// What a turn has used of the vendor's service, as far as is known at the moment: it may be read at any time.
public struct TurnUsage: Sendable, Equatable {
    /// The tokens of all its requests to the vendor. Where the vendor had no time to tell, those of the answer are an
    /// estimate from what came.
    public var tokens = Usage()
    /// Of those, what the CLI's own cost leaves out: requests whose counts never became final.
    public var uncosted = Usage()
    /// What the CLI says that all the others have cost, in nano-USD; nil as long as it has said nothing.
    public var toldCost: Int?
    /// True where the tokens of an answer are an estimate.
    public var isEstimated = false
    /// True while the vendor may be at work on a request of which nothing was told yet: its prompt is not counted, and
    /// may be on the bill.
    public var isPending = false

    /// Nothing yet.
    public init() {}

    /// Adds what another attempt at the same turn has used.
    public mutating func add(_ other: TurnUsage) {
        switch (toldCost, other.toldCost) {
        case (let mine?, let others?):
            toldCost = mine.plus(others)
            uncosted.add(other.uncosted)
        case (_?, nil): uncosted.add(other.tokens)
        case (nil, let others?):
            uncosted = tokens
            uncosted.add(other.uncosted)
            toldCost = others
        case (nil, nil): uncosted.add(other.uncosted)
        }
        tokens.add(other.tokens)
        isEstimated = isEstimated || other.isEstimated
        isPending = isPending || other.isPending
    }
}
