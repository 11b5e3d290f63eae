/// A key as the ledger holds it: what it may do, and digests of its secrets.
public struct StoredKey: Sendable, Equatable {
    /// Stays when it is rotated or its options change.
    public var id: String
    /// What people call it; no two keys have one name.
    public var name: String
    /// What an operator grants or limits, as words; the ledger does not read them.
    public var options: String
    /// False when it is not to be let in for now.
    public var isEnabled: Bool
    /// When it was made, in Unix seconds.
    public var created: Int
    /// When it was last changed, in Unix seconds.
    public var changed: Int
    /// Oldest first; those that have run out may be among them.
    public var secrets: [StoredSecret]
}

/// A digest of a secret that stands for a key.
public struct StoredSecret: Sendable, Equatable {
    /// 32 bytes.
    public var digest: [UInt8]
    /// The Unix second in which it ends; nil when it has no end.
    public var notAfter: Int?
    /// When it was made, in Unix seconds.
    public var created: Int
}

/// A key to be added.
public struct NewKey: Sendable {
    /// Its id, unique for ever.
    public var id: String
    /// What people call it.
    public var name: String
    /// What an operator grants or limits, as words.
    public var options: String
    /// 32 bytes that its secret is known by.
    public var digest: [UInt8]

    /// A key to be added.
    public init(id: String, name: String, options: String, digest: [UInt8]) {
        self.id = id
        self.name = name
        self.options = options
        self.digest = digest
    }
}

/// What became of a change of a key.
public enum KeyChange: Sendable, Equatable {
    /// The key as it is now; a key that was removed as it was.
    case done(StoredKey)
    /// There is no key with that id.
    case unknown
    /// Another key has that name.
    case nameTaken
    /// The secret stands for a key already.
    case secretTaken
}
