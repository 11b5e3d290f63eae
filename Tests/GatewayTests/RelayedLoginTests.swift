import Relay
import TestSupport
import Testing

@testable import Gateway

@Suite("Logins whose credential stays in the gateway")
struct RelayedLoginTests {
    @Test(
        "the vendor's address is read whole or not at all",
        arguments: [
            ("https://api.anthropic.com", "true api.anthropic.com 443 "), ("http://127.0.0.1:8080/", "false 127.0.0.1 8080 "),
            ("HTTPS://Gate.Example:8443/team/a//", "true gate.example 8443 /team/a"), ("http://[::1]:81/x", "false ::1 81 /x"),
            ("http://[::1]", "false ::1 80 "),
        ])
    func addresses(text: String, expected: String) {
        let found = UpstreamAddress(text)
        #expect(found.map { "\($0.isEncrypted) \($0.host) \($0.port) \($0.prefix)" } == expected)
    }

    @Test(
        "what is no such address is refused",
        arguments: [
            "", "api.anthropic.com", "ftp://x", "https://", "https://:443", "https://u:p@x", "https://x:0", "https://x:65536",
            "https://x:+1", "https://x:", "https://x?y", "https://x/#y", "https://[x]", "https://[::1", "https://[::1]x",
            "https://x y", "https://x/\u{e4}", "https://x/\"",
        ])
    func faults(text: String) { #expect(UpstreamAddress(text) == nil) }

    private func login(_ variables: [(name: String, value: String)]) throws(ConfigurationFaults) -> RelayedLogin {
        try RelayedLogin(CLIEnvironment(variables: variables, configDirectory: "/home/o/.claude"), of: "work")
    }

    @Test("each credential that children would show has its own field")
    func credentials() throws {
        let login = try login([("ANTHROPIC_API_KEY", "k"), ("ANTHROPIC_AUTH_TOKEN", "t"), ("ANTHROPIC_BASE_URL", "http://h:1/p")])
        #expect(login.credentials == ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"])
        #expect(login.route.host == "h" && login.route.port == 1 && login.route.tls == nil)
        #expect(login.route.prefix == Array("/p".utf8))
        let usual = try self.login([("ANTHROPIC_API_KEY", "k"), ("NO_PROXY", "x")])
        #expect(usual.route.host == "api.anthropic.com" && usual.route.port == 443 && usual.route.tls != nil)
    }

    @Test(
        "a login that cannot be relayed is refused in one line without a value",
        arguments: [
            ([], "OAuth"), ([("CLAUDE_CODE_OAUTH_TOKEN", "hush")], "OAuth"),
            ([("CLAUDE_CODE_USE_VERTEX", "1"), ("ANTHROPIC_API_KEY", "hush")], "CLAUDE_CODE_USE_VERTEX"),
            ([("ANTHROPIC_API_KEY", "hush"), ("https_proxy", "hush")], "https_proxy"),
            ([("ANTHROPIC_API_KEY", "hush"), ("CLAUDE_CODE_CLIENT_CERT", "hush")], "CLAUDE_CODE_CLIENT_CERT"),
            ([("ANTHROPIC_API_KEY", "hush"), ("NODE_TLS_REJECT_UNAUTHORIZED", "0")], "NODE_TLS_REJECT_UNAUTHORIZED"),
            ([("ANTHROPIC_API_KEY", "hush"), ("SSL_CERT_DIR", "/hush")], "SSL_CERT_DIR"),
            ([("ANTHROPIC_API_KEY", "hush"), ("ANTHROPIC_CUSTOM_HEADERS", "X-API-Key: hush")], "x-api-key"),
            ([("ANTHROPIC_API_KEY", "hush"), ("ANTHROPIC_BASE_URL", "hush")], "ANTHROPIC_BASE_URL"),
        ] as [([(name: String, value: String)], String)])
    func refusals(variables: [(name: String, value: String)], word: String) {
        do throws(ConfigurationFaults) {
            _ = try login(variables)
            Issue.record("taken")
        } catch {
            let text = error.faults.map(\.description).joined(separator: "\n")
            #expect(error.faults.count == 1 && text.hasPrefix("CREDENTIAL_RELAY: account work: "))
            #expect(text.contains(word) && !text.contains("hush") && !text.contains("\n"))
        }
    }

    @Test("authorities of the operator's are read, and a file that holds none is a fault")
    func authorities() throws {
        let scratch = try Scratch()
        let good = try scratch.write("ca.pem", try DevelopmentCertificate.pem.get().chain, mode: 0o644)
        let bad = try scratch.write("bad.pem", "none", mode: 0o644)
        for name in ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"] {
            #expect(try login([("ANTHROPIC_API_KEY", "k"), (name, good)]).route.tls != nil)
            #expect(throws: ConfigurationFaults.self) { try login([("ANTHROPIC_API_KEY", "k"), (name, bad)]) }
        }
    }
}
