/// Who may ask.
struct KeySettings: Sendable, Equatable {
    /// Keys given by value, named `env-1`, `env-2`, ….
    var inline: [APIKey] = []
    /// A file of `name:key` lines.
    var file: String?
    /// False lets everybody ask; only ever false when nobody beyond this machine can connect.
    var isRequired = true
    /// True when keys that can be guessed are taken, because nobody beyond this machine can try.
    var allowsWeakKeys = false
}

extension KeySettings {
    /// All keys, those given by value first.
    ///
    /// Throws every fault of both sources. Empty only when keys are not required.
    func loadKeys() throws(ConfigurationFaults) -> [APIKey] {
        var keys: [APIKey] = []
        var faults: [ConfigurationFault] = []
        for key in inline {
            if !key.hasGoodChecksum {
                let problem = "key \(key.name) was mistyped: its checksum is wrong"
                faults.append(ConfigurationFault("PROXY_API_KEYS", problem))
            } else if !allowsWeakKeys, let weakness = key.weakness {
                faults.append(ConfigurationFault("PROXY_API_KEYS", "key \(key.name) \(weakness)"))
            } else if !keys.contains(where: { $0.material == key.material }) {
                keys.append(key)
            }
        }
        if let file {
            do throws(ConfigurationFaults) {
                let given = keys
                for key in try APIKeyFile.load(file, allowsWeakKeys: allowsWeakKeys) {
                    if given.contains(where: { $0.material == key.material || $0.name == key.name }) {
                        let problem = "key \(key.name) is also among PROXY_API_KEYS"
                        faults.append(ConfigurationFault(file, problem))
                    }
                    keys.append(key)
                }
            } catch {
                faults += error.faults
            }
        }
        guard faults.isEmpty else { throw ConfigurationFaults(faults) }
        return keys
    }
}
