/// What a request asks of the CLI's own tools, beside its prompt.
public struct AgentWish: Sendable, Equatable {
    /// The tools that it may use, by the CLI's names; nil for all of the workspace's.
    public var tools: [String]?
    /// Where it begins, absolute or below the workspace; nil for the workspace itself.
    public var workingDirectory: String?
    /// How often the model may be asked; nil for as often as the workspace allows.
    public var maxTurns: Int?
    /// The workspace's directory, which who grants the wish fills in: files are told by their paths beneath it.
    public var root: String?
    /// The workspace's name, filled in alike.
    public var workspace: String?

    /// A wish for everything that the workspace allows.
    public init() {}
}
