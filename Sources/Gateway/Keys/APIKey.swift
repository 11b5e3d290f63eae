import Vocabulary

/// A key as the operator gives it; printing it shows its name only.
struct APIKey: Sendable, Equatable {
    /// The longest secret taken.
    static let maxSecretBytes = 512
    /// The shortest secret that 128 bits fit into: 20 of the 94 printable characters.
    static let minStrongBytes = 20

    /// What logs and limits call it.
    let name: String
    let secret: String
    /// What the operator grants or presets for it.
    var options = KeyOptions()

    /// A key with a valid name and a secret of 1 to 512 printable ASCII characters without blanks.
    init?(name: String, secret: String) {
        guard Self.isName(name), !secret.isEmpty, secret.utf8.count <= Self.maxSecretBytes,
            secret.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return nil }
        self.name = name
        self.secret = secret
    }

    /// Letters, digits, `.`, `_` and `-`, 1 to 64 of them; a key of our form is none, since names are logged and a line
    /// may be written the wrong way round.
    static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && !hasOurForm(text)
            && text.utf8.allSatisfy { Base62.isDigit($0) || [0x2D, 0x2E, 0x5F].contains($0) }
    }

    /// Why the key can be guessed or mistyped; nil when it is strong.
    var weakness: String? {
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

/// CRC-32 as in ISO 3309 and RFC 1952 §8; bit by bit, since it meets keys only.
enum CRC32 {
    static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        var value: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            value ^= UInt32(byte)
            for _ in 0..<8 { value = value >> 1 ^ (value & 1 == 1 ? 0xEDB8_8320 : 0) }
        }
        return ~value
    }
}
