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
    /// Whose processes may serve them.
    let owner: ProcessOwner
    private let seal: Seal

    /// What summaries are sealed with.
    enum Seal: Sendable {
        /// The secret that was shown, so that several gateways with the same key file understand each other.
        case secret
        /// Something that a new secret of the same key does not change.
        case fixed([UInt8])
    }

    init(id: KeyID, name: String, options: KeyOptions = KeyOptions(), owner: ProcessOwner, seal: Seal = .secret) {
        self.id = id
        self.name = name
        self.options = options
        self.owner = owner
        self.seal = seal
    }

    /// What seals and opens summaries for the one who has shown this secret; callers without a key are one.
    func sealer(shown secret: [UInt8]) -> SummarySealer? {
        switch seal {
        case .secret: SummarySealer(secret: secret)
        case .fixed(let own): SummarySealer(secret: own)
        }
    }
}
