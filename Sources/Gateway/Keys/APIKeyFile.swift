/// A file of keys: one `name:key` a line, options as `mcp=a,b` behind it, `#` comments, blank lines.
enum APIKeyFile {
    static let maximumBytes = 1 << 20

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
        var keys: [(key: APIKey, line: Int)] = []
        var faults: [ConfigurationFault] = []
        for (number, line) in AssignmentLine.lines(of: text) {
            do throws(ValueProblem) {
                keys.append((try parse(line, after: keys, allowsWeakKeys: allowsWeakKeys), number))
            } catch {
                faults.append(ConfigurationFault("\(path):\(number)", error.text))
            }
        }
        if keys.isEmpty, faults.isEmpty { faults.append(ConfigurationFault(path, "holds no key")) }
        guard faults.isEmpty else { throw ConfigurationFaults(faults) }
        return keys.map(\.key)
    }

    private static func parse(
        _ line: Substring, after keys: [(key: APIKey, line: Int)], allowsWeakKeys: Bool
    ) throws(ValueProblem) -> APIKey {
        guard let colon = line.firstIndex(of: ":") else { throw ValueProblem("is not name:key") }
        let name = String(AssignmentLine.trim(line[..<colon]))
        guard APIKey.isName(name) else {
            throw ValueProblem("the name is not 1 to 64 letters, digits, '.', '_' and '-', or is a key")
        }
        let words = line[line.index(after: colon)...].split { $0 == " " || $0 == "\t" }
        let secret = String(words.first ?? "")
        guard var key = APIKey(name: name, secret: secret) else {
            throw ValueProblem("key \(name) is not 1 to \(APIKey.maxSecretBytes) printable ASCII characters")
        }
        if !key.hasGoodChecksum { throw ValueProblem("key \(name) was mistyped: its checksum is wrong") }
        if !allowsWeakKeys, let weakness = key.weakness { throw ValueProblem("key \(name) \(weakness)") }
        for word in words.dropFirst() {
            do throws(ValueProblem) {
                try key.options.take(word)
            } catch {
                throw ValueProblem("key \(name) \(error.text)")
            }
        }
        if let first = keys.first(where: { $0.key.name == name }) {
            throw ValueProblem("the name \(name) is used in line \(first.line) already")
        }
        if let first = keys.first(where: { $0.key.secret == secret }) {
            throw ValueProblem("key \(name) is the key of line \(first.line)")
        }
        return key
    }
}
