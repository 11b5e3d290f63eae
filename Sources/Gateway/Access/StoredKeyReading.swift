import Ledger

extension LedgerKey {
    /// A key as the ledger holds it. One whose options cannot be read opens nothing: they may have been a limit.
    init(_ stored: StoredKey) { self.init(stored, try? KeyOptions(stored: stored.options)) }

    /// All keys of the ledger; most have the options of others, which are read once.
    static func all(_ stored: [StoredKey]) -> [LedgerKey] {
        var known: [String: KeyOptions?] = [:]
        var (newest, options) = ("", try? KeyOptions(stored: ""))
        return stored.map { key in
            // Neighbours are mostly alike, and then nothing need be looked up.
            if key.options != newest {
                newest = key.options
                if let same = known[newest] {
                    options = same
                } else {
                    options = try? KeyOptions(stored: newest)
                    if known.count < mostRemembered { known[newest] = .some(options) }
                }
            }
            return LedgerKey(key, options)
        }
    }

    private static var mostRemembered: Int { 1000 }

    private init(_ stored: StoredKey, _ options: KeyOptions?) {
        self.init(
            id: KeyID(stored: stored.id), name: stored.name, options: options ?? KeyOptions(),
            isEnabled: stored.isEnabled && options != nil,
            secrets: stored.secrets.map { Secret(digest: $0.digest, notAfter: $0.notAfter) })
    }
}

extension KeyOptions {
    /// The options of a key in the ledger.
    init(stored line: String) throws(ValueProblem) {
        guard let words = Self.split(line) else { throw ValueProblem("has a quote that is not closed") }
        try self.init(words: words)
    }
}

extension [StoredKey] {
    /// What an operator should know of keys of the ledger, one line each, without secrets; `configured` are the names that
    /// the settings have given, `names` those that keys may name.
    func warnings(configured: Set<String>, in names: GrantedNames) -> [String] {
        var lines: [String] = []
        var sound: Set<String> = []
        var newestSound: String?
        for key in self {
            if !configured.isEmpty, configured.contains(key.name) {
                lines.append(
                    "key \(key.name) is in the settings and in the ledger: that of the settings counts, the other opens nothing")
            }
            if key.options == newestSound { continue }
            if sound.contains(key.options) {
                newestSound = key.options
                continue
            }
            do throws(ValueProblem) {
                let options = try KeyOptions(stored: key.options)
                guard let problem = names.problem(of: options) else {
                    if sound.count < Self.mostRemembered { sound.insert(key.options) }
                    continue
                }
                lines.append("key \(key.name) of the ledger: \(problem)")
            } catch {
                lines.append("key \(key.name) of the ledger \(error.text): it opens nothing until its options are set anew")
            }
        }
        guard lines.count > Self.mostWarnings else { return lines }
        return lines.prefix(Self.mostWarnings) + ["\(lines.count - Self.mostWarnings) more keys of the ledger are like these"]
    }

    private static var mostWarnings: Int { 20 }
    private static var mostRemembered: Int { 1000 }
}
