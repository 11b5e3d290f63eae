import Testing

@testable import Gateway
@testable import Ledger

@Suite("Keys of the ledger, and many of them")
struct KeyTableTests {
    private let hash = KeySecretHash(pepper: [UInt8](repeating: 7, count: 32))

    private func ledgerKey(_ number: Int, _ secrets: [String], notAfter: [Int?] = [nil, nil]) throws -> LedgerKey {
        var key = LedgerKey(id: KeyID(stored: "\(number)"), name: "key-\(number)")
        for (secret, end) in zip(secrets, notAfter) {
            let bytes = Array(secret.utf8)
            let digest = hash.digest(of: bytes.span)
            key.secrets.append(LedgerKey.Secret(digest: try #require(digest), notAfter: end))
        }
        return key
    }

    private func verdict(_ directory: KeyDirectory, _ secret: String) -> String {
        let bytes = Array(secret.utf8)
        return switch directory.authenticate(bytes.span) {
        case .accepted(let principal): principal.name
        case .refused(let reason): "\(reason)"
        case .unknown: "unknown"
        }
    }

    @Test("of many keys each opens as itself and none but these, also when some have gone again")
    func many() throws {
        let directory = KeyDirectory(hash: hash)
        directory.take(try (0..<3000).map { try ledgerKey($0, ["secret-\($0)"]) })
        for number in 0..<3000 { #expect(verdict(directory, "secret-\(number)") == "key-\(number)") }
        for number in stride(from: 0, to: 3000, by: 3) { directory.remove(KeyID(stored: "\(number)")) }
        for number in 0..<3000 {
            #expect(verdict(directory, "secret-\(number)") == (number % 3 == 0 ? "unknown" : "key-\(number)"))
        }
        #expect(directory.count == 2000)
    }

    @Test("two secrets open one key until the older one ends")
    func overlap() throws {
        let directory = KeyDirectory(hash: hash)
        directory.take([try ledgerKey(1, ["old", "new"], notAfter: [Int.max, nil])])
        #expect(verdict(directory, "old") == "key-1" && verdict(directory, "new") == "key-1")
        directory.take([try ledgerKey(1, ["old", "new"], notAfter: [1, nil])])
        #expect(verdict(directory, "old") == "replaced" && verdict(directory, "new") == "key-1")
    }

    @Test("a key that is switched off, not yet valid or expired says so to its holder")
    func times() throws {
        let directory = KeyDirectory(hash: hash)
        var key = try ledgerKey(1, ["one"])
        key.isEnabled = false
        directory.take([key])
        #expect(verdict(directory, "one") == "disabled")
        key.isEnabled = true
        key.options.expires = 1
        directory.take([key])
        #expect(verdict(directory, "one") == "expired")
        key.options.expires = nil
        key.options.notBefore = Int.max
        directory.take([key])
        #expect(verdict(directory, "one") == "notYet")
    }

    @Test("a reload replaces the settings' keys and leaves the ledger's alone; a key of both is the newer one")
    func sources() throws {
        let directory = KeyDirectory([try #require(APIKey(name: "file", secret: "from-file"))], hash: hash)
        directory.take([try ledgerKey(1, ["one"])])
        directory.configure([try #require(APIKey(name: "other", secret: "from-other"))], isRequired: true)
        #expect(["from-file", "from-other", "one"].map { verdict(directory, $0) } == ["unknown", "other", "key-1"])
    }

    @Test("a key of the settings counts before one of the ledger with its name or its secret, until a reload takes it away")
    func overruled() throws {
        let directory = KeyDirectory(hash: hash)
        directory.take([try ledgerKey(1, ["one", "both"]), try ledgerKey(2, ["two"])])
        let named = try #require(APIKey(name: "key-2", secret: "from-file"))
        let same = try #require(APIKey(name: "other", secret: "both"))
        directory.configure([named, same], isRequired: true)
        let secrets = ["one", "both", "two", "from-file"]
        #expect(secrets.map { verdict(directory, $0) } == ["key-1", "other", "unknown", "key-2"])
        // What changes in the ledger meanwhile changes nothing of that.
        directory.take([try ledgerKey(1, ["one", "both"]), try ledgerKey(2, ["two"])])
        #expect(secrets.map { verdict(directory, $0) } == ["key-1", "other", "unknown", "key-2"])
        #expect(directory.storedCount == 2 && directory.configured(named: "key-2") != nil)
        directory.configure([], isRequired: true)
        #expect(secrets.map { verdict(directory, $0) } == ["key-1", "key-1", "key-2", "unknown"])
        directory.configure([named, same], isRequired: true)
        directory.remove(KeyID(stored: "1"))
        directory.configure([], isRequired: true)
        #expect(secrets.map { verdict(directory, $0) } == ["unknown", "unknown", "key-2", "unknown"])
    }

    @Test("the processes of a key that is switched off or overruled are nobody's")
    func owners() throws {
        let directory = KeyDirectory(hash: hash)
        var key = try ledgerKey(1, ["one"])
        directory.take([key])
        let owner = try #require(directory.principal(named: "key-1")).owner
        #expect(directory.knows(owner))
        key.isEnabled = false
        directory.take([key])
        #expect(!directory.knows(owner))
        key.isEnabled = true
        directory.take([key])
        #expect(directory.knows(owner))
        directory.configure([try #require(APIKey(name: "key-1", secret: "from-file"))], isRequired: true)
        #expect(!directory.knows(owner))
        directory.configure([], isRequired: true)
        #expect(directory.knows(owner))
        directory.remove(key.id)
        #expect(!directory.knows(owner))
    }

    @Test("a key of the ledger whose options cannot be read opens nothing")
    func unreadable() {
        let digest = [UInt8](repeating: 7, count: KeySecretHash.bytes)
        func stored(_ options: String) -> StoredKey {
            StoredKey(
                id: "k", name: "alice", options: options, isEnabled: true, created: 1, changed: 1,
                secrets: [StoredSecret(digest: digest, notAfter: 9, created: 1)])
        }
        let read = LedgerKey(stored(#"turns=3 message="Ask Bob""#))
        #expect(read.isEnabled && read.options.turns == 3 && read.options.message == "Ask Bob")
        #expect(read.id == KeyID(stored: "k") && read.secrets == [LedgerKey.Secret(digest: digest, notAfter: 9)])
        for line in ["moon=full", "turns=three", #"message="open"#] {
            #expect(!LedgerKey(stored(line)).isEnabled)
            #expect([stored(line)].warnings(configured: [], in: GrantedNames(.none, AccountSettings(), .none)).count == 1)
        }
        for line in ["mcp=files", "account=work", "agent=lab"] {
            #expect([stored(line)].warnings(configured: ["alice"], in: GrantedNames(.none, AccountSettings(), .none)).count == 2)
        }
    }

    @Test("a key of which the file holds the hash alone opens with its secret")
    func hashed() throws {
        // printf 0123456789abcdef0123 | sha256sum
        let text = "a:sha256:9a7e5a95f4ba9d71fbc48bbfb2ddd1ba8a1a3c6bfe7b4bbcbbd4fb1b2f6b7ac6\n"
        let keys = try APIKeyFile.parse(Array(text.utf8), path: "keys", allowsWeakKeys: false)
        let secret = Array("0123456789abcdef0123".utf8)
        let real = KeySecretHash.sha256(secret.span)
        let digits = try #require(real).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        let right = try APIKeyFile.parse(Array("b:sha256:\(digits)".utf8), path: "keys", allowsWeakKeys: false)
        let directory = KeyDirectory(keys + right, hash: hash)
        #expect(verdict(directory, "0123456789abcdef0123") == "b")
        #expect(verdict(directory, digits) == "unknown")
    }

    @Test("SHA-256 gives its test value (FIPS 180-4, one block)")
    func sha256() throws {
        let abc = Array("abc".utf8)
        let digest = KeySecretHash.sha256(abc.span)
        #expect(try #require(digest).prefix(4) == [0xBA, 0x78, 0x16, 0xBF])
    }
}
