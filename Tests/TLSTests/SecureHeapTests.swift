import TLS
import Testing

@Suite("Secure heap")
struct SecureHeapTests {
    @Test("private keys lie on it", arguments: [Certificate.Kind.ec, .rsa])
    func keys(kind: Certificate.Kind) throws {
        #expect(SecureHeap.begin())
        #expect(SecureHeap.begin())
        let made = try Certificate(kind, name: "x", names: ["a.test"])
        // Other tests have keys on it too, and give them back meanwhile: these are there all at once.
        let identities = try (0..<50).map { _ in try TLSIdentity(certificatePEM: made.certificate, keyPEM: made.key) }
        let leastBytes = kind == .ec ? 32 : 256
        #expect(SecureHeap.usedBytes >= identities.count * leastBytes)
        withExtendedLifetime(identities) {}
    }
}
