import Testing

@testable import Gateway

@Suite("Configuration faults")
struct ConfigurationFaultTests {
    @Test(
        "a wrong flag is told in one line",
        arguments: [
            (["--max-turns", "many"], "--max-turns: 'many' is not a number of turns from 1 to 4096"),
            (["--max-turns", "+5"], "--max-turns: '+5' is not a number of turns from 1 to 4096"),
            (["--max-turns", "0"], "--max-turns: '0' is not a number of turns from 1 to 4096"),
            (
                ["--max-turns", "99999999999999999999"],
                "--max-turns: '99999999999999999999' is not a number of turns from 1 to 4096"
            ),
            (["--max-turns"], "--max-turns: needs a value (turns)"),
            (["--max-turns", "--plaintext=no"], "--max-turns: needs a value (turns)"),
            (["--max-turns="], "--max-turns: is empty"),
            (
                ["--max-body-bytes", "1GiB"],
                "--max-body-bytes: '1GiB' is not a size from 1 to 256MiB; write bytes, 64KiB or 10MB"
            ),
            (
                ["--max-body-bytes=9999999MiB"],
                "--max-body-bytes: '9999999MiB' is not a size from 1 to 256MiB; write bytes, 64KiB or 10MB"
            ),
            (["--no-such-option", "1"], "'--no-such-option': is no option; see portcullis help"),
            (["-v"], "'-v': is no option; see portcullis help"),
            (["--"], "'--': is no option; see portcullis help"),
            (["--listen", "nowhere"], "--listen: 'nowhere' is not HOST:PORT, [IPv6]:PORT or unix:/path"),
            (["--listen", "127.0.0.1:1", "--listen", "127.0.0.1:1"], "LISTEN: 127.0.0.1:1 is given twice"),
            (
                ["--trusted-proxies", "10.0.0.1,10.0.0.0/33"],
                "--trusted-proxies: '10.0.0.0/33' is no address as 10.0.0.1 or ::1, no range as 10.0.0.0/8, and not unix"
            ),
            (["--proxy-protocol", "v3"], "--proxy-protocol: 'v3' is none of off, v2"),
            (["--proxy-protocol", "v2"], "--proxy-protocol: needs TRUSTED_PROXIES: nobody else may begin with a header"),
            (["--port", "70000"], "--port: '70000' is not a port from 0 to 65535"),
            (["--host", "1.2.3"], "--host: '1.2.3' is neither an IPv4 or IPv6 address nor a host name"),
            (
                ["--host", "nowhere.example"],
                "--host: 'nowhere.example' does not resolve to an address: Name or service not known"
            ),
            (
                ["--listen=127.0.0.1:1,nowhere.example:2"],
                "--listen: 'nowhere.example' does not resolve to an address: Name or service not known"
            ),
            (["--listen", "gate.example:1,192.0.2.7:1"], "LISTEN: 192.0.2.7:1 is given twice"),
            (
                ["--port", "1", "--listen", "127.0.0.1:2"],
                "--port: says again what LISTEN says; give only one"
            ),
            (["--tls-min-version", "1.1"], "--tls-min-version: '1.1' is none of 1.2, 1.3"),
            (["--log-level", "loud"], "--log-level: 'loud' is none of error, warning, info, debug"),
            (["--plaintext=maybe"], "--plaintext: 'maybe' is neither true nor false"),
            (["--plaintext", "maybe"], "--plaintext: 'maybe' is neither true nor false"),
            (["--max-turn", "3"], "'--max-turn': is no option; did you mean --max-turns?"),
            (["--max_turns=3"], "'--max_turns': is no option; did you mean --max-turns?"),
            (["--portcullis-max-turns=3"], "'--portcullis-max-turns': is no option; did you mean --max-turns?"),
            (["-max-turns=3"], "'-max-turns=3': is no option; did you mean --max-turns?"),
            (["--confg", "/c"], "'--confg': is no option; did you mean --config?"),
            (["--request-timeout", "3"], "'--request-timeout': is no option; did you mean --request-timeout-ms?"),
            (["--prot", "3"], "'--prot': is no option; did you mean --port?"),
            (
                ["--drain-seconds", "soon"],
                "--drain-seconds: 'soon' is not a whole number of seconds from 0 to 3600; write 90, 90s, 5m or 1h"
            ),
            (
                ["--drain-seconds", "1500ms"],
                "--drain-seconds: '1500ms' is not a whole number of seconds from 0 to 3600; write 90, 90s, 5m or 1h"
            ),
            (
                ["--responses-keep-days", "36h"],
                "--responses-keep-days: '36h' is not a whole number of days from 1 to 3650; write 30 or 30d"
            ),
            (
                ["--default-effort", "extreme"],
                "--default-effort: 'extreme' is none of low, medium, high, xhigh, max"
            ),
            (
                ["--default-model", "gpt-4o"],
                "--default-model: 'gpt-4o' is no alias, no full claude- name and not in MODEL_ALIASES"
            ),
            (
                ["--default-model", "sonet"],
                "--default-model: 'sonet' is no alias, no full claude- name and not in MODEL_ALIASES; "
                    + "did you mean sonnet?"
            ),
            (["--model-aliases", "gpt-4o"], "--model-aliases: 'gpt-4o' is not NAME=MODEL"),
            (["--model-aliases", "a=opus,a=haiku"], "--model-aliases: 'a' is given twice"),
            (
                ["--model-aliases", "gpt-4o=claude-code"],
                "--model-aliases: 'gpt-4o' leads to claude-code, which needs WORKSPACES or WORKSPACE_DIR"
            ),
            (
                ["--cors-origin", "https://a/b"],
                "--cors-origin: an origin has no path; write 'https://a'"
            ),
            (
                ["--claude-path", "/nowhere/claude"],
                "--claude-path: '/nowhere/claude' is not a program that may be run"
            ),
            (
                ["--claude-path", "klaude"],
                "--claude-path: no program 'klaude' on PATH; install the Claude Code CLI or name it"
            ),
            (
                ["--tls-key", "/a", "--tls-key", "/b"],
                "TLS_KEY: 1 certificates but 2 keys; each needs its own, in the same order"
            ),
            (["--config", "/missing"], "--config: /missing: does not exist"),
            (["--max-head-bytes", "1KiB"], "MAX_HEAD_BYTES: is less than MAX_HEADER_BYTES"),
            (
                ["--http2-stream-window-bytes", "2MiB"],
                "HTTP2_CONNECTION_WINDOW_BYTES: is less than HTTP2_STREAM_WINDOW_BYTES"
            ),
            (
                ["--plaintext", "--listen", "0.0.0.0:1"],
                "--plaintext: 0.0.0.0:1 can be reached from other machines; only loopback may be plain"
            ),
            (
                ["--plaintext", "--listen", "127.0.0.1.example:1"],
                "--plaintext: 192.0.2.8:1 can be reached from other machines; only loopback may be plain"
            ),
            (
                ["--require-auth", "false", "--listen", "gate.example:1"],
                "--require-auth: 192.0.2.7:1 can be reached from other machines; keys are needed there"
            ),
            (
                ["--require-auth=false", "--listen", "[::]:1"],
                "--require-auth: [::]:1 can be reached from other machines; keys are needed there"
            ),
            (
                ["--proxy-api-key", "hush"],
                "--proxy-api-key: others can read the command line; use PROXY_API_KEYS or --api-keys-file"
            ),
            (
                ["--proxy-api-kez", "hush"],
                "'--proxy-api-kez': others can read the command line; use PROXY_API_KEYS or --api-keys-file"
            ),
            (
                ["--api-key", "hush"],
                "--api-key: others can read the command line; use PROXY_API_KEYS or --api-keys-file"
            ),
        ])
    func flags(arguments: [String], fault: String) {
        let told = faults(arguments)
        #expect(told.contains(fault), "\(told)")
        #expect(!told.joined().contains("hush"))
    }

    @Test(
        "a wrong line of the file is told with its number",
        arguments: [
            ("MAX_TURNS", "/c:1: is not NAME=value"),
            ("\n\nMAX_TURNZ=5", "/c:3: 'MAX_TURNZ' is no setting; did you mean MAX_TURNS?"),
            ("NO_SUCH_NAME=5", "/c:1: 'NO_SUCH_NAME' is no setting; see portcullis help"),
            ("PORTCULLIS_MAX_TURN=5", "/c:1: 'PORTCULLIS_MAX_TURN' is no setting; did you mean MAX_TURNS?"),
            ("export max_turns=5", "/c:1: 'max_turns' is no setting; did you mean MAX_TURNS?"),
            ("--max-turns=5", "/c:1: '--max-turns' is no setting; did you mean MAX_TURNS?"),
            ("MAX_BODY=5", "/c:1: 'MAX_BODY' is no setting; did you mean MAX_BODY_BYTES?"),
            ("MAX_TURNS=5\nMAX_TURNS=6", "/c:2: MAX_TURNS is given twice, first in line 1"),
            ("MAX_TURNS=5\nPORTCULLIS_MAX_TURNS=6", "/c:2: PORTCULLIS_MAX_TURNS is given twice, first in line 1"),
            ("PORT=1\nLISTEN=127.0.0.1:2", "/c:1: PORT: says again what LISTEN says; give only one"),
            ("LOG_LEVEL=loud", "/c:1: LOG_LEVEL: 'loud' is none of error, warning, info, debug"),
            (
                "MAX_TURNS=five # comment",
                "/c:1: MAX_TURNS: 'five # comment' is not a number of turns from 1 to 4096"
            ),
            ("DEFAULT_MODEL=\"opus", "/c:1: DEFAULT_MODEL has an opening quote without its end"),
            ("MAX TURNS=5", "/c:1: 'MAX TURNS' is no name"),
            ("=5", "/c:1: '' is no name"),
            ("PORTCULLIS_CONFIG=/other", "/c:1: 'PORTCULLIS_CONFIG' is no setting; see portcullis help"),
            (
                "PROXY_API_KEYS=secret words",
                "/c:1: PROXY_API_KEYS: key 1 is not 1 to 512 printable ASCII characters"
            ),
        ])
    func fileLines(file: String, fault: String) {
        #expect(faults(["--config", "/c"], file: file) == [fault])
    }

    @Test("keys in a file that everybody can read are refused")
    func publicFileWithKeys() {
        #expect(
            faults(["--config", "/c"], file: "PROXY_API_KEYS=hush-hush", isPrivate: false)
                == ["/c:1: PROXY_API_KEYS holds secrets, but everybody can read this file; chmod 600"])
    }

    @Test("a file that is not UTF-8 is refused")
    func notUTF8() {
        var sources = ConfigurationSources()
        sources.takeFile([0x41, 0x3D, 0xFF], path: "/c", isPrivate: true)
        #expect(sources.faults == [ConfigurationFault("/c", "is not UTF-8")])
    }

    @Test("all faults are told, not the first only")
    func allAtOnce() {
        let told = faults(
            ["--max-turns", "x", "--bogus", "--config", "/c"], environment: ["PORTCULLIS_PORT": "x"], file: "NOPE=1\n")
        #expect(
            told == [
                "'--bogus': is no option; see portcullis help",
                "/c:1: 'NOPE' is no setting; see portcullis help",
                "PORTCULLIS_PORT (environment): 'x' is not a port from 0 to 65535",
                "--max-turns: 'x' is not a number of turns from 1 to 4096",
            ])
    }

    @Test("an empty configuration is told what it lacks")
    func nothingGiven() throws {
        let caught = #expect(throws: ConfigurationFaults.self) {
            _ = try Configuration.load(arguments: [], environment: [:], machine: plainMachine)
        }
        let places = try #require(caught).faults.map(\.place)
        #expect(places == ["TLS_CERTIFICATE"])
    }

    @Test("control characters and great lengths do not reach a message")
    func quoting() {
        #expect(quoted("a\u{1B}[2J\u{9B}\n") == "'a?[2J??'")
        #expect(quoted(String(repeating: "x", count: 500)).utf8.count == 85)
    }

    @Test("a command line is a command and its options")
    func commands() throws {
        #expect(try Command(["serve", "--port", "1"]) == .serve(options: ["--port", "1"]))
        #expect(try Command(["check"]) == .check(options: []))
        #expect(try Command(["new-key", "alice"]) == .newKey(name: "alice"))
        #expect(try Command(["help", "--markdown"]) == .help(.markdown))
        #expect(try Command(["help", "--markdown", "--brief"]) == .help(.briefMarkdown))
        #expect(try Command(["serve", "--help"]) == .help(.text))
        #expect(try Command(["help", "check"]) == .help(.text))
        for words in [["new-key", "--help"], ["new-key", "-h"], ["help", "new-key"]] {
            #expect(try Command(words) == .usage(of: .newKey))
        }
        for words in [["--version"], ["-V"], ["version"], ["serve", "--version"], ["check", "-V"]] {
            #expect(try Command(words) == .version)
        }
        #expect(try Command([]) == .nothing)
        for wrong in [["start"], ["new-key"], ["new-key", "a:b"], ["new-key", "a", "b"], ["help", "start"]] {
            #expect(throws: ConfigurationFault.self) { try Command(wrong) }
        }
    }

    @Test(
        "a word that is no command is told the one that was meant",
        arguments: [
            ("serv", "'serv': is no command; did you mean serve?"),
            ("newkey", "'newkey': is no command; did you mean new-key?"),
            ("--chekc", "'--chekc': is no command; did you mean check?"),
            ("start", "'start': is no command: serve, check, new-key, help, version"),
            ("--port", "'--port': is no command; options stand behind one: serve, check, new-key, help, version"),
        ])
    func misspeltCommand(word: String, fault: String) throws {
        let caught = try #require(throws: ConfigurationFault.self) { try Command([word]) }
        // Commands may be added to the list.
        #expect(caught.description.hasPrefix(fault.prefix { $0 != ":" } + fault.drop { $0 != ":" }.prefix(30)))
    }
}
