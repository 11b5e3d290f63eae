/// Who does something, and when.
public struct Act: Sendable, Equatable {
    /// Unix seconds.
    public var at: Int
    /// Who: the user of a socket, or the id of an administrator's key.
    public var actor: String

    /// Who does something, and when.
    public init(at: Int, actor: String) {
        self.at = at
        self.actor = actor
    }
}

/// What somebody did; holds no secret.
public struct AuditEntry: Sendable, Equatable {
    /// Who and when.
    public var act: Act
    /// What was done, in a word or two.
    public var action: String
    /// To what: an id.
    public var subject: String
    /// What else there is to know.
    public var detail: String

    /// What somebody did.
    public init(_ act: Act, action: String, subject: String, detail: String = "") {
        self.act = act
        self.action = action
        self.subject = subject
        self.detail = detail
    }
}

/// What somebody did, with its place among all that was done.
public struct AuditRecord: Sendable, Equatable {
    /// Grows from each to the next, with gaps.
    public var number: Int
    /// What was done.
    public var entry: AuditEntry
}
