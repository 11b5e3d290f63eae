/// What a key is known by for ever, whatever secret opens it: usage, stored responses and processes are its own.
///
/// Safe to log and to store. Keys of a file are known by their names, keys of the ledger by an id of their own, so that a
/// name which is given to somebody else later does not bring what was another's.
struct KeyID: Hashable, Sendable, CustomStringConvertible {
    let text: String

    /// The identity of a key that the operator's settings name.
    init(named name: String) { text = name }

    /// The identity of a key of the ledger, which no name has, since names have no `:`.
    init(stored id: String) { text = Self.storedPrefix + id }

    /// The identity under which usage was counted.
    init(counted text: String) { self.text = text }

    /// True for a key of the ledger, whose id is never given to another.
    var isStored: Bool { text.hasPrefix(Self.storedPrefix) }

    private static let storedPrefix = "key:"

    /// Callers without a key are one.
    static let anonymous = KeyID(named: "anonymous")

    var description: String { text }
}
