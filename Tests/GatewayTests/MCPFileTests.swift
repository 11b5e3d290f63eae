import ClaudeCLI
import Testing
import Vocabulary

@testable import Gateway

@Suite("The registry of MCP servers")
struct MCPFileTests {
    private func parse(
        _ text: String, hiding: [String] = []
    ) throws(ConfigurationFaults) -> (servers: [MCPServer], notes: [String]) {
        try MCPFile.parse(Array(text.utf8), path: "/mcp.json", hiding: hiding)
    }

    private func definition(_ server: MCPServer) -> String { String(decoding: server.definition.bytes, as: UTF8.self) }

    @Test("programs and addresses are read and written as the CLI takes them")
    func whole() throws {
        let found = try parse(
            #"""
            {"mcpServers": {
                "files": {"command": "sh", "args": ["-c", "exec x"], "env": {"TOKEN": "se\"cret"}, "timeout": 5},
                "git-hub_2": {"type": "http", "url": "https://x.example/mcp", "headers": {"Authorization": "Bearer tok"}},
                "old": {"type": "sse", "url": "http://127.0.0.1:1/sse"}
            }}
            """#, hiding: ["ANTHROPIC_API_KEY", "TOKEN"])
        #expect(found.servers.map(\.name) == ["files", "git-hub_2", "old"])
        let shell = try #require(["/usr/local/bin/sh", "/usr/bin/sh", "/bin/sh"].first { Machine.current().isExecutable($0) })
        #expect(
            definition(found.servers[0])
                == #"{"type":"stdio","command":"\#(shell)","args":["-c","exec x"],"#
                + #""env":{"TOKEN":"se\"cret","ANTHROPIC_API_KEY":""},"timeout":5}"#)
        #expect(
            definition(found.servers[1])
                == #"{"type":"http","url":"https://x.example/mcp","headers":{"Authorization":"Bearer tok"}}"#)
        #expect(definition(found.servers[2]) == #"{"type":"sse","url":"http://127.0.0.1:1/sse","headers":{}}"#)
        #expect(found.servers[0].secrets == ["se\"cret"])
        #expect(found.servers[1].secrets == ["Bearer tok", "tok"])
        #expect(found.notes == ["MCP server old is reached without TLS"])
    }

    @Test(
        "what is wrong is told with file and server, and never with a value",
        arguments: [
            (#"{"mcpServers":{"c":{"command":"/bin/sh"}}}"#, "server c: this name is reserved"),
            (#"{"mcpServers":{"a__b":{"command":"/bin/sh"}}}"#, "server a__b: the name must not"),
            (#"{"mcpServers":{"_a":{"command":"/bin/sh"}}}"#, "server _a: the name must not"),
            (#"{"mcpServers":{"SECRET a":{"command":"/bin/sh"}}}"#, "server 1: the name is not"),
            (#"{"mcpServers":{"":{"command":"/bin/sh"}}}"#, "server 1: the name is not"),
            (#"{"mcpServers":{"a":7}}"#, "server a: is not an object"),
            (#"{"mcpServers":{"a":{}}}"#, "server a: command is missing"),
            (#"{"mcpServers":{"a":{"command":""}}}"#, "server a: command is missing"),
            (#"{"mcpServers":{"a":{"command":["SECRET"]}}}"#, "server a: command holds something else"),
            (#"{"mcpServers":{"a":{"command":"SECRET/x"}}}"#, "server a: command must be an absolute path"),
            (#"{"mcpServers":{"a":{"command":"SECRET-program"}}}"#, "server a: command is no program on"),
            (#"{"mcpServers":{"a":{"command":"/bin"}}}"#, "server a: command is no program there"),
            (#"{"mcpServers":{"a":{"command":"/bin/sh","args":"SECRET"}}}"#, "server a: args is not an array"),
            (#"{"mcpServers":{"a":{"command":"/bin/sh","args":[7]}}}"#, "server a: args holds something else"),
            (#"{"mcpServers":{"a":{"command":"/bin/sh","env":["SECRET"]}}}"#, "server a: env is not an object"),
            (#"{"mcpServers":{"a":{"command":"/bin/sh","env":{"A":1}}}}"#, "server a: env holds something else"),
            (#"{"mcpServers":{"a":{"command":"/bin/sh","env":{"A=B":"SECRET"}}}}"#, "server a: env: a name is no"),
            (#"{"mcpServers":{"a":{"command":"/bin/sh","env":{"A":"${SECRET}"}}}}"#, "server a: env holds ${"),
            (#"{"mcpServers":{"a":{"command":"/bin/sh","env":{"A":"\u0000"}}}}"#, "server a: env holds a zero"),
            (#"{"mcpServers":{"a":{"command":"/bin/sh","env":{"A":"1","A":"2"}}}}"#, "server a: env: a name is given twice"),
            (#"{"mcpServers":{"a":{"command":"/bin/sh","SECRET":1}}}"#, "server a: has a key that is none of"),
            (#"{"mcpServers":{"a":{"command":"/bin/sh","command":"/bin/sh"}}}"#, "server a: command is given twice"),
            (#"{"mcpServers":{"a":{"command":"/bin/sh","url":"https://x"}}}"#, "server a: has a key that is none of"),
            (#"{"mcpServers":{"a":{"command":"/bin/sh","timeout":0}}}"#, "server a: timeout is not"),
            (#"{"mcpServers":{"a":{"type":"SECRET"}}}"#, "server a: type is none of stdio, http, sse"),
            (#"{"mcpServers":{"a":{"type":"http"}}}"#, "server a: url is missing"),
            (#"{"mcpServers":{"a":{"type":"http","url":"file:///SECRET"}}}"#, "server a: url is no http or https"),
            (#"{"mcpServers":{"a":{"type":"sse","url":"https://x y"}}}"#, "server a: url is no http or https"),
            (#"{"mcpServers":{"a":{"type":"http","url":"https://x","headers":{"a b":"SECRET"}}}}"#, "headers: a name is no"),
            (#"{"mcpServers":{"a":{"type":"http","url":"https://x","headers":{"a":"SECRET\r\nb: c"}}}}"#, "headers: a value"),
            (#"{"mcpServers":{"a":{"command":"/bin/sh"},"a":{"command":"/bin/sh"}}}"#, "server a: is there twice"),
            (#"{"mcpServers":[]}"#, "is not an object with the one key mcpServers"),
            (#"{"servers":{}}"#, "is not an object with the one key mcpServers"),
            (#"{"mcpServers":{},"SECRET":1}"#, "is not an object with the one key mcpServers"),
            (#"["SECRET"]"#, "is not an object with the one key mcpServers"), ("SECRET", "is not JSON"), ("", "is not JSON"),
        ])
    func malformed(text: String, complaint: String) throws {
        let faults = try #require(throws: ConfigurationFaults.self) { try parse(text) }
        let said = faults.description
        #expect(said.hasPrefix("/mcp.json: ") && said.contains(complaint) && !said.contains("SECRET"))
        #expect(faults.faults.count == 1)
    }

    @Test("all faults come at once")
    func several() throws {
        let faults = try #require(throws: ConfigurationFaults.self) {
            try parse(#"{"mcpServers":{"a":{},"b":{"command":"/bin/sh"},"x y":{},"c":7}}"#)
        }
        #expect(faults.faults.count == 3)
    }

    @Test("whatever is cut off or changed is read or refused, and never repeated")
    func damaged() {
        let whole = #"{"mcpServers":{"a":{"command":"/bin/sh","args":["x"],"env":{"T":"SECRET"},"timeout":9}}}"#
        let bytes = Array(whole.utf8)
        var outcomes: Set<Bool> = []
        for index in bytes.indices {
            for change in [nil, 0, 0x22, 0x7B, 0x5D, 0x37, 0xFF] as [UInt8?] {
                var damaged = change == nil ? Array(bytes[..<index]) : bytes
                if let change { damaged[index] = change }
                do throws(ConfigurationFaults) {
                    let found = try MCPFile.parse(damaged, path: "/m", hiding: [])
                    outcomes.insert(true)
                    #expect(found.servers.count <= 1)
                } catch {
                    outcomes.insert(false)
                    #expect(!error.description.contains("SECRET") && !error.faults.isEmpty)
                }
            }
        }
        #expect(outcomes == [true, false])
    }
}

@Suite("Who may switch on which MCP server")
struct MCPRegistryTests {
    private static let servers = ["a", "b", "d"].map {
        MCPServer(name: $0, definition: JSONFragment("{}"), secrets: [])
    }

    private func registry(_ allowed: [String]) throws(ConfigurationFaults) -> MCPRegistry {
        var settings = MCPSettings()
        settings.allowedByDefault = allowed
        return try MCPRegistry(Self.servers, notes: [], settings)
    }

    private func names(
        _ metadata: String?, _ header: [String] = [], granted: [String]? = ["*"], byDefault: [String] = []
    ) throws -> [String] {
        var options = KeyOptions()
        options.mcpServers = granted
        let fragment = metadata.map { JSONFragment(validated: Array($0.utf8)[...]) }
        return try registry(byDefault).activate(metadata: fragment, fieldNames: header, options: options)
            .servers.map(\.name)
    }

    @Test("body and header together count, in whatever spelling, each server once and in the file's order")
    func union() throws {
        #expect(try names(#"{"mcp_servers":"b , a,"}"#) == ["a", "b"])
        #expect(try names(#"{"mcp_servers":["d","a"]}"#, ["a", "b"]) == ["a", "b", "d"])
        #expect(try names(nil, ["d"]) == ["d"])
        for nothing in [nil, "{}", #"{"mcp_servers":null}"#, #"{"mcp_servers":""}"#, #"{"mcp_servers":[]}"#] {
            #expect(try names(nothing) == [])
        }
    }

    @Test(
        "the key's own grant counts, else the default, and nothing is the default's default",
        arguments: [
            (["a"], [], true), (["b"], ["*"], false), ([], ["*"], false), (nil, [], false), (nil, ["a"], true),
            (nil, ["*"], true), (["*"], [], true), (["b", "a"], [], true),
        ] as [([String]?, [String], Bool)])
    func grants(granted: [String]?, byDefault: [String], isAllowed: Bool) throws {
        do {
            #expect(try names(#"{"mcp_servers":"a"}"#, granted: granted, byDefault: byDefault) == ["a"])
            #expect(isAllowed)
        } catch let refusal as Refusal {
            #expect(!isAllowed && refusal.param == "metadata.mcp_servers" && refusal.kind == .invalidRequest)
        }
    }

    @Test("a refusal lists what is allowed to this key and nothing else")
    func listing() throws {
        let refusal = try #require(throws: Refusal.self) { try names(nil, ["d"], granted: ["a", "b"]) }
        #expect(refusal.param == "x-mcp-servers" && refusal.message.hasSuffix("these are allowed: a, b"))
        #expect(!refusal.message.contains("d,"))
    }

    @Test("what is no list of names is refused by its path", arguments: ["7", "{}", "[7]", "true", #"["a",null]"#])
    func wrongType(value: String) throws {
        let refusal = try #require(throws: Refusal.self) { try names(#"{"mcp_servers":\#(value)}"#) }
        #expect(refusal.param == "metadata.mcp_servers")
    }

    @Test("grants of servers that are not there stop the start")
    func unknownGrants() throws {
        #expect(throws: ConfigurationFaults.self) { try registry(["a", "x"]) }
        var key = try #require(APIKey(name: "k", secret: "s"))
        key.options.mcpServers = ["a", "x"]
        let keys = [key]
        let names = GrantedNames(try registry([]), AccountSettings(), .none)
        let faults = try #require(throws: ConfigurationFaults.self) { try names.check(keys) }
        #expect(faults.description == "API_KEYS_FILE: key k: 'x' is no server of PROXY_MCP_CONFIG")
        key.options.mcpServers = ["*"]
        #expect(throws: Never.self) { try names.check([key]) }
    }

    @Test("programs of servers get none of the CLI's variables but those of the network")
    func hidden() {
        let environment = CLIEnvironment(
            variables: [("ANTHROPIC_API_KEY", "k"), ("https_proxy", "p"), ("AWS_SECRET_ACCESS_KEY", "s")],
            configDirectory: "/x")
        #expect(environment.hiddenFromServers == ["ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY"])
    }
}
