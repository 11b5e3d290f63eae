internal import COpenSSL
import Vocabulary

/// What is kept of a key's secret: HMAC-SHA256 (RFC 2104) of its SHA-256 under a secret of this gateway.
///
/// The inner hash is what a key file may hold in the secret's place, so that both come to the same digest.
struct KeySecretHash: Sendable {
    static let bytes = 32
    private let hash: KeyedHash

    /// A hash under a secret that outlives the process, or under one of its own.
    init(pepper: [UInt8] = random()) { hash = KeyedHash(key: pepper) }

    /// The digest of a secret; nil when the library fails.
    func digest(of secret: Span<UInt8>) -> [UInt8]? { Self.sha256(secret).flatMap { hash.digest(of: $0.span) } }

    /// The digest of a secret whose SHA-256 is known.
    func digest(ofSHA256 sha256: [UInt8]) -> [UInt8]? { sha256.count == Self.bytes ? hash.digest(of: sha256.span) : nil }

    /// What nobody else can know of a key, and a new secret does not change.
    func derived(for id: KeyID) -> [UInt8] {
        // Fails closed: what is sealed under random bytes nobody opens.
        hash.digest(of: Array("key \(id.text)".utf8).span) ?? Self.random()
    }

    /// SHA-256 (FIPS 180-4); nil when the library fails.
    static func sha256(_ data: Span<UInt8>) -> [UInt8]? {
        var isDone = false
        let digest = unsafe [UInt8](unsafeUninitializedCapacity: bytes) { buffer, count in
            var length: UInt32 = 0
            isDone = unsafe data.withUnsafeBufferPointer { data in
                unsafe EVP_Digest(data.baseAddress, data.count, buffer.baseAddress, &length, EVP_sha256(), nil) == 1
            }
            count = isDone ? Int(length) : 0
        }
        return isDone && digest.count == bytes ? digest : nil
    }

    /// 256 random bits.
    static func random() -> [UInt8] {
        var random = SystemRandomNumberGenerator()
        return (0..<bytes).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    }
}

extension APIKey {
    /// What is kept of it; nil when the library fails.
    func digest(under hash: KeySecretHash) -> [UInt8]? {
        if let sha256 { return hash.digest(ofSHA256: sha256) }
        return hash.digest(of: Array(secret.utf8).span)
    }

    /// What it is known by: its name, which the operator gave; a key that was given by value alone has none, and its place
    /// in a list may change.
    func id(under hash: KeySecretHash) -> KeyID {
        guard isNameless, let digest = digest(under: hash) else { return KeyID(named: name) }
        return KeyID(named: "env:" + Base62.encode(Array(digest.prefix(9)), digits: 13))
    }
}
