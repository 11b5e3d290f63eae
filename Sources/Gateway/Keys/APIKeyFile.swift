/// A file of keys: one `name:key` or `name:sha256:hash` a line, options as `mcp=a,b` behind it, `#` comments, blank lines.
enum APIKeyFile {
    static let maximumBytes = 32 << 20

    /// Reads and parses a file that only its owner, or its group at most, can read.
    static func load(_ path: String, allowsWeakKeys: Bool) throws(ConfigurationFaults) -> [APIKey] {
        let content: SecretBytes
        do throws(FileFault) {
            content = try SecretFile.read(path, .secret, maximumBytes: maximumBytes)
        } catch {
            throw ConfigurationFaults([ConfigurationFault("API_KEYS_FILE", error.description)])
        }
        let bytes = content.copy
        return try parse(bytes, path: path, allowsWeakKeys: allowsWeakKeys)
    }

    /// Parses the lines; faults name line and key name, never a key.
    static func parse(
        _ bytes: [UInt8], path: String, allowsWeakKeys: Bool
    ) throws(ConfigurationFaults) -> [APIKey] {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationFaults([ConfigurationFault(path, "is not UTF-8")])
        }
        var keys: [APIKey] = []
        var faults: [ConfigurationFault] = []
        var lines = Lines()
        for (number, line) in AssignmentLine.lines(of: text) {
            do throws(ValueProblem) {
                let key = try parse(line, allowsWeakKeys: allowsWeakKeys)
                try lines.take(key, at: number)
                keys.append(key)
            } catch {
                faults.append(ConfigurationFault("\(path):\(number)", error.text))
            }
        }
        if keys.isEmpty, faults.isEmpty { faults.append(ConfigurationFault(path, "holds no key")) }
        guard faults.isEmpty else { throw ConfigurationFaults(faults) }
        return keys
    }

    /// Where names and keys stood before.
    private struct Lines {
        private var names: [String: Int] = [:]
        private var keys: [[UInt8]: Int] = [:]

        mutating func take(_ key: APIKey, at line: Int) throws(ValueProblem) {
            if let first = names.updateValue(line, forKey: key.name) {
                throw ValueProblem("the name \(key.name) is used in line \(first) already")
            }
            if let first = keys.updateValue(line, forKey: key.material) {
                throw ValueProblem("key \(key.name) is the key of line \(first)")
            }
        }
    }

    private static func parse(_ line: Substring, allowsWeakKeys: Bool) throws(ValueProblem) -> APIKey {
        guard let colon = line.firstIndex(of: ":") else { throw ValueProblem("is not name:key") }
        let name = String(AssignmentLine.trim(line[..<colon]))
        guard APIKey.isName(name) else {
            throw ValueProblem("the name is not 1 to 64 letters, digits, '.', '_' and '-', or is a key")
        }
        let rest = AssignmentLine.trim(line[line.index(after: colon)...])
        let secret = rest.prefix { $0 != " " && $0 != "\t" }
        var key = try key(name, String(secret))
        if !key.hasGoodChecksum { throw ValueProblem("key \(name) was mistyped: its checksum is wrong") }
        if !allowsWeakKeys, let weakness = key.weakness { throw ValueProblem("key \(name) \(weakness)") }
        guard let words = KeyOptions.split(rest.dropFirst(secret.count)) else {
            throw ValueProblem("key \(name) has a quote that is not closed")
        }
        for word in words {
            do throws(ValueProblem) {
                try key.options.take(word)
            } catch {
                throw ValueProblem("key \(name) \(error.text)")
            }
        }
        return key
    }

    private static let hashMark = "sha256:"

    private static func key(_ name: String, _ word: String) throws(ValueProblem) -> APIKey {
        if word.hasPrefix(hashMark) {
            guard let key = APIKey(name: name, sha256: String(word.dropFirst(hashMark.count))) else {
                throw ValueProblem("key \(name) is not 64 hexadecimal digits behind sha256:")
            }
            return key
        }
        guard let key = APIKey(name: name, secret: word) else {
            throw ValueProblem("key \(name) is not 1 to \(APIKey.maxSecretBytes) printable ASCII characters")
        }
        return key
    }
}
