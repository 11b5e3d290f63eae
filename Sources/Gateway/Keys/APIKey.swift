import Vocabulary

/// A key as the operator gives it; printing it shows its name only.
struct APIKey: Sendable, Equatable {
    /// The longest secret taken.
    static let maxSecretBytes = 512
    /// The shortest secret that 128 bits fit into: 20 of the 94 printable characters.
    static let minStrongBytes = 20

    /// What logs and limits call it.
    let name: String
    /// Empty where only its hash is known.
    let secret: String
    /// The SHA-256 of the secret, where that is all that is known of it.
    let sha256: [UInt8]?
    /// What the operator grants, limits or presets for it.
    var options = KeyOptions()
    /// True where the name is made of the key's place in a list.
    var isNameless = false

    /// A key with a valid name and a secret of 1 to 512 printable ASCII characters without blanks.
    init?(name: String, secret: String) {
        guard Self.isName(name), !secret.isEmpty, secret.utf8.count <= Self.maxSecretBytes,
            secret.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return nil }
        self.name = name
        self.secret = secret
        sha256 = nil
    }

    /// A key of which the operator gives the hash alone, as 64 hexadecimal digits.
    init?(name: String, sha256 digits: String) {
        guard Self.isName(name), digits.utf8.count == 64 else { return nil }
        var bytes: [UInt8] = []
        var rest = digits[...]
        while !rest.isEmpty {
            guard let byte = UInt8(rest.prefix(2), radix: 16), !rest.hasPrefix("+") else { return nil }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        self.name = name
        secret = ""
        sha256 = bytes
    }

    /// What two keys have in common that are the same one.
    var material: [UInt8] { sha256 ?? Array(secret.utf8) }

    /// Letters, digits, `.`, `_` and `-`, 1 to 64 of them; a key of our form is none, since names are logged and a line
    /// may be written the wrong way round.
    static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && !hasOurForm(text)
            && text.utf8.allSatisfy { Base62.isDigit($0) || [0x2D, 0x2E, 0x5F].contains($0) }
    }

    /// Why the key can be guessed or mistyped; nil when it is strong.
    var weakness: String? {
        // Who hashes a key is trusted with having made a strong one: nothing shows it.
        guard sha256 == nil else { return nil }
        let advice = "'portcullis new-key NAME' makes a strong one"
        if secret.utf8.count < Self.minStrongBytes {
            return "is shorter than \(Self.minStrongBytes) characters; \(advice)"
        }
        // A random key of 20 hexadecimal digits has fewer than 6 different ones once in 10^7.
        return Set(secret.utf8).count < 6 ? "repeats a few characters; \(advice)" : nil
    }

    /// False when the key has our form but its checksum does not match, so that it was mistyped.
    var hasGoodChecksum: Bool {
        guard Self.hasOurForm(secret) else { return true }
        return secret.hasSuffix(Self.checksum(secret.utf8.dropLast(Self.checksumDigits)))
    }
}

extension APIKey: CustomStringConvertible, CustomReflectable {
    /// The name.
    var description: String { name }
    /// The name: `dump` and debuggers must not show the secret.
    var customMirror: Mirror { Mirror(self, children: ["name": name]) }
}

// MARK: - Making keys

extension APIKey {
    private static let prefix = "cgw_"
    private static let idDigits = 8
    private static let secretDigits = 43  // 62^43 > 2^256
    private static let checksumDigits = 6  // 62^6 > 2^32
    private static let generatedBytes = 4 + idDigits + 1 + secretDigits + checksumDigits

    private static func hasOurForm(_ text: String) -> Bool {
        text.hasPrefix(prefix) && text.utf8.count == generatedBytes
    }

    /// A new key: `cgw_`, 8 digits that tell it from others, `_`, 256 random bits in 43 digits of base 62 and
    /// 6 digits of CRC-32 over all before them, so that scanners find lost keys and typing errors show.
    static func generate(name: String) -> APIKey? {
        // The standard library's generator asks the kernel (getrandom) each time.
        var random = SystemRandomNumberGenerator()
        let digits = (0..<idDigits).map { _ in Base62.digits[Int.random(in: 0..<62, using: &random)] }
        let id = String(decoding: digits, as: UTF8.self)
        let bits = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        return generated(name: name, id: id, bits: bits)
    }

    static func generated(name: String, id: String, bits: [UInt8]) -> APIKey? {
        let body = "\(prefix)\(id)_\(Base62.encode(bits, digits: secretDigits))"
        return APIKey(name: name, secret: body + checksum(body.utf8))
    }

    /// The key as a line of an API key file.
    var fileLine: String { "\(name):\(secret)" }

    private static func checksum(_ bytes: some Sequence<UInt8>) -> String {
        let value = CRC32.checksum(bytes)
        let bigEndian = (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32($0))) }
        return Base62.encode(bigEndian, digits: checksumDigits)
    }
}
