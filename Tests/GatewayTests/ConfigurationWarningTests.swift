import Platform
import Testing

@testable import Gateway

@Suite("Warnings of the configuration")
struct ConfigurationWarningTests {
    @Test("a prefixed variable is its setting and wins over the bare one; a flag wins over both")
    func prefixed() throws {
        let environment = ["PORTCULLIS_MAX_TURNS": "3", "MAX_TURNS": "4", "PORTCULLIS_PROXY_API_KEY": "one"]
        let configuration = try load(environment: environment.merging(["PROXY_API_KEYS": "two"]) { $1 })
        #expect(configuration.turns.maxRunning == 3)
        #expect(configuration.keys.inline.map(\.secret) == ["one"])
        #expect(configuration.warnings == [])
        #expect(try load(["--max-turns", "5"], environment: environment).turns.maxRunning == 5)
    }

    @Test("trusting everybody's word is warned of, and read as it is written")
    func trustedProxies() throws {
        let some = try load(["--trusted-proxies", "10.0.0.1,unix", "--trusted-proxies", "fd00::/8", "--proxy-protocol", "V2"])
        #expect(some.proxies.trusted.map(\.description) == ["10.0.0.1", "unix", "fd00::/8"] && some.proxies.header == .v2)
        #expect(some.warnings == [])
        let all = try load(environment: ["TRUSTED_PROXIES": "0.0.0.0/0"])
        #expect(
            all.warnings == [
                "TRUSTED_PROXIES (environment): 0.0.0.0/0 is everybody, so that every client may name any address as its own"
            ])
    }

    @Test("the file can be named by PORTCULLIS_CONFIG alone")
    func configurationFile() throws {
        let configuration = try load(environment: ["PORTCULLIS_CONFIG": "/c"], file: "MAX_TURNS=6\n")
        #expect(configuration.turns.maxRunning == 6 && configuration.warnings == [])
        let unused = try load(environment: ["PORTCULLIS_PORTCULLIS_CONFIG": "/c", "CONFIG": "/c"])
        #expect(unused.warnings.count == 1)
    }

    @Test(
        "a variable that is like a setting but none is told the name that was meant",
        arguments: [
            ("MAX_TURN", "MAX_TURN (environment): is no setting; did you mean MAX_TURNS?"),
            ("max_turns", "max_turns (environment): is no setting; did you mean MAX_TURNS?"),
            ("API_KEY_FILE", "API_KEY_FILE (environment): is no setting; did you mean API_KEYS_FILE?"),
            ("CLUADE_PATH", "CLUADE_PATH (environment): is no setting; did you mean CLAUDE_PATH?"),
            ("PROXY_API_KYE", "PROXY_API_KYE (environment): is no setting; did you mean PROXY_API_KEY?"),
            (
                "PORTCULLIS_MAX_TURN",
                "PORTCULLIS_MAX_TURN (environment): is no setting; did you mean PORTCULLIS_MAX_TURNS?"
            ),
            ("PORTCULLIS_PROT", "PORTCULLIS_PROT (environment): is no setting; did you mean PORTCULLIS_PORT?"),
            ("PORTCULLIS_CONFG", "PORTCULLIS_CONFG (environment): is no setting; did you mean PORTCULLIS_CONFIG?"),
            ("PORTCULLIS_COLOUR", "PORTCULLIS_COLOUR (environment): is no setting; see portcullis help"),
            ("PORTCULLIS_\u{1B}[2J", "'PORTCULLIS_?[2J' (environment): is no setting; see portcullis help"),
        ])
    func misspelt(name: String, warning: String) throws {
        #expect(try load(environment: [name: "hush"]).warnings == [warning])
    }

    @Test(
        "variables of others are let alone",
        arguments: [
            "PROT", "HOSTS", "POST", "LOOP", "LOGLEVEL", "SSL_KEY", "TLS_KEYS", "SSL_CERTIFICATE", "HOSTNAME",
            "XDG_STATE_HOME", "CLAUDE_CODE_ENTRYPOINT", "CLAUDECODE", "ANTHROPIC_API_KEY", "NODE_PATH",
            "STATE_DIRECTORY",
            "SYSTEMD_LOG_LEVEL", "RUST_LOG", "REQUEST_TIMEOUT", "MAX_BODY", "LISTEN_FDS", "LISTEN_PID", "PWD",
        ])
    func strangers(name: String) throws {
        #expect(try load(environment: [name: "1"]).warnings == [])
    }

    @Test("a misspelt variable is told beside the fault that it leads to")
    func besideFaults() throws {
        let environment = ["TLS_CERTIFICATE": "", "TLS_CERTIFCATE": "/tls/chain.pem"]
        let caught = try #require(throws: ConfigurationFaults.self) { try load(environment: environment) }
        #expect(caught.faults.map(\.place) == ["TLS_CERTIFICATE"])
        let last = caught.description.split(separator: "\n").last
        #expect(last == "warning: TLS_CERTIFCATE (environment): is no setting; did you mean TLS_CERTIFICATE?")
    }

    @Test("many of them are told in few lines")
    func bounded() throws {
        var environment: [String: String] = [:]
        for number in 0..<1000 { environment["PORTCULLIS_NUMBER_\(number)"] = "1" }
        let warnings = try load(environment: environment).warnings
        #expect(warnings.count == 21 && warnings.last == "980 more variables are like settings but none")
    }

    @Test(
        "what others mean by HOST, PORT and LOG_LEVEL is passed over with a warning",
        arguments: [
            ("HOST", "x86_64-conda-linux-gnu", "'x86_64-conda-linux-gnu' is not an IPv4 or IPv6 address or localhost"),
            // A shell's own; looked up it would be an address that others reach.
            ("HOST", "gate.example", "'gate.example' is not an IPv4 or IPv6 address or localhost"),
            ("PORT", "tcp://10.0.0.1:80", "'tcp://10.0.0.1:80' is not a port from 0 to 65535"),
            ("LOG_LEVEL", "loud", "'loud' is none of error, warning, info, debug"),
        ])
    func foreign(name: String, value: String, problem: String) throws {
        let advice = "passed over, since other programs use this name; ours is PORTCULLIS_\(name)"
        let configuration = try load(environment: [name: value])
        #expect(configuration.warnings == ["\(name) (environment): \(problem); \(advice)"])
        #expect(configuration.listeners == Configuration().listeners && configuration.logging.level == .info)
        // The same is a fault where it can be meant for nobody else.
        if !value.contains("example"), !value.contains("://") {
            #expect(faults(environment: ["PORTCULLIS_\(name)": value]).count == 1)
            #expect(faults([Setting.flag(for: name), value]).count == 1)
            #expect(faults(["--config", "/c"], file: "\(name)=\(value)").count == 1)
        }
    }

    @Test("a file's value stands where the environment's is passed over")
    func fileBehindForeign() throws {
        let file = "HOST=127.0.0.9\nLOG_LEVEL=debug\n"
        let configuration = try load(
            ["--config", "/c"], environment: ["HOST": "box-1", "LOG_LEVEL": "loud"], file: file)
        #expect(configuration.listeners.map(\.description) == ["127.0.0.9:8443"])
        #expect(configuration.logging.level == .debug && configuration.warnings.count == 2)
    }

    @Test("a bare PORT beside LISTEN is passed over, and both prefixed are a fault")
    func portBesideListen() throws {
        let configuration = try load(environment: ["LISTEN": "127.0.0.1:5", "PORT": "3000"])
        #expect(configuration.listeners.map(\.description) == ["127.0.0.1:5"])
        #expect(configuration.warnings.count == 1 && configuration.warnings[0].contains("PORTCULLIS_PORT"))
        #expect(
            faults(environment: ["PORTCULLIS_LISTEN": "127.0.0.1:5", "PORTCULLIS_PORT": "3000"]) == [
                "PORTCULLIS_PORT (environment): says again what LISTEN says; give only one"
            ])
    }

    @Test("what Kubernetes tells of a service named portcullis does not stop the start")
    func kubernetes() throws {
        let configuration = try load(environment: [
            "PORTCULLIS_PORT": "tcp://10.0.0.1:8443", "PORTCULLIS_SERVICE_HOST": "10.0.0.1",
        ])
        #expect(configuration.listeners == Configuration().listeners)
        #expect(configuration.warnings.count == 1)
    }
}

@Suite("Suggestions")
struct SuggestionTests {
    @Test(
        "the distance counts letters left out, added, replaced and swapped",
        arguments: [
            ("same", "same", 0), ("same", "sam", 1), ("same", "sames", 1), ("same", "sane", 1), ("same", "smae", 1),
            ("same", "mesa", nil), ("", "ab", 2), ("abcdef", "badcfe", nil),
        ] as [(String, String, Int?)])
    func distance(left: String, right: String, distance: Int?) {
        #expect(Suggestion.distance(Array(left.utf8), Array(right.utf8), atMost: 2) == distance)
        #expect(Suggestion.distance(Array(right.utf8), Array(left.utf8), atMost: 2) == distance)
    }

    @Test("the nearest is taken, and the first of equals")
    func nearest() {
        #expect(Suggestion.nearest(to: "abcdefgh", among: ["abcdefxx", "abcdefgx", "abcdefgy"]) == "abcdefgx")
        #expect(Suggestion.nearest(to: "", among: ["a"]) == nil)
        #expect(Suggestion.nearest(to: String(repeating: "a", count: 65), among: ["a"]) == nil)
    }
}
