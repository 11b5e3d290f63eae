import Platform
import Testing

@testable import Gateway

@Suite("Names and flags of other wrappers of the CLI")
struct OtherWrappersTests {
    /// A value of each name, and what a configuration then holds, as text.
    private static let meanings: [String: (value: String, is: String, in: @Sendable (Configuration) -> String)] = [
        "CLAUDE_PROXY_PORT": ("3456", "127.0.0.1:3456", { $0.listeners.map(\.description).joined() }),
        "CLAUDE_PROXY_HOST": ("127.0.0.2", "127.0.0.2:8443", { $0.listeners.map(\.description).joined() }),
        "CLAUDE_WRAPPER_HOST": ("127.0.0.3", "127.0.0.3:8443", { $0.listeners.map(\.description).joined() }),
        "CLAUDE_PROXY_API_KEY": ("a,b", "a,b", { $0.keys.inline.map(\.secret).joined(separator: " ") }),
        "CORS_ORIGINS": (#"["https://a.example", "https://b.example"]"#, "true false", {
            "\($0.cors.allowed("https://b.example") != nil) \($0.cors.allowed("https://c.example") != nil)"
        }),
        "CLAUDE_CLI_PATH": ("/opt/claude", "/opt/claude", \.cli.path),
        "CLAUDE_MODEL": ("haiku", "haiku", { $0.models.defaultModel ?? "" }),
        "CLAUDE_PROXY_TIMEOUT_MS": ("1800000", "1800000", { "\($0.cli.requestTimeoutMilliseconds)" }),
        "CLAUDE_PROXY_MAX_DURATION_MS": ("3600000", "3600000", { "\($0.cli.requestTimeoutMilliseconds)" }),
        "CLAUDE_PROXY_STALL_TIMEOUT_MS": ("120001", "121", { "\($0.cli.stallTimeoutSeconds)" }),
        "CLAUDE_PROXY_MAX_CONCURRENT": ("5", "5", { "\($0.turns.maxRunning)" }),
        "MAX_CONCURRENT_PROCESSES": ("3", "3", { "\($0.turns.maxRunning)" }),
        "CLAUDE_PROXY_QUEUE_TIMEOUT_MS": ("0", "0", { "\($0.turns.waitSeconds)" }),
        "MAX_REQUEST_SIZE": ("10485760", "10485760", { "\($0.limits.maxBodyBytes)" }),
        "SSE_KEEPALIVE_INTERVAL": ("30", "30", { "\($0.pingSeconds)" }),
        "CLAUDE_PROXY_LOG_LEVEL": ("warn", "warning", \.logging.level.name),
        "CLAUDE_PROXY_DEBUG": ("1", "debug", \.logging.level.name),
        "OPENCODE_CLAUDE_PROVIDER_DEBUG": ("1", "debug", \.logging.level.name),
    ]

    @Test("each name means here what it means there, and is told by our name where it stands bare", arguments: OtherWrappers.taken)
    func taken(row: OtherWrappers.Taken) throws {
        let name = row.name.name
        let meaning = try #require(Self.meanings[name], "a new name needs a row of this test")
        let bare = try load(environment: [name: meaning.value])
        #expect(meaning.in(bare) == meaning.is)
        #expect(bare.warnings == ["\(name) (environment): taken as \(row.setting), which is our name for it"])
        #expect(meaning.in(try load(environment: ["PORTCULLIS_\(name)": meaning.value])) == meaning.is)
        #expect(meaning.in(try load(["--config", "/c"], file: "\(name)=\(meaning.value)\n")) == meaning.is)
        #expect(meaning.in(Configuration()) != meaning.is)
        #expect(Setting.named(name)?.name == row.setting)
    }

    @Test("what is written under our own name wins over another wrapper's")
    func ours() throws {
        let both = try load(environment: ["CLAUDE_PROXY_PORT": "1", "PORT": "2", "CLAUDE_PROXY_MAX_CONCURRENT": "4", "MAX_TURNS": "5"])
        #expect(both.listeners.map(\.description) == ["127.0.0.1:2"] && both.turns.maxRunning == 5 && both.warnings == [])
        let listen = try load(["--listen", "127.0.0.1:7"], environment: ["CLAUDE_PROXY_PORT": "1"])
        #expect(listen.listeners.map(\.description) == ["127.0.0.1:7"])
        let same = try load(environment: ["LISTEN": "127.0.0.1:7", "CLAUDE_PROXY_HOST": "127.0.0.9"])
        #expect(same.listeners.map(\.description) == ["127.0.0.1:7"])
        #expect(
            same.warnings == [
                "CLAUDE_PROXY_HOST (environment): LISTEN says where to listen; passed over, since other programs use this "
                    + "name; ours is PORTCULLIS_HOST"
            ])
    }

    @Test("a host that others reach is as little served without a certificate as under our name")
    func exposed() {
        let told = faults(["--plaintext"], environment: ["CLAUDE_PROXY_HOST": "0.0.0.0"])
        #expect(told.count == 1 && told[0].contains("loopback"), "\(told)")
    }

    @Test("debugging that is off, origins with commas and an array of no strings are what they say")
    func odd() throws {
        #expect(try load(environment: ["CLAUDE_PROXY_DEBUG": "0"]).logging.level == .info)
        #expect(try load(environment: ["CORS_ORIGINS": #"["*"]"#]).cors == .everybody)
        let two = try load(environment: ["CORS_ORIGINS": "https://a.example, https://b.example"])
        #expect(two.cors.allowed("https://a.example") != nil && two.cors.allowed("https://b.example") != nil)
        for text in ["[1]", "[", #"{"a":1}"#] {
            #expect(faults(environment: ["PORTCULLIS_CORS_ORIGINS": text]).count == 1, "\(text)")
        }
    }

    @Test("a name that means nothing here is told with what to write instead", arguments: OtherWrappers.refused)
    func refused(row: OtherWrappers.Refused) throws {
        let warning = "\(row.name) (environment): is no setting. \(row.advice)"
        let plain = try load()
        let bare = try load(environment: [row.name: "1"])
        #expect(bare.warnings == (row.isCommon ? [] : [warning]))
        #expect(try load(environment: ["PORTCULLIS_\(row.name)": "1"]).warnings == ["PORTCULLIS_\(warning)"])
        #expect(faults(["--config", "/c"], file: "\(row.name)=1\n") == ["/c:1: '\(row.name)' is no setting. \(row.advice)"])
        #expect(bare.keys.inline.isEmpty && bare.turns.maxRunning == plain.turns.maxRunning)
        #expect(Setting.named(row.name) == nil && row.advice.hasSuffix("."))
    }

    @Test("a setting that a refusal speaks of exists", arguments: OtherWrappers.refused)
    func advice(row: OtherWrappers.Refused) {
        let words = row.advice.split { !($0.isLetter || $0 == "_") }.filter { $0.contains("_") && $0 == $0.uppercased() }
        for word in words { #expect(Setting.named(String(word)) != nil, "\(word)") }
    }

    @Test("no name is understood twice")
    func unique() {
        let names = Setting.all.flatMap(\.known) + OtherWrappers.refused.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(Set(OtherWrappers.taken.map(\.setting)).isSubset(of: Set(Setting.all.map(\.name))))
    }

    @Test(
        "the short flags of other wrappers mean here what they mean there",
        arguments: [
            ["-p", "9000"], ["-p=9000"], ["--port", "9000"], ["-d", "-p", "9000"], ["-p", "9000", "-d"],
        ])
    func port(arguments: [String]) throws {
        let configuration = try load(arguments)
        #expect(configuration.listeners.map(\.description) == ["127.0.0.1:9000"])
        #expect((configuration.logging.level == .debug) == arguments.contains("-d"))
        #expect(configuration.warnings == [])
    }

    @Test("-H is the address, -m and --model the model, -d and --debug a log of everything")
    func others() throws {
        let all = try load(["-H", "127.0.0.2", "-p", "1", "-m", "opus", "--debug"])
        #expect(all.listeners.map(\.description) == ["127.0.0.2:1"] && all.logging.level == .debug)
        #expect(all.models.defaultModel == "opus")
        #expect(try load(["--model", "haiku"]).models.defaultModel == "haiku")
        #expect(faults(["--plaintext", "-H", "0.0.0.0"]).count == 1)
    }

    @Test(
        "a flag that lacks its value, has one too many or is no flag is a fault",
        arguments: [
            (["-p"], "-p: needs a value (0..65535)"), (["-p", "-H", "127.0.0.1"], "-p: needs a value (0..65535)"),
            (["-p", "many"], "-p: 'many' is not a port from 0 to 65535"),
            (["-d=1"], "-d: takes no value; write --log-level"),
            (["-x"], "'-x': is no option; see portcullis help"),
            (["-p", "1", "--listen", "127.0.0.1:2"], "-p: says again what LISTEN says; give only one"),
            (["--api-key", "hush"], "--api-key: others can read the command line; use PROXY_API_KEYS or --api-keys-file"),
        ])
    func wrong(arguments: [String], fault: String) { #expect(faults(arguments) == [fault]) }

    @Test("-v and -h ask for version and help, before a command and behind one")
    func versionAndHelp() throws {
        for arguments in [["-v"], ["serve", "-v"], ["serve", "-p", "1", "-v"], ["-V"]] {
            #expect(try Command(arguments) == .version)
        }
        for arguments in [["-h"], ["serve", "-h"], ["serve", "-d", "-h"]] { #expect(try Command(arguments) == .help(.text)) }
    }

    private static let document: String? = {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let content = try? ConfigurationFile.read("/\(root)/deploy/docs/from-other-wrappers.md")
        return content.map { String(decoding: $0.bytes, as: UTF8.self) }
    }()

    @Test("the document of other wrappers holds the tables as they are")
    func documented() throws {
        let document = try #require(Self.document)
        let wanted = "<!-- names:begin -->\n\(OtherWrappers.markdown)<!-- names:end -->"
        #expect(document.contains(wanted), "put the output of 'portcullis help --other-wrappers' between the markers")
        #expect(try Command(["help", "--other-wrappers"]) == .help(.otherWrappers))
    }
}
