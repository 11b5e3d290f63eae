import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("What the CLI says of its login")
struct LoginStatusTests {
    private func status(_ json: String) -> LoginStatus? { LoginStatus(parsing: Array(json.utf8)) }

    @Test("answers of 2.1.332 are read")
    func answers() {
        let none = """
            {
              "loggedIn": false,
              "authMethod": "none",
              "apiProvider": "firstParty",
              "analyticsDisabled": false,
              "projectsDirectory": "/var/lib/portcullis/claude/projects",
              "configDirectory": "/var/lib/portcullis/claude",
              "loginExpiresAt": null,
              "consoleProfileSignInOffered": true
            }

            """
        #expect(status(none) == LoginStatus(isLoggedIn: false))
        let subscription = """
            {"loggedIn":true,"authMethod":"claude.ai","apiProvider":"firstParty","loginExpiresAt":"2026-11-29T05:47:22.989Z",
             "email":null,"orgId":null,"orgName":null,"subscriptionType":"max","storedClaudeAiLogin":true}
            """
        #expect(
            status(subscription) == LoginStatus(isLoggedIn: true, expiresAt: 1_795_931_242, isRenewed: true))
        #expect(
            status(#"{"loggedIn":true,"authMethod":"third_party","apiProvider":"bedrock","loginExpiresAt":null}"#)
                == LoginStatus(isLoggedIn: true))
    }

    @Test(
        "what is no answer says nothing",
        arguments: [
            "", "Not logged in. Run claude auth login to authenticate.", "error: unknown command 'auth'", "[]", "{}",
            #"{"loggedIn":"no"}"#, #"{"loggedIn":null}"#, #"{"loggedIn":false"#,
        ])
    func nothing(text: String) {
        #expect(status(text) == nil)
    }

    @Test("an end that cannot be read is none", arguments: ["", "soon", "2026-11-29", "2026-13-29T05:47:22.989Z", "1795"])
    func unreadableEnd(text: String) {
        #expect(status("{\"loggedIn\":true,\"loginExpiresAt\":\"\(text)\"}") == LoginStatus(isLoggedIn: true))
    }

    @Test(
        "times are counted from 1970",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2000-02-29T12:00:00Z", 951_825_600), ("2026-11-28T00:00:00.000Z", 1_795_824_000),
            ("2028-03-01T00:00:01Z", 1_835_481_601), ("2100-03-01T00:00:00Z", 4_107_542_400),
        ])
    func times(text: String, seconds: Int) {
        #expect(Timestamp.seconds(rfc3339: text) == seconds)
    }

    @Test(
        "only a CLI that has the command is asked",
        arguments: [
            ("2.1.332", true), ("2.1.41", true), ("2.2.0", true), ("3.0.0", true), ("2.1.41-beta", true), ("2.1.40", false),
            ("2.0.99", false), ("1.9.99", false), ("0.0.0", false), ("2.1", false), ("", false), ("2.x.y", false),
        ])
    func versions(version: String, isTold: Bool) {
        #expect(LoginStatus.isTold(by: version) == isTold)
    }

    @Test("every way to the network is closed while it is asked, the operator's proxies included")
    func network() {
        let profile = LaunchProfile(
            path: "/usr/bin/claude",
            operatorEnvironment: [
                "HTTPS_PROXY=http://proxy:3128", "NO_PROXY=*", "ANTHROPIC_BASE_URL=https://upstream", "AWS_REGION=x",
            ], loginDirectory: "/var/lib/portcullis/claude")
        let environment = LoginStatus.environment(of: profile)
        for name in ["HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "ANTHROPIC_BASE_URL"] {
            #expect(environment.filter { $0.hasPrefix(name + "=") } == [name + "=http://127.0.0.1:1"])
        }
        #expect(environment.filter { $0.hasPrefix("NO_PROXY=") } == ["NO_PROXY="])
        #expect(environment.contains("CLAUDE_CONFIG_DIR=/var/lib/portcullis/claude"))
        #expect(environment.contains("AWS_REGION=x"))
    }

    private func ask(_ script: String, milliseconds: Int = 20_000) async throws -> LoginStatus? {
        var limits = CLILimits()
        limits.versionMilliseconds = milliseconds
        let profile = try Harness.supply(script: script).profile
        let bounds = limits
        return try await Harness.onLoop { loop in await LoginStatus.of(profile, limits: bounds, on: loop) }
    }

    @Test("it is asked with the settings of turns, and its exit status does not matter")
    func asked() async throws {
        let script = """
            [ "$*" = "--setting-sources  auth status --json" ] && echo '{"loggedIn":false,"loginExpiresAt":null}'
            exit 1
            """
        #expect(try await ask(script) == LoginStatus(isLoggedIn: false))
    }

    @Test("one that answers otherwise or not at all is not waited for", arguments: ["echo boom", "exit 1", "exec sleep 600"])
    func silent(script: String) async throws {
        #expect(try await ask(script, milliseconds: 300) == nil)
    }
}
