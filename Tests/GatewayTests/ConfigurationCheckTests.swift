import TestSupport
import Testing

@testable import Gateway

@Suite("Check")
struct ConfigurationCheckTests {
    /// A sound configuration in a directory of its own.
    private func sound(_ scratch: Scratch) throws -> Configuration {
        var configuration = Configuration()
        configuration.tls.certificateFiles = [try scratch.write("chain.pem", "certificate", mode: 0o644)]
        configuration.tls.keyFiles = [try scratch.write("key.pem", "private")]
        configuration.keys.file = try scratch.write("keys", "alice:0123456789hush-hush-1\n")
        configuration.cli.path = "/usr/bin/claude"
        configuration.cli.environmentFile = try scratch.write("cli.env", "CLAUDE_CODE_OAUTH_TOKEN=hush\n")
        configuration.stateDirectory = "\(scratch.path)/state"
        return configuration
    }

    private func check(_ configuration: Configuration, problem: String? = nil) -> Check {
        Check(configuration) { _, chain, key in
            chain.count > 0 && key.count > 0 ? problem : "empty"
        }
    }

    @Test("a sound configuration has no faults, says which login is in use, and tells no secret")
    func passes() throws {
        let scratch = try Scratch()
        let check = check(try sound(scratch))
        #expect(check.faults == [])
        #expect(check.notes.contains("its login is an OAuth token (CLAUDE_CODE_OAUTH_TOKEN)"))
        #expect(check.notes.contains("1 API keys: alice"))
        #expect(check.notes.contains("processes started in advance for each loop: 1"))
        #expect(!check.notes.joined().contains("hush"))
        #expect(scratch.mode(of: "state") == 0o700)
    }

    @Test("every fault of every file is told at once")
    func faults() throws {
        let scratch = try Scratch()
        var configuration = try sound(scratch)
        configuration.tls.certificateFiles = ["\(scratch.path)/none.pem"]
        configuration.keys.file = try scratch.write("keys", "alice:short\n")
        configuration.cli.environmentFile = try scratch.write("cli.env", "A=1\n", mode: 0o644)
        configuration.stateDirectory = "\(scratch.path)/keys"
        #expect(
            check(configuration).faults.map(\.description) == [
                "\(scratch.path)/keys:1: key alice is shorter than 20 characters; "
                    + "'portcullis new-key NAME' makes a strong one",
                "TLS_CERTIFICATE: \(scratch.path)/none.pem: does not exist",
                "CLI_ENV_FILE: \(scratch.path)/cli.env: may be read by others (mode 0644); chmod 600",
                "STATE_DIR: \(scratch.path)/keys is no directory and cannot be made",
            ])
    }

    @Test("what the TLS library says of a certificate is a fault")
    func certificate() throws {
        let scratch = try Scratch()
        let faults = check(try sound(scratch), problem: "the key is another one's").faults
        #expect(faults == [ConfigurationFault("TLS_CERTIFICATE", "the key is another one's")])
    }

    @Test("weak keys that are taken are pointed out")
    func notes() throws {
        let scratch = try Scratch()
        var configuration = try sound(scratch)
        configuration.keys.file = try scratch.write("keys", "alice:k-good\n")
        configuration.keys.allowsWeakKeys = true
        let check = check(configuration)
        #expect(check.faults == [])
        #expect(check.warnings.contains { $0.hasPrefix("key alice is shorter than 20 characters") })
    }

    @Test("an alias that leads nowhere is a fault, unless the CLI asks somebody with models of his own")
    func aliases() throws {
        let scratch = try Scratch()
        var configuration = try sound(scratch)
        configuration.models.aliases = [ModelAlias(name: "gpt", target: "sonett")]
        #expect(
            check(configuration).faults.map(\.description) == [
                "MODEL_ALIASES: 'gpt' leads to 'sonett', which is no model; did you mean sonnet?"
            ])
        let lines = "CLAUDE_CODE_OAUTH_TOKEN=hush\nANTHROPIC_BASE_URL=http://127.0.0.1:1\n"
        configuration.cli.environmentFile = try scratch.write("cli.env", lines)
        #expect(check(configuration).faults == [])
    }
}

@Suite("The CLI's environment file")
struct CLIEnvironmentFileTests {
    private func faults(_ text: String) -> [String] {
        do throws(ConfigurationFaults) {
            _ = try CLIEnvironmentFile.parse(Array(text.utf8), path: "env")
            return []
        } catch {
            return error.faults.map(\.description)
        }
    }

    @Test("names and values are read past comments, blanks and quotes")
    func parsed() throws {
        let text = "# login\nexport ANTHROPIC_API_KEY=\"a=b c\"\n\n HTTPS_PROXY = http://proxy:3128 \r\n"
        let variables = try CLIEnvironmentFile.parse(Array(text.utf8), path: "env")
        #expect(
            variables.map { "\($0.name)|\($0.value)" } == [
                "ANTHROPIC_API_KEY|a=b c", "HTTPS_PROXY|http://proxy:3128",
            ])
    }

    @Test(
        "what would break the isolation of a child is refused, without its value",
        arguments: [
            ("LD_PRELOAD=hush", "env:1: LD_PRELOAD: would run other code inside the CLI"),
            ("BUN_OPTIONS=hush", "env:1: BUN_OPTIONS: would run other code inside the CLI"),
            ("NODE_OPTIONS=hush", "env:1: NODE_OPTIONS: would run other code inside the CLI"),
            (
                "CLAUDE_CODE_EXTRA_BODY=hush",
                "env:1: CLAUDE_CODE_EXTRA_BODY: would change what the CLI says of itself"
            ),
            ("HOME=hush", "env:1: HOME: each child gets a private one"),
            (
                "CLAUDE_CONFIG_DIR=hush",
                "env:1: CLAUDE_CONFIG_DIR: is a setting of its own: --claude-config-dir"
            ),
            ("LISTEN_FDS=3", "env:1: LISTEN_FDS: belongs to the gateway's own service"),
            (
                "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR=3",
                "env:1: CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR: children inherit no descriptors"
            ),
            ("sk-ant-hush", "env:1: is not NAME=value"),
            ("sk-ant-hush=", "env:1: is not NAME=value"),
            ("export sk-ant-hush", "env:1: is not NAME=value"),
            ("exportA=1\nexport LD_PRELOAD=hush", "env:2: LD_PRELOAD: would run other code inside the CLI"),
            ("A=1\nexport A=2", "env:2: A is given twice"),
            ("A=1\nA=2", "env:2: A is given twice"),
            ("ANTHROPIC_API_KEY=", "env:1: ANTHROPIC_API_KEY is empty"),
            ("A=hush\u{1}", "env:1: A holds a control character"),
        ])
    func refused(text: String, fault: String) {
        #expect(faults(text) == [fault])
    }

    @Test(
        "the login is the one that the CLI takes",
        arguments: [
            (["ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"], .apiKey),
            (["CLAUDE_CODE_OAUTH_TOKEN"], .oauthToken),
            (["CLAUDE_CODE_OAUTH_REFRESH_TOKEN"], .oauthToken), (["ANTHROPIC_AUTH_TOKEN"], .authToken),
            (["CLAUDE_CODE_USE_BEDROCK"], .cloud(variable: "CLAUDE_CODE_USE_BEDROCK")),
            (["ANTHROPIC_BASE_URL"], .directory("/home/operator/.claude")),
            ([], .directory("/home/operator/.claude")),
        ] as [([String], CLIEnvironment.Login)])
    func login(names: [String], login: CLIEnvironment.Login) {
        let environment = CLIEnvironment(
            variables: names.map { ($0, "1") }, configDirectory: "/home/operator/.claude")
        #expect(environment.login == login)
    }

    @Test(
        "a name like that of a login or of the CLI's own is told the one that was meant",
        arguments: [
            ("ANTHROPIC_APIKEY", "ANTHROPIC_API_KEY"), ("ANTHROPIC_API_KEYS", "ANTHROPIC_API_KEY"),
            ("anthropic_api_key", "ANTHROPIC_API_KEY"), ("ANTHROPIC_BASEURL", "ANTHROPIC_BASE_URL"),
            ("ANTRHOPIC_AUTH_TOKEN", "ANTHROPIC_AUTH_TOKEN"), ("CLAUDE_API_KEY", "ANTHROPIC_API_KEY"),
            ("CLAUDE_OAUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"), ("CLAUDE_CODE_OATH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
            ("CLAUDE_CODE_USE_BEDROK", "CLAUDE_CODE_USE_BEDROCK"), ("HTTP_PROXIES", nil),
            ("HTTPS_PROXYS", "HTTPS_PROXY"),
            ("https_proxy", nil), ("ANTHROPIC_API_KEY", nil), ("AWS_REGION", nil), ("MY_OWN", nil), ("DEBUG", nil),
            ("CLAUDE_CODE_EFFORT_LEVEL", nil), ("ANTHROPIC_PROFILE", nil), ("CLAUDE_CODE_SESSIONS_OAUTH_TOKEN", nil),
        ] as [(String, String?)])
    func misspelt(name: String, meant: String?) {
        let told = CLIEnvironmentWarnings.of([(name, "hush")], path: "env")
        #expect(told == (meant.map { ["env: \(name) is no variable of the CLI; did you mean \($0)?"] } ?? []))
    }
}
