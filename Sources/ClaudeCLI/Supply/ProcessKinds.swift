import Platform

/// Whose a process is, for ever: the words of their conversations stay in its memory.
public struct ProcessOwner: Hashable, Sendable {
    /// What tells them from all others.
    public let identity: [UInt8]

    /// An owner by what tells them from all others, such as a digest of their key.
    public init(identity: [UInt8]) { self.identity = identity }
}

/// A digest of everything by which a conversation is known again: equal ones are the same conversation.
public struct ConversationPrint: Hashable, Sendable {
    private let digest: [UInt8]

    /// A print by the digest of a cryptographic hash.
    public init(digest: [UInt8]) { self.digest = digest }
}

/// How a process was started. One of another kind does not serve a turn in its place.
public struct LaunchKind: Hashable, Sendable {
    let program: ProgramFile
    /// Its whole environment, but for its directories.
    let environment: [String]
    /// The walls round it.
    var walls: WallPolicy?
    /// What it may take.
    var bounds = GroupBounds()
    /// What its own tools may do.
    var agent: AgentRun?

    /// Kinds of one program seldom differ.
    public func hash(into hasher: inout Hasher) { hasher.combine(program) }
}
