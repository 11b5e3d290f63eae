import Testing

@testable import Gateway

@Suite("Allowed hosts")
struct HostPolicyTests {
    private func policy(_ entries: String...) throws -> HostPolicy {
        HostPolicy(allowed: try entries.map { text throws(ValueProblem) in try HostPolicy.entry(text) })
    }

    @Test("without a list every host will do, and none")
    func everything() {
        #expect(HostPolicy().allows(Array("evil.test".utf8)[...]))
        #expect(HostPolicy().allows(nil))
    }

    @Test(
        "a name is compared without its port, its case and the root's dot",
        arguments: [
            ("api.example.com", true), ("API.Example.COM:8443", true), ("api.example.com.", true), ("example.com", false),
            ("api.example.com.evil.test", false), ("evil-api.example.com", false), ("", false), (":443", false),
            ("a.wild.test", true), ("b.a.wild.test:1", true), ("wild.test", false), (".wild.test", false),
            ("127.0.0.1:8443", true), ("[::1]:8443", true), ("[::1]", true), ("[::2]", false),
        ])
    func names(authority: String, isAllowed: Bool) throws {
        let policy = try policy("Api.Example.com", "*.wild.test", "127.0.0.1", "::1")
        #expect(policy.allows(Array(authority.utf8)[...]) == isAllowed)
        #expect(!policy.allows(nil))
    }

    @Test("what is no host is refused", arguments: ["", "a b", "https://a", "a/b", "a:443", "[::1]:443", "*", "*.", ".a", "a.", "*.[::1]", "[]"])
    func malformed(text: String) {
        #expect(throws: ValueProblem.self) { try HostPolicy.entry(text) }
    }
}
