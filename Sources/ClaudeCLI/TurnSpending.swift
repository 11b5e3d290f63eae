/// What attempts at one turn have spent of what it may take; the CLI's own retries are part of it.
public struct TurnSpending: Sendable, Equatable {
    /// How often the vendor was asked, as far as the CLI told; where it told nothing, once.
    public var requests = 0
    /// The waits that the CLI announced before it asked again, and others' waits between attempts, in milliseconds.
    public var waitMilliseconds = 0
    /// The time since the first attempt began, in milliseconds.
    public var milliseconds = 0
    /// True once a tool of a registered server was called: what that has done must not be done twice.
    public var hasActed = false

    /// Nothing yet.
    public init() {}
}
