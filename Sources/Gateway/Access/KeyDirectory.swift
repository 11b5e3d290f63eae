import ClaudeCLI
import Platform
import Synchronization

/// Every key that opens, whatever it comes from: the operator's settings, which a reload replaces, and the ledger, whose
/// keys change one by one while requests go on.
///
/// Usable from any thread. A presented key is hashed first, so that neither its length nor its content shows in what
/// follows; then its digest is looked up in constant time. A change is in force for the next request.
///
/// What the settings say counts: a key of the ledger whose name they have opens nothing, and a secret that both have is
/// theirs, for as long as that is so.
final class KeyDirectory: Sendable {
    /// What becomes of a presented key.
    enum Verdict {
        case accepted(Principal)
        /// It is a key, but not one that opens now.
        case refused(KeyRefusal)
        case unknown
    }

    fileprivate struct State {
        var table = KeyTable()
        /// The digests that each key has in the table.
        var digests: [KeyID: [[UInt8]]] = [:]
        var principals: [KeyID: Principal] = [:]
        /// Those of the settings.
        var configured: Set<KeyID> = []
        var configuredNames: [String: KeyID] = [:]
        /// Those of the ledger, whether they open or not.
        var stored: [KeyID: StoredEntry] = [:]
        var storedNames: [String: KeyID] = [:]
        /// Keys of the ledger of which the settings have the name or a secret.
        var overruled: Set<KeyID> = []
        /// Keys of the ledger that are switched off.
        var disabled: Set<KeyID> = []
        var owners: [ProcessOwner: Int] = [:]
        /// Those that have a share of the account.
        var sharing: [KeyID: Principal] = [:]
        var isRequired: Bool
    }

    fileprivate struct StoredEntry {
        let principal: Principal
        let secrets: [LedgerKey.Secret]
        let isEnabled: Bool
    }

    /// Makes the digests that secrets are known by.
    let hash: KeySecretHash
    private let state: Mutex<State>
    /// Tells owners apart for the life of this process.
    private let ownerHash = KeyedHash(key: KeySecretHash.random())
    private let anonymousPrincipal = Principal(
        id: .anonymous, name: KeyID.anonymous.text, owner: ProcessOwner(identity: []))

    /// A directory of the settings' keys; without `isRequired` callers without a key are let in too.
    init(_ keys: [APIKey] = [], isRequired: Bool = true, hash: KeySecretHash = KeySecretHash()) {
        self.hash = hash
        state = Mutex(State(isRequired: isRequired))
        configure(keys, isRequired: isRequired)
    }

    // MARK: - Asking

    /// Who presents this key.
    ///
    /// Whether it is one of the keys shows in the answer, so there may be a branch on that. Which one it is shows in
    /// what is done for its principal afterwards, to the one who has it.
    func authenticate(_ presented: Span<UInt8>) -> Verdict {
        guard let digest = hash.digest(of: presented) else { return .unknown }
        let now = WallClock.unixSeconds
        return state.withLock { state in
            guard let entry = state.table.entry(of: digest) else { return .unknown }
            let principal = entry.principal
            if state.disabled.contains(principal.id) { return .refused(.disabled) }
            if let end = entry.notAfter, end <= now { return .refused(.replaced) }
            if let start = principal.options.notBefore, now < start { return .refused(.notYet) }
            if let end = principal.options.expires, end <= now { return .refused(.expired) }
            return .accepted(principal)
        }
    }

    /// The caller without a key; nil when keys are required.
    func anonymous() -> Principal? { state.withLock { $0.isRequired } ? nil : anonymousPrincipal }

    /// True while the owner of processes is one of these keys'.
    func knows(_ owner: ProcessOwner) -> Bool {
        state.withLock { $0.owners[owner] != nil || !$0.isRequired && owner == anonymousPrincipal.owner }
    }

    /// How many keys there are.
    var count: Int { state.withLock { $0.principals.count } }

    /// The key that is known by this name; nil when there is none.
    func principal(named name: String) -> Principal? {
        state.withLock { state in
            // Settings win over the ledger; every request waits for this lock, so nothing is searched for.
            (state.configuredNames[name] ?? state.storedNames[name]).flatMap { state.principals[$0] }
        }
    }

    /// The keys that have a share of the account's windows.
    var sharing: [Principal] { state.withLock { $0.sharing.isEmpty ? [] : Array($0.sharing.values) } }

    /// The key of the settings that is known by this name; nil when there is none.
    func configured(named name: String) -> Principal? {
        state.withLock { state in state.configuredNames[name].flatMap { state.principals[$0] } }
    }

    /// The keys of the settings.
    var configured: [Principal] { state.withLock { state in state.configured.compactMap { state.principals[$0] } } }

    /// How many keys of the ledger are known, whether they open or not.
    var storedCount: Int { state.withLock { $0.stored.count } }

    /// All keys.
    var principals: [Principal] { state.withLock { Array($0.principals.values) } }

    // MARK: - Changing

    /// Takes the settings' keys in place of those before.
    func configure(_ keys: [APIKey], isRequired: Bool) {
        let made = keys.map { key -> (Principal, [UInt8]?) in
            // The name too, so that one which is given to another key has other processes.
            let identity = ownerHash.digest(of: (Array(key.name.utf8) + [0] + key.material).span) ?? KeySecretHash.random()
            let principal = Principal(
                id: key.id(under: hash), name: key.name, options: key.options, owner: ProcessOwner(identity: identity))
            return (principal, key.digest(under: hash))
        }
        state.withLock { state in
            state.isRequired = isRequired
            for id in state.configured { state.leave(id) }
            (state.configured, state.configuredNames) = ([], [:])
            var concerned = state.overruled
            for (principal, digest) in made {
                if let same = state.storedNames[principal.name] { concerned.insert(same) }
                if let digest, let same = state.table.entry(of: digest)?.principal.id { concerned.insert(same) }
            }
            for id in concerned { state.leave(id) }
            state.table.reserve(state.table.count + made.count)
            for (principal, digest) in made {
                state.add(principal, [(digest, nil)])
                state.configured.insert(principal.id)
                state.configuredNames[principal.name] = principal.id
            }
            for id in concerned { state.enter(id) }
        }
    }

    /// Takes keys of the ledger, in place of what was known of them.
    func take(_ keys: [LedgerKey]) {
        let made = keys.map { key -> Principal in
            let seed = hash.derived(for: key.id)
            return Principal(
                id: key.id, name: key.name, options: key.options, owner: ProcessOwner(identity: seed), seal: .fixed(seed))
        }
        state.withLock { state in
            state.reserve(keys.count)
            for (key, principal) in zip(keys, made) {
                state.forget(key.id)
                state.stored[key.id] = StoredEntry(
                    principal: principal, secrets: key.secrets, isEnabled: key.isEnabled)
                state.storedNames[key.name] = key.id
                state.enter(key.id)
            }
        }
    }

    /// Forgets a key of the ledger.
    func remove(_ id: KeyID) { state.withLock { $0.forget(id) } }
}

extension KeyDirectory.State {
    /// Makes room for so many more keys of the ledger at once.
    fileprivate mutating func reserve(_ more: Int) {
        table.reserve(table.count + more)
        guard more > 1 else { return }
        principals.reserveCapacity(principals.count + more)
        owners.reserveCapacity(owners.count + more)
        digests.reserveCapacity(digests.count + more)
        stored.reserveCapacity(stored.count + more)
        storedNames.reserveCapacity(storedNames.count + more)
    }

    fileprivate mutating func add(
        _ principal: Principal, _ secrets: [(digest: [UInt8]?, notAfter: Int?)], isEnabled: Bool = true
    ) {
        principals[principal.id] = principal
        if isEnabled { owners[principal.owner, default: 0] += 1 } else { disabled.insert(principal.id) }
        if isEnabled, principal.options.share != nil { sharing[principal.id] = principal }
        for (digest, notAfter) in secrets {
            // Without a digest the key opens nothing.
            guard let digest else { continue }
            table.insert(digest, KeyTable.Entry(principal: principal, notAfter: notAfter))
            digests[principal.id, default: []].append(digest)
        }
    }

    /// Lets a key of the ledger open what the settings leave it.
    fileprivate mutating func enter(_ id: KeyID) {
        guard let key = stored[id] else { return }
        guard configuredNames[key.principal.name] == nil else {
            overruled.insert(id)
            return
        }
        let own = key.secrets.filter { secret in
            !(table.entry(of: secret.digest).map { configured.contains($0.principal.id) } ?? false)
        }
        if own.count < key.secrets.count { overruled.insert(id) }
        add(key.principal, own.map { ($0.digest, $0.notAfter) }, isEnabled: key.isEnabled)
    }

    /// Takes what a key opens with from it.
    fileprivate mutating func leave(_ id: KeyID) {
        overruled.remove(id)
        guard let principal = principals.removeValue(forKey: id) else { return }
        for digest in digests.removeValue(forKey: id) ?? [] { table.remove(digest) }
        sharing[id] = nil
        // The processes of a key that is switched off are nobody's.
        guard disabled.remove(id) == nil else { return }
        owners[principal.owner, default: 1] -= 1
        if owners[principal.owner] == 0 { owners[principal.owner] = nil }
    }

    fileprivate mutating func forget(_ id: KeyID) {
        leave(id)
        guard let key = stored.removeValue(forKey: id) else { return }
        if storedNames[key.principal.name] == id { storedNames[key.principal.name] = nil }
    }
}

/// Why a key that is known does not open now.
enum KeyRefusal: Sendable {
    case disabled, expired, notYet, replaced

    /// What its holder is told: nobody else can hear it.
    var message: String {
        switch self {
        case .disabled: "This API key is disabled."
        case .expired: "This API key has expired."
        case .notYet: "This API key is not valid yet."
        case .replaced: "This API key was replaced by a new one."
        }
    }
}

/// A key of the ledger.
struct LedgerKey: Sendable, Equatable {
    /// One thing that opens the key.
    struct Secret: Sendable, Equatable {
        /// As ``KeySecretHash`` makes it.
        var digest: [UInt8]
        /// When it ends, in Unix seconds; nil where it does not.
        var notAfter: Int?
    }

    var id: KeyID
    var name: String
    var options = KeyOptions()
    var isEnabled = true
    var secrets: [Secret] = []
}
