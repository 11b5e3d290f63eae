import TestSupport
import Testing
import Vocabulary

@testable import Gateway

private let strong = "cgw_AAAAAAAA_0000000000000000000000000000000000000000001"

/// A key that a test knows to be well-formed.
private func key(_ name: String, _ secret: String) throws -> APIKey {
    try #require(APIKey(name: name, secret: secret))
}

@Suite("Key directory")
struct KeyDirectoryTests {
    private func ask(_ directory: KeyDirectory, _ text: String) -> Principal? {
        let bytes = Array(text.utf8)
        guard case .accepted(let principal) = directory.authenticate(bytes.span) else { return nil }
        return principal
    }

    @Test("each key opens as itself, and nothing near it opens")
    func authenticates() throws {
        let keys = KeyDirectory([try key("alice", "k-good"), try key("bob", "k-other")])
        #expect(ask(keys, "k-good")?.name == "alice" && ask(keys, "k-good")?.id == KeyID(named: "alice"))
        #expect(ask(keys, "k-other")?.name == "bob")
        let long = String(repeating: "a", count: 8192)
        for wrong in ["", "k-goo", "k-goodx", "K-GOOD", "k-good\0", " k-good", long] {
            #expect(ask(keys, wrong) == nil)
        }
    }

    @Test("an empty directory opens to nobody; without required keys everybody is anonymous")
    func empty() {
        #expect(ask(KeyDirectory(), "") == nil)
        #expect(KeyDirectory().anonymous() == nil)
        #expect(KeyDirectory(isRequired: false).anonymous()?.name == "anonymous")
    }

    @Test("each digest is found at its place, the last one too", arguments: 0...16)
    func places(match: Int) {
        let digests = (0..<16).flatMap { [UInt8](repeating: UInt8($0), count: KeyTable.digestBytes) }
        let presented = [UInt8](repeating: UInt8(match), count: KeyTable.digestBytes)
        #expect(KeyTable.place(of: presented, in: digests, count: 16) == (match < 16 ? match + 1 : 0))
    }

    @Test("one bit that differs is a difference, wherever it is")
    func differences() {
        let digest = (0..<KeyTable.digestBytes).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        for bit in 0..<KeyTable.digestBytes * 8 {
            var near = digest
            near[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(KeyTable.place(of: near, in: digest, count: 1) == 0)
            #expect(KeyTable.place(of: digest, in: near + digest + near, count: 3) == 2)
        }
    }

    @Test("what is no digest is found nowhere")
    func noDigest() {
        let digest = [UInt8](repeating: 7, count: KeyTable.digestBytes)
        #expect(KeyTable.place(of: [], in: digest, count: 1) == 0)
        #expect(KeyTable.place(of: Array(digest.dropLast()), in: digest, count: 1) == 0)
        #expect(KeyTable.place(of: digest, in: [], count: 0) == 0)
    }

    @Test("the digest is HMAC-SHA256 (RFC 4231, test case 2)")
    func digest() {
        let data = Array("what do ya want for nothing?".utf8)
        let digest = KeyedHash(key: Array("Jefe".utf8)).digest(of: data.span)
        #expect(digest?.prefix(8) == [0x5B, 0xDC, 0xC1, 0x46, 0xBF, 0x60, 0x75, 0x4E])
    }
}

@Suite("Credentials of a request")
struct CredentialTests {
    private func extract(_ authorization: [String], _ apiKey: [String]) throws(Refusal) -> String? {
        try Credential.extract(
            authorization: authorization.map { Array($0.utf8)[...] },
            apiKey: apiKey.map { Array($0.utf8)[...] }
        ).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test(
        "a key comes by either header",
        arguments: [
            (["Bearer k"], []), (["bearer k"], []), (["BEARER   k  "], []), ([], ["k"]), ([], [" k\t"]),
            (["Bearer k"], ["k"]), ([], ["k", "k"]), (["Basic abc"], ["k"]), (["Bearer\tk"], []),
        ] as [([String], [String])])
    func found(authorization: [String], apiKey: [String]) throws {
        #expect(try extract(authorization, apiKey) == "k")
    }

    @Test(
        "no key, an empty one and another scheme are none",
        arguments: [
            ([], []), (["Bearer"], []), (["Bearer "], []), (["Basic abc"], []), (["Bearerk"], []), ([], [""]),
            ([""], [" "]), (["k"], []),
        ] as [([String], [String])])
    func none(authorization: [String], apiKey: [String]) throws {
        #expect(try extract(authorization, apiKey) == nil)
    }

    @Test(
        "two different keys are refused",
        arguments: [
            (["Bearer a"], ["b"]), ([], ["a", "b"]), (["Bearer a", "Bearer b"], []),
            (["Bearer a"], ["a", "b"]),
        ] as [([String], [String])])
    func different(authorization: [String], apiKey: [String]) throws {
        let refusal = try #require(throws: Refusal.self) { try extract(authorization, apiKey) }
        #expect(refusal.kind == .invalidRequest)
    }
}

@Suite("API keys")
struct APIKeyTests {
    @Test("a new key has its form, its checksum, and 256 bits of its own")
    func generated() throws {
        let keys = try (0..<50).map { _ in try #require(APIKey.generate(name: "alice")) }
        #expect(Set(keys.map(\.secret)).count == keys.count)
        for key in keys {
            let parts = key.secret.split(separator: "_")
            #expect(parts.map(\.utf8.count) == [3, 8, 49] && parts[0] == "cgw")
            #expect(key.hasGoodChecksum && key.weakness == nil)
            #expect(key.fileLine == "alice:\(key.secret)")
        }
        #expect(APIKey.generate(name: "a:b") == nil)
    }

    @Test("a key of known bits has a known spelling")
    func known() throws {
        let bits = [UInt8](repeating: 0xFF, count: 32)
        let ones = try #require(APIKey.generated(name: "n", id: "AAAAAAAA", bits: bits))
        // 2^256 - 1 in base 62 and the CRC-32 of all before it, from an independent calculation.
        #expect(ones.secret == "cgw_AAAAAAAA_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp11UG7Xr")
        let one = try #require(
            APIKey.generated(name: "n", id: "AAAAAAAA", bits: [UInt8](repeating: 0, count: 31) + [1]))
        #expect(one.secret.hasPrefix(strong))
    }

    @Test("base 62 counts as any base does")
    func base62() {
        #expect(Base62.encode([0], digits: 3) == "000")
        #expect(Base62.encode([61], digits: 1) == "z")
        #expect(Base62.encode([62], digits: 2) == "10")
        #expect(Base62.encode([0xFF, 0xFF, 0xFF, 0xFF], digits: 6) == "4gfFC3")
    }

    @Test("CRC-32 gives its check value")
    func crc32() {
        #expect(CRC32.checksum("123456789".utf8) == 0xCBF4_3926)
    }

    @Test("a typing error in a key of our form shows")
    func typingError() throws {
        let good = try #require(APIKey.generate(name: "a"))
        var secret = Array(good.secret.utf8)
        secret[20] = secret[20] == UInt8(ascii: "x") ? UInt8(ascii: "y") : UInt8(ascii: "x")
        #expect(try !key("a", String(decoding: secret, as: UTF8.self)).hasGoodChecksum)
        #expect(try key("a", "any-other-key").hasGoodChecksum)
    }

    @Test(
        "names and secrets are bounded",
        arguments: [
            ("", "k"), ("a b", "k"), ("a:b", "k"), (String(repeating: "a", count: 65), "k"), ("a", ""),
            ("a", "two words"), ("a", "tab\t"), ("a", "clé"), ("a", String(repeating: "k", count: 513)),
        ])
    func bounds(name: String, secret: String) {
        #expect(APIKey(name: name, secret: secret) == nil)
    }
}

@Suite("API key files")
struct APIKeyFileTests {
    private func faults(_ text: String, allowsWeakKeys: Bool = false) -> [String] {
        do throws(ConfigurationFaults) {
            _ = try APIKeyFile.parse(Array(text.utf8), path: "keys", allowsWeakKeys: allowsWeakKeys)
            return []
        } catch {
            return error.faults.map(\.description)
        }
    }

    @Test("names and keys are read past comments and blanks")
    func parsed() throws {
        let text = "# ours\n\nalice: 0123456789abcdef0123\r\nbob:with:colons:0123456789\n"
        let keys = try APIKeyFile.parse(Array(text.utf8), path: "keys", allowsWeakKeys: false)
        #expect(keys.map(\.name) == ["alice", "bob"])
        #expect(keys.map(\.secret) == ["0123456789abcdef0123", "with:colons:0123456789"])
    }

    @Test("options behind a key say what it may do")
    func options() throws {
        let text = "a:0123456789abcdef0123 mcp=github,files\tclient=openclaw\nb:0123456789abcdef4567"
        let keys = try APIKeyFile.parse(Array(text.utf8), path: "keys", allowsWeakKeys: false)
        #expect(keys.map(\.secret) == ["0123456789abcdef0123", "0123456789abcdef4567"])
        #expect(keys[0].options.client == .openclaw && keys[0].options.mcpServers == ["github", "files"])
        #expect(keys[1].options == KeyOptions())
    }

    @Test(
        "a wrong line is told without its key",
        arguments: [
            ("", "keys: holds no key"),
            ("hush-hush-hush-hush-hush", "keys:1: is not name:key"),
            (
                "a b:hush-hush-hush-hush-hush",
                "keys:1: the name is not 1 to 64 letters, digits, '.', '_' and '-', or is a key"
            ),
            (
                "\(strong)000000:alice",
                "keys:1: the name is not 1 to 64 letters, digits, '.', '_' and '-', or is a key"
            ),
            ("a:", "keys:1: key a is not 1 to 512 printable ASCII characters"),
            (
                "a:hush",
                "keys:1: key a is shorter than 20 characters; 'portcullis new-key NAME' makes a strong one"
            ),
            (
                "a:hhhhhhhhhhhhhhhhhhhhhhhhh",
                "keys:1: key a repeats a few characters; 'portcullis new-key NAME' makes a strong one"
            ),
            (
                "a:0123456789hush-hush-1\na:0123456789hush-hush-2",
                "keys:2: the name a is used in line 1 already"
            ),
            ("a:0123456789hush-hush-1\nb:0123456789hush-hush-1", "keys:2: key b is the key of line 1"),
            ("a:\(strong)000000", "keys:1: key a was mistyped: its checksum is wrong"),
            ("a:0123456789hush-hush-1 hush", "keys:1: key a is followed by something that is not name=value"),
            ("a:0123456789hush-hush-1 mcp=", "keys:1: key a is followed by something that is not name=value"),
            ("a:0123456789hush-hush-1 hush=hush", "keys:1: key a has an unknown option; 'portcullis help key' lists all"),
            ("a:0123456789hush-hush-1 client=hush", "keys:1: key a has client=, which is none of openclaw, codex"),
        ])
    func wrong(text: String, fault: String) {
        #expect(faults(text) == [fault])
    }

    @Test("weak keys pass where nobody else can try them")
    func weak() {
        #expect(faults("a:k-good", allowsWeakKeys: true) == [])
    }

    @Test(
        "a key file must be the owner's alone",
        arguments: [
            (0o600, nil), (0o400, nil), (0o440, nil), (0o640, nil),
            (0o644, "may be read by others (mode 0644); chmod 600"),
            (0o604, "may be read by others (mode 0604); chmod 600"),
            (0o660, "may be written by others (mode 0660); chmod 600"),
            (0o620, "may be written by others (mode 0620); chmod 600"),
            (0o602, "may be written by others (mode 0602); chmod 600"),
        ] as [(UInt32, String?)])
    func modes(mode: UInt32, problem: String?) throws {
        let scratch = try Scratch()
        let file = try scratch.write("keys", "a:0123456789hush-hush-1\n", mode: mode)
        var told: String?
        do throws(ConfigurationFaults) {
            _ = try APIKeyFile.load(file, allowsWeakKeys: false)
        } catch {
            told = error.description
        }
        #expect(told == problem.map { "API_KEYS_FILE: \(file): \($0)" })
    }

    @Test("keys by value and from a file are one list, and a key in both is a fault")
    func bothSources() throws {
        let scratch = try Scratch()
        let file = try scratch.write("keys", "a:0123456789hush-hush-1\n")
        var settings = KeySettings()
        settings.file = file
        settings.inline = [try key("env-1", "0123456789hush-hush-2")]
        #expect(try settings.loadKeys().count == 2)
        settings.inline = [try key("env-1", "0123456789hush-hush-1")]
        let caught = try #require(throws: ConfigurationFaults.self) { try settings.loadKeys() }
        #expect(caught.description == "\(file): key a is also among PROXY_API_KEYS")
        settings.inline = [try key("env-1", "short")]
        #expect(throws: ConfigurationFaults.self) { try settings.loadKeys() }
    }
}

@Suite("Secret files")
struct SecretFileTests {
    private func problem(_ path: String, _ access: SecretFile.Access = .secret, maximum: Int = 100) -> String?
    {
        do throws(FileFault) {
            _ = try SecretFile.read(path, access, maximumBytes: maximum)
            return nil
        } catch {
            return error.problem
        }
    }

    @Test("the content comes back whole, up to the bound")
    func content() throws {
        let scratch = try Scratch()
        let file = try scratch.write("secret", String(repeating: "s", count: 100))
        let content = try SecretFile.read(file, .secret, maximumBytes: 100)
        #expect(content.copy == [UInt8](repeating: UInt8(ascii: "s"), count: 100) && content.isPrivate)
        #expect(problem(file, maximum: 99) == "is larger than 99")
        #expect(try SecretFile.read(try scratch.write("empty", ""), .secret, maximumBytes: 1).count == 0)
    }

    @Test("a link is followed and its target judged, as certbot's directory needs it")
    func links() throws {
        let scratch = try Scratch()
        let good = try scratch.write("good", "secret")
        let open = try scratch.write("open", "secret", mode: 0o644)
        try scratch.link("to-good", to: good)
        try scratch.link("to-open", to: open)
        try scratch.link("dangling", to: "\(scratch.path)/nothing")
        try scratch.link("loop", to: "\(scratch.path)/loop")
        #expect(problem("\(scratch.path)/to-good") == nil)
        #expect(problem("\(scratch.path)/to-open") == "may be read by others (mode 0644); chmod 600")
        #expect(problem("\(scratch.path)/to-open", .readableByAll) == nil)
        #expect(problem("\(scratch.path)/dangling") == "does not exist")
        #expect(problem("\(scratch.path)/loop") == "is a symbolic link that leads nowhere")
    }

    @Test("what is no regular file is refused without waiting for it")
    func otherKinds() throws {
        let scratch = try Scratch()
        let fifo = try scratch.fifo("fifo")
        #expect(problem(fifo) == "is not a regular file")
        #expect(problem(scratch.path) == "is not a regular file")
        #expect(problem("/dev/null") == "is not a regular file")
        #expect(problem("\(scratch.path)/fifo/below") == "lies in something that is not a directory")
    }

    @Test("a certificate may be read by all and written by its owner only")
    func certificates() throws {
        let scratch = try Scratch()
        #expect(problem(try scratch.write("a", "c", mode: 0o644), .readableByAll) == nil)
        #expect(
            problem(try scratch.write("b", "c", mode: 0o666), .readableByAll)
                == "may be written by others (mode 0666); chmod go-w")
    }
}
