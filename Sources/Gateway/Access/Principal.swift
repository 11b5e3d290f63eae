import ClaudeCLI

/// Who asks; only a ``KeyDirectory`` can say so. It stays what it was when a key is changed: a request keeps the one it
/// began with.
final class Principal: Sendable {
    /// What the key is known by for ever.
    let id: KeyID
    /// The name of the key: safe to log.
    let name: String
    /// What the operator grants, limits or presets for the key.
    let options: KeyOptions
    private let origin: Origin

    /// Where the key comes from. Of a key of the ledger what is made of its id is made when it is needed: a service reads
    /// all its keys when it starts.
    private enum Origin: Sendable {
        case settings(ProcessOwner)
        case ledger(KeySecretHash)
    }

    /// The principal of a key of the settings, or of callers without a key.
    init(id: KeyID, name: String, options: KeyOptions = KeyOptions(), owner: ProcessOwner) {
        self.id = id
        self.name = name
        self.options = options
        origin = .settings(owner)
    }

    /// The principal of a key of the ledger; what `hash` derives for it seals its summaries.
    init(stored id: KeyID, name: String, options: KeyOptions, sealedUnder hash: KeySecretHash) {
        self.id = id
        self.name = name
        self.options = options
        origin = .ledger(hash)
    }

    /// Whose processes may serve them.
    var owner: ProcessOwner {
        switch origin {
        case .settings(let owner): owner
        case .ledger: ProcessOwner(of: id)
        }
    }

    /// What seals and opens summaries for the one who has shown this secret; callers without a key are one.
    func sealer(shown secret: [UInt8]) -> SummarySealer? {
        switch origin {
        // The secret that was shown, so that several gateways with the same key file understand each other.
        case .settings: SummarySealer(secret: secret)
        // Something that a new secret of the same key does not change.
        case .ledger(let hash): SummarySealer(secret: hash.derived(for: id))
        }
    }
}

extension ProcessOwner {
    /// The owner that a key of the ledger is: its id, which no other ever has.
    fileprivate init(of id: KeyID) { self.init(identity: Array(id.text.utf8)) }
}

extension KeyID {
    /// The key of the ledger that such an owner is.
    init(stored owner: ProcessOwner) { self.init(counted: String(decoding: owner.identity, as: UTF8.self)) }
}
