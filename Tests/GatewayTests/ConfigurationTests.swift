import Platform
import Testing

@testable import Gateway

@Suite("Configuration")
struct ConfigurationTests {
    @Test("what nobody sets has the default that the hardening guide proposes")
    func defaults() throws {
        let configuration = try load()
        #expect(configuration.listeners == [.tcp(host: "127.0.0.1", port: 8443)])
        #expect(configuration.limits.maxBodyBytes == 33_554_432)
        #expect(configuration.limits.tlsHandshakeSeconds == 10)
        #expect(configuration.limits.http2MaxStreams == 32)
        #expect(configuration.cli.requestTimeoutMilliseconds == 300_000)
        #expect(configuration.cli.maxRetries == 2)
        #expect(configuration.tls.minimumVersion == .tls12)
        #expect(configuration.keys.isRequired && !configuration.isPlaintext)
        #expect(configuration.cors == .everybody)
    }

    @Test("a flag wins over the environment, the environment over the file, the file over the default")
    func precedence() throws {
        let file = "MAX_TURNS=3\nMAX_HEADERS=33\nMAX_JSON_DEPTH=30\nCLAUDE_CODE_MAX_RETRIES=1\n"
        let configuration = try load(
            ["--config", "gate.conf", "--max-turns", "5"],
            environment: ["MAX_TURNS": "4", "MAX_HEADERS": "44", "MAX_JSON_DEPTH": ""], file: file)
        #expect(configuration.turns.maxRunning == 5)
        #expect(configuration.limits.maxHeaders == 44)
        #expect(configuration.limits.maxJSONDepth == 30)
        #expect(configuration.cli.maxRetries == 1)
        #expect(configuration.limits.maxConnections == 4096)
    }

    @Test("a flag takes its value as the next argument or after an equals sign, and its last value counts")
    func flagForms() throws {
        let configuration = try load(["--max-turns", "7", "--max-headers=50", "--max-headers=60"])
        #expect(configuration.turns.maxRunning == 7)
        #expect(configuration.limits.maxHeaders == 60)
    }

    @Test("a bare switch is true, and takes another value as the next word or after an equals sign")
    func switches() throws {
        #expect(try load(["--enable-thinking"]).models.enablesThinking)
        #expect(try load(["--enable-thinking", "--max-turns", "3"]).models.enablesThinking)
        for value in [["--enable-thinking=no"], ["--enable-thinking", "false"], ["--enable-thinking", "Off"]] {
            #expect(try !load(value, environment: ["ENABLE_THINKING": "1"]).models.enablesThinking)
        }
        let plain = try load(["--plaintext", "true", "--require-auth", "false", "--max-turns", "3"])
        #expect(plain.isPlaintext && !plain.keys.isRequired && plain.turns.maxRunning == 3)
    }

    @Test("several addresses and certificates keep their order")
    func lists() throws {
        let configuration = try load(
            ["--listen", "127.0.0.1:1", "--listen=[::1]:2", "--listen", "unix:/run/gate.sock"],
            environment: ["TLS_CERTIFICATE": "/a.pem, /b.pem", "TLS_KEY": "/a.key,/b.key"])
        #expect(
            configuration.listeners == [
                .tcp(host: "127.0.0.1", port: 1), .tcp(host: "::1", port: 2), .unix(path: "/run/gate.sock"),
            ])
        #expect(
            configuration.tls.certificates == [
                CertificatePair(certificateFile: "/a.pem", keyFile: "/a.key"),
                CertificatePair(certificateFile: "/b.pem", keyFile: "/b.key"),
            ])
    }

    @Test("a file repeats a list by repeating its line; comments, blanks, quotes and CRLF are understood")
    func fileForms() throws {
        let file = """
            # two listeners\r
            LISTEN=127.0.0.1:1\r
            LISTEN = "127.0.0.1:2"

              DEFAULT_MODEL='opus'
            export MAX_BODY_BYTES=64KiB
            PORTCULLIS_MAX_TURNS=7
            """
        let configuration = try load(["--config=/etc/gate.conf"], file: file)
        #expect(configuration.listeners.map(\.description) == ["127.0.0.1:1", "127.0.0.1:2"])
        #expect(configuration.models.defaultModel == "opus")
        #expect(configuration.limits.maxBodyBytes == 65_536 && configuration.turns.maxRunning == 7)
    }

    @Test(
        "HOST and PORT stand for one address",
        arguments: [
            (["HOST": "0.0.0.0"], "0.0.0.0:8443"), (["PORT": "9000"], "127.0.0.1:9000"),
            (["HOST": "::", "PORT": "1"], "[::]:1"), (["HOST": "localhost", "PORT": "0"], "127.0.0.1:0"),
        ])
    func hostAndPort(environment: [String: String], address: String) throws {
        let strong = ["PROXY_API_KEY": "0123456789abcdefghijk"]
        let configuration = try load(environment: environment.merging(strong) { $1 })
        #expect(configuration.listeners.map(\.description) == [address])
    }

    @Test("LISTEN on the command line wins over PORT in the environment")
    func listenWinsOverPort() throws {
        let configuration = try load(["--listen", "127.0.0.1:5"], environment: ["PORT": "9000"])
        #expect(configuration.listeners.map(\.description) == ["127.0.0.1:5"])
    }

    @Test(
        "LISTEN, HOST and PORT of a higher source win, whatever a lower one says in any of them",
        arguments: [
            (["--port", "9443"], ["LISTEN": "127.0.0.1:1"], "", "127.0.0.1:9443"),
            (["--port", "9443"], ["LISTEN": "nonsense"], "", "127.0.0.1:9443"),
            (["--listen", "127.0.0.1:5"], ["HOST": "x y", "PORTCULLIS_PORT": "nonsense"], "", "127.0.0.1:5"),
            ([], ["PORTCULLIS_PORT": "9"], "LISTEN=nonsense", "127.0.0.1:9"),
            ([], ["PORTCULLIS_LISTEN": "127.0.0.1:9", "PORT": "8"], "PORT=nonsense", "127.0.0.1:9"),
            (["--host", "::1"], ["PORT": "9"], "LISTEN=127.0.0.1:7", "[::1]:9"),
        ])
    func highestSource(arguments: [String], environment: [String: String], file: String, address: String) throws {
        let configuration = try load(arguments + ["--config", "/c"], environment: environment, file: file)
        #expect(configuration.listeners.map(\.description) == [address])
        #expect(configuration.warnings == [])
    }

    @Test("a bad value of any setting does not count where a higher source has given a good one")
    func badLoser() throws {
        let file = "MAX_TURNS=many\nLOG_LEVEL=loud\n"
        let configuration = try load(
            ["--config", "/c", "--max-turns", "5"],
            environment: ["MAX_TURNS": "\u{1}", "LOG_LEVEL": "loud", "PORTCULLIS_LOG_LEVEL": "debug"], file: file)
        #expect(configuration.turns.maxRunning == 5 && configuration.logging.level == .debug)
        #expect(configuration.warnings == [])
    }

    @Test("a name to listen on stands for all its addresses, in an order of their own")
    func hostNames() throws {
        let listeners = try load(["--listen", "Gate.example:443,home:1"]).listeners
        #expect(listeners.map(\.description) == ["192.0.2.7:443", "[2001:db8::7]:443", "127.0.1.1:1"])
        #expect(try load(["--plaintext", "--host", "home"]).listeners.map(\.description) == ["127.0.1.1:8443"])
    }

    @Test("keys from both spellings of the environment are taken, and printing them shows no secret")
    func inlineKeys() throws {
        let configuration = try load(environment: [
            "PROXY_API_KEYS": "k-good, k-other", "PROXY_API_KEY": "third",
        ])
        #expect(configuration.keys.inline.map(\.name) == ["env-1", "env-2", "env-3"])
        #expect(configuration.keys.allowsWeakKeys)
        var shown = ""
        dump(configuration, to: &shown)
        #expect(shown.contains("env-2") && !shown.contains("k-good"))
        #expect(!"\(configuration)".contains("k-good"))
    }

    @Test("turns follow cores and memory", arguments: [(2, 24, 32), (64, 4, 15), (1, 0, 1), (4, 64, 64)])
    func turns(cores: Int, gibibytes: Int, expected: Int) throws {
        var machine = plainMachine
        machine.cores = cores
        machine.memoryBytes = gibibytes << 30
        let turns = try load(machine: machine).turns
        #expect(turns.maxRunning == expected && turns.maxWaiting == 2 * expected)
    }

    @Test(
        "the state directory is systemd's, root's, or the user's",
        arguments: [
            (["STATE_DIRECTORY": "/var/lib/one:/var/lib/two"], false, "/var/lib/one"),
            ([:], true, "/var/lib/portcullis"),
            (["XDG_STATE_HOME": "/state"], false, "/state/portcullis"),
            ([:], false, "/home/operator/.local/state/portcullis"),
            (["STATE_DIR": "here"], false, "/srv/here"),
        ])
    func stateDirectory(environment: [String: String], isRoot: Bool, expected: String) throws {
        var machine = plainMachine
        machine.isRoot = isRoot
        #expect(try load(environment: environment, machine: machine).stateDirectory == expected)
    }

    @Test("the CLI is found on PATH or taken as named")
    func findsCLI() throws {
        #expect(try load().cli.path == "/usr/bin/claude")
        #expect(try load(["--claude-path", "/opt/claude"]).cli.path == "/opt/claude")
        #expect(try load().cli.configDirectory == "/home/operator/.claude")
        #expect(try load(["--cli-env-file", "./cli.env"]).cli.environmentFile == "/srv/cli.env")
    }

    @Test("without keys no web page may ask unless the operator says so")
    func corsWithoutKeys() throws {
        #expect(try load(environment: ["REQUIRE_AUTH": "false"]).cors == .nobody)
        #expect(
            try load(["--require-auth=false", "--cors-origin", "https://a.example"]).cors
                == .origins(["https://a.example"]))
        #expect(try load(["--cors-origin", "none"]).cors == .nobody)
    }

    @Test("every setting can be given by flag, variable and file line, bare and prefixed, and each way says so in its faults")
    func everySetting() {
        for setting in Setting.all where setting.name != "PORTCULLIS_CONFIG" {
            // A control character fits no setting, so each row reports its own place.
            let value = "\u{1}"
            let isShared = setting.sharedCheck != nil
            #expect(
                faults(environment: [setting.name: value]).contains(
                    "\(setting.name) (environment): holds a control character") == !isShared)
            #expect(
                faults(
                    ["--config", "/c"], environment: [setting.name: ""], file: "\(setting.name)=\(value)\n")
                    .contains("/c:1: \(setting.name): holds a control character"))
            let prefixed = Setting.prefixed(setting.name)
            #expect(
                faults(environment: [prefixed: value]).contains(
                    "\(prefixed) (environment): holds a control character"))
            guard let flag = setting.flag else { continue }
            #expect(faults([flag, value]).contains("\(flag): holds a control character"))
        }
    }
}

@Suite("Listen addresses")
struct ListenAddressTests {
    @Test(
        "an address is kept in the kernel's spelling",
        arguments: [
            ("127.0.0.1:0", "127.0.0.1:0"), ("[::1]:8443", "[::1]:8443"), ("[0:0::0]:65535", "[::]:65535"),
            ("localhost:1", "127.0.0.1:1"), ("unix:/run/a.sock", "unix:/run/a.sock"),
        ])
    func accepted(text: String, spelling: String) throws {
        #expect(try #require(ListenAddress(text)).description == spelling)
    }

    @Test(
        "anything else is refused",
        arguments: [
            "", ":1", "127.0.0.1", "127.0.0.1:", "127.0.0.1:+5", "127.0.0.1:65536", "::1:80",
            "[127.0.0.1]:80",
            "example.com:80", "*:80", "[::1]", "unix:relative", "unix:/dir/", "1.2.3:80", "127.0.0.1:8 ",
            "unix:/" + String(repeating: "a", count: 107),
        ])
    func refused(text: String) {
        #expect(ListenAddress(text) == nil)
    }

    @Test(
        "a host name is taken only where names are, and is no address to conclude anything from",
        arguments: ["example.com:443", "127.0.0.1.example:1", "host_1:1", "a-b.c:1", "example.com.:1"])
    func named(text: String) throws {
        let address = try #require(ListenAddress(text, allowsNames: true))
        #expect(address.hostName != nil && !address.isLocal)
        #expect(ListenAddress(text) == nil)
    }

    @Test(
        "what would be a misspelt address is no host name",
        arguments: [
            "1.2.3:80", "2130706433:80", "127.0.0.0x1:80", "a..b:1", "-a:1", "a-:1", "*:80", ":1", "a b:1", "é:1",
        ])
    func unnamed(text: String) { #expect(ListenAddress(text, allowsNames: true) == nil) }

    @Test(
        "only loopback and Unix sockets are local",
        arguments: [
            ("127.9.9.9:1", true), ("[::1]:1", true), ("[::ffff:127.0.0.1]:1", true), ("unix:/a", true),
            ("0.0.0.0:1", false), ("[::]:1", false), ("192.168.0.1:1", false), ("[fe80::1]:1", false),
        ])
    func locality(text: String, isLocal: Bool) throws {
        #expect(try #require(ListenAddress(text)).isLocal == isLocal)
    }
}
