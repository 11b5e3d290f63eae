import ClaudeCLI
import Platform
import Synchronization

/// Every key that opens, whatever it comes from: the operator's settings, which a reload replaces, and the ledger, whose
/// keys change one by one while requests go on.
///
/// Usable from any thread. A presented key is hashed first, so that neither its length nor its content shows in what
/// follows; then its digest is looked up in constant time. A change is in force for the next request.
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
        /// Keys of the ledger that are switched off.
        var disabled: Set<KeyID> = []
        var owners: [ProcessOwner: Int] = [:]
        /// Those that have a share of the account.
        var sharing: [KeyID: Principal] = [:]
        var isRequired: Bool
    }

    private let state: Mutex<State>
    private let hash: KeySecretHash
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
        state.withLock { state in state.principals.values.first { $0.name == name } }
    }

    /// The keys that have a share of the account's windows.
    var sharing: [Principal] { state.withLock { $0.sharing.isEmpty ? [] : Array($0.sharing.values) } }

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
            for id in state.configured { state.remove(id) }
            state.configured = []
            state.table.reserve(state.table.count + made.count)
            for (principal, digest) in made {
                state.add(principal, [(digest, nil)])
                state.configured.insert(principal.id)
            }
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
            state.table.reserve(state.table.count + keys.count)
            for (key, principal) in zip(keys, made) {
                state.remove(key.id)
                state.add(principal, key.secrets.map { ($0.digest, $0.notAfter) })
                if !key.isEnabled { state.disabled.insert(key.id) }
            }
        }
    }

    /// Forgets a key of the ledger.
    func remove(_ id: KeyID) { state.withLock { $0.remove(id) } }
}

extension KeyDirectory.State {
    fileprivate mutating func add(_ principal: Principal, _ secrets: [(digest: [UInt8]?, notAfter: Int?)]) {
        principals[principal.id] = principal
        owners[principal.owner, default: 0] += 1
        if principal.options.share != nil { sharing[principal.id] = principal }
        for (digest, notAfter) in secrets {
            // Without a digest the key opens nothing.
            guard let digest else { continue }
            table.insert(digest, KeyTable.Entry(principal: principal, notAfter: notAfter))
            digests[principal.id, default: []].append(digest)
        }
    }

    fileprivate mutating func remove(_ id: KeyID) {
        guard let principal = principals.removeValue(forKey: id) else { return }
        for digest in digests.removeValue(forKey: id) ?? [] { table.remove(digest) }
        disabled.remove(id)
        sharing[id] = nil
        owners[principal.owner, default: 1] -= 1
        if owners[principal.owner] == 0 { owners[principal.owner] = nil }
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
