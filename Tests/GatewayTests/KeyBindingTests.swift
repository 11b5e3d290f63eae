import TLS
import Testing

@testable import Gateway

@Suite("Keys bound to certificates")
struct KeyBindingTests {
    private static let digest = String(repeating: "0123456789abcdef", count: 4)
    private let alice = ClientCertificate(sha256: digest, names: ["Alice@example.com", "alice.example.com"])
    private let bob = ClientCertificate(sha256: String(digest.reversed()), names: ["bob.example.com"])

    @Test("a key without a binding is good with any certificate and with none")
    func free() throws {
        let options = try KeyOptions(words: ["role=user"])
        #expect(options.isAt(home: nil) && options.isAt(home: alice))
        #expect(!options.needsCertificate)
    }

    @Test("a fingerprint with or without colons, in any case, binds to one certificate")
    func fingerprint() throws {
        let colons = stride(from: 0, to: 64, by: 2).map { Self.digest.uppercased().dropFirst($0).prefix(2) }.joined(separator: ":")
        for text in [Self.digest, colons] {
            let options = try KeyOptions(words: ["cert-sha256=\(text)"])
            #expect(options.isAt(home: alice))
            #expect(!options.isAt(home: bob) && !options.isAt(home: nil))
            #expect(options.words == ["cert-sha256=\(Self.digest)"])
        }
    }

    @Test("a name binds to the certificates that are for it")
    func name() throws {
        let options = try KeyOptions(words: ["cert-san=ALICE@example.com"])
        #expect(options.isAt(home: alice))
        #expect(!options.isAt(home: bob) && !options.isAt(home: nil))
        #expect(options.words == ["cert-san=alice@example.com"])
    }

    @Test("both together must hold")
    func both() throws {
        let options = try KeyOptions(words: ["cert-sha256=\(Self.digest)", "cert-san=bob.example.com"])
        #expect(!options.isAt(home: alice) && !options.isAt(home: bob))
    }

    @Test("what is no fingerprint is refused", arguments: ["abc", String(repeating: "g", count: 64), digest + "00"])
    func malformed(text: String) {
        #expect(throws: ValueProblem.self) { try KeyOptions(words: ["cert-sha256=\(text)"]) }
    }
}
