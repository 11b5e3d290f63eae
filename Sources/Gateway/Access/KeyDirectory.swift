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

    // A service reads all its keys when it starts, so a key of the ledger stands in as few tables as it can.
    fileprivate struct State {
        var table = KeyTable()
        /// Those of the settings.
        var configured: [KeyID: ConfiguredEntry] = [:]
        var configuredNames: [String: KeyID] = [:]
        var configuredOwners: [ProcessOwner: Int] = [:]
        /// Those of the ledger, whether they open or not.
        var stored: [KeyID: StoredEntry] = [:]
        var storedNames: [String: KeyID] = [:]
        /// Keys of the ledger of which the settings have the name, and so are no keys for now.
        var shadowed: Set<KeyID> = []
        /// Keys of the ledger of which the settings have the name or a secret.
        var overruled: Set<KeyID> = []
        /// Keys of the ledger that are switched off.
        var disabled: Set<KeyID> = []
        /// Those that have a share of the account.
        var sharing: [KeyID: Principal] = [:]
        var isRequired: Bool
    }

    fileprivate struct ConfiguredEntry {
        let principal: Principal
        /// What the key has in the table; nothing where the library failed.
        let digest: [UInt8]?
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
        state.withLock { state in
            if state.configuredOwners[owner] != nil { return true }
            if owner == anonymousPrincipal.owner { return !state.isRequired }
            let id = KeyID(stored: owner)
            // The processes of a key that is switched off are nobody's.
            return state.stored[id] != nil && !state.shadowed.contains(id) && !state.disabled.contains(id)
        }
    }

    /// True for a key that there is now, whether it opens or not, and for callers without one.
    func has(_ id: KeyID) -> Bool {
        id == .anonymous || state.withLock { $0.configured[id] != nil || $0.stored[id] != nil }
    }

    /// How many keys there are.
    var count: Int { state.withLock { $0.configured.count + $0.stored.count - $0.shadowed.count } }

    /// The key that is known by this name; nil when there is none.
    func principal(named name: String) -> Principal? {
        state.withLock { state in
            // Settings win over the ledger; every request waits for this lock, so nothing is searched for.
            (state.configuredNames[name] ?? state.storedNames[name]).flatMap(state.principal)
        }
    }

    /// The keys that have a share of the account's windows.
    var sharing: [Principal] { state.withLock { $0.sharing.isEmpty ? [] : Array($0.sharing.values) } }

    /// The key of the settings that is known by this name; nil when there is none.
    func configured(named name: String) -> Principal? {
        state.withLock { state in state.configuredNames[name].flatMap { state.configured[$0]?.principal } }
    }

    /// The keys of the settings.
    var configured: [Principal] { state.withLock { $0.configured.values.map(\.principal) } }

    /// How many keys of the ledger are known, whether they open or not.
    var storedCount: Int { state.withLock { $0.stored.count } }

    /// The names of the keys that usage is counted under, as far as there are such keys now.
    func names(of ids: some Sequence<String>) -> [String: String] {
        state.withLock { state in
            var names: [String: String] = [:]
            for id in ids { names[id] = state.principal(KeyID(counted: id))?.name }
            return names
        }
    }

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
            state.leaveSettings()
            var concerned = state.overruled
            for (principal, digest) in made {
                if let same = state.storedNames[principal.name] { concerned.insert(same) }
                if let digest, let same = state.table.entry(of: digest)?.principal.id { concerned.insert(same) }
            }
            for id in concerned { state.leave(id) }
            state.table.reserve(state.table.count + made.count)
            for (principal, digest) in made { state.add(principal, digest) }
            for id in concerned { state.enter(id) }
        }
    }

    /// Takes keys of the ledger, in place of what was known of them.
    func take(_ keys: [LedgerKey]) {
        let made = keys.map { key in
            StoredEntry(
                principal: Principal(stored: key.id, name: key.name, options: key.options, sealedUnder: hash),
                secrets: key.secrets, isEnabled: key.isEnabled)
        }
        state.withLock { state in
            state.reserve(made.count)
            for entry in made {
                if state.hasStored { state.forget(entry.principal.id) }
                state.stored[entry.principal.id] = entry
                state.storedNames[entry.principal.name] = entry.principal.id
                state.enter(entry)
            }
        }
    }

    /// Forgets a key of the ledger.
    func remove(_ id: KeyID) { state.withLock { $0.forget(id) } }
}

extension KeyDirectory.State {
    /// The key of that id; nil where there is none.
    fileprivate func principal(_ id: KeyID) -> Principal? {
        configured[id]?.principal ?? (shadowed.contains(id) ? nil : stored[id]?.principal)
    }

    /// Makes room for so many more keys of the ledger at once.
    fileprivate mutating func reserve(_ more: Int) {
        table.reserve(table.count + more)
        guard more > 1 else { return }
        stored.reserveCapacity(stored.count + more)
        storedNames.reserveCapacity(storedNames.count + more)
    }

    // MARK: - Keys of the settings

    fileprivate mutating func add(_ principal: Principal, _ digest: [UInt8]?) {
        configured[principal.id] = KeyDirectory.ConfiguredEntry(principal: principal, digest: digest)
        configuredNames[principal.name] = principal.id
        configuredOwners[principal.owner, default: 0] += 1
        if principal.options.share != nil { sharing[principal.id] = principal }
        // Without a digest the key opens nothing.
        if let digest { table.insert(digest, KeyTable.Entry(principal: principal, notAfter: nil)) }
    }

    /// Takes the keys of the settings out.
    fileprivate mutating func leaveSettings() {
        for (id, entry) in configured {
            if let digest = entry.digest { table.remove(digest) }
            sharing[id] = nil
        }
        (configured, configuredNames, configuredOwners) = ([:], [:], [:])
    }

    // MARK: - Keys of the ledger

    /// Lets a key of the ledger open what the settings leave it.
    fileprivate mutating func enter(_ id: KeyID) {
        if let entry = stored[id] { enter(entry) }
    }

    fileprivate mutating func enter(_ entry: KeyDirectory.StoredEntry) {
        let id = entry.principal.id
        guard configuredNames[entry.principal.name] == nil else {
            overruled.insert(id)
            shadowed.insert(id)
            return
        }
        if !entry.isEnabled {
            disabled.insert(id)
        } else if entry.principal.options.share != nil {
            sharing[id] = entry.principal
        }
        let configured = configured
        for secret in entry.secrets {
            let isOwn = table.insert(
                secret.digest, KeyTable.Entry(principal: entry.principal, notAfter: secret.notAfter),
                unless: { configured[$0.principal.id] != nil })
            if !isOwn { overruled.insert(id) }
        }
    }

    /// Takes what a key of the ledger opens with from it.
    fileprivate mutating func leave(_ id: KeyID) {
        overruled.remove(id)
        shadowed.remove(id)
        disabled.remove(id)
        sharing[id] = nil
        for secret in stored[id]?.secrets ?? [] where table.entry(of: secret.digest)?.principal.id == id {
            table.remove(secret.digest)
        }
    }

    /// True once there were keys of the ledger.
    fileprivate var hasStored: Bool { !stored.isEmpty }

    fileprivate mutating func forget(_ id: KeyID) {
        guard stored[id] != nil else { return }
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
