internal import CKeys
import ClaudeCLI

/// Who asks; only a ``KeyRing`` can say so.
struct Principal: Sendable, Hashable {
    /// The name of the key: safe to log.
    let keyID: String
    /// The key's place in its ring; -1 for callers without a key.
    let index: Int
    /// What the operator grants or presets for the key.
    let options: KeyOptions
    /// Whose processes may serve them: the same for one key, whatever ring it is in.
    let owner: ProcessOwner

    fileprivate init(keyID: String, index: Int, options: KeyOptions = KeyOptions(), owner: ProcessOwner) {
        self.keyID = keyID
        self.index = index
        self.options = options
        self.owner = owner
    }
}

/// The keys that may ask, as digests under a secret of this process.
///
/// A presented key is hashed first, so that neither its length nor its content shows in what follows; then
/// its digest is compared with every stored one, each in constant time. A reload makes a new ring.
struct KeyRing: Sendable {
    static let digestBytes = 32

    private let names: [String]
    private let options: [KeyOptions]
    private let digests: [UInt8]
    private let hash: KeyedHash
    private let sealers: [SummarySealer?]
    private let owners: [ProcessOwner]
    private let isRequired: Bool
    /// Tells owners apart for the life of this process.
    private static let ownerHash = KeyedHash(key: randomKey())
    private static let nobody = ProcessOwner(identity: [])

    /// A ring of these keys; without `isRequired` callers without a key are let in too.
    init(_ keys: [APIKey], isRequired: Bool = true) {
        let pepper = Self.randomKey()
        hash = KeyedHash(key: pepper)
        var digests: [UInt8] = []
        var sealers: [SummarySealer?] = []
        var owners: [ProcessOwner] = []
        for key in keys {
            let secret = Array(key.secret.utf8)
            // Without a digest the key opens nothing, but the places of the others stay what they are.
            sealers.append(SummarySealer(secret: secret))
            // The name too, so that one which is given to another key has other processes.
            let identity = Self.ownerHash.digest(of: (Array(key.name.utf8) + [0] + secret).span)
            owners.append(ProcessOwner(identity: identity ?? Self.randomKey()))
            digests += hash.digest(of: secret.span) ?? pepper
        }
        self.names = keys.map(\.name)
        options = keys.map(\.options)
        self.digests = digests
        self.sealers = sealers
        self.owners = owners
        self.isRequired = isRequired
    }

    private static func randomKey() -> [UInt8] {
        var random = SystemRandomNumberGenerator()
        return (0..<digestBytes).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    }

    /// True while the owner of processes is one of this ring's.
    func knows(_ owner: ProcessOwner) -> Bool { owners.contains(owner) || !isRequired && owner == Self.nobody }

    /// Reads the keys of a configuration.
    static func load(_ settings: KeySettings) throws(ConfigurationFaults) -> KeyRing {
        KeyRing(try settings.loadKeys(), isRequired: settings.isRequired)
    }

    /// How many keys there are.
    var count: Int { names.count }

    /// Who presents this key; nil when nobody has it.
    ///
    /// Whether it is one of the keys shows in the answer, so there may be a branch on that. Which one it is shows in
    /// what is done for its principal afterwards, to the one who has it.
    func authenticate(_ presented: Span<UInt8>) -> Principal? {
        guard let digest = hash.digest(of: presented) else { return nil }
        let place = Self.place(of: digest, in: digests)
        return place == 0 ? nil : principal(at: place - 1)
    }

    private func principal(at index: Int) -> Principal {
        Principal(keyID: names[index], index: index, options: options[index], owner: owners[index])
    }

    /// The caller without a key; nil when keys are required.
    func anonymous() -> Principal? {
        isRequired ? nil : Principal(keyID: "anonymous", index: -1, owner: Self.nobody)
    }

    /// What seals and opens summaries for a caller of this ring; callers without a key are one.
    func sealer(for principal: Principal) -> SummarySealer? {
        sealers.indices.contains(principal.index) ? sealers[principal.index] : SummarySealer(secret: [])
    }

    /// The place of a digest, counted from 1; 0 when it is not there.
    ///
    /// The time tells neither how near the digest comes to one of the others nor which it is.
    static func place(of digest: [UInt8], in digests: [UInt8]) -> Int {
        guard digest.count == digestBytes else { return 0 }
        return unsafe digest.withUnsafeBufferPointer { presented in
            unsafe digests.withUnsafeBufferPointer { stored in
                unsafe portcullis_key_place(
                    presented.baseAddress, stored.baseAddress, stored.count / digestBytes)
            }
        }
    }
}
