import Glibc
import TestSupport
import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("What the CLI's own tools may do in a workspace")
struct AgentPolicyTests {
    private let scratch: Scratch
    private let workspace: Workspace

    init() throws {
        scratch = try Scratch()
        let root = scratch.path(of: "w")
        try #require(unsafe mkdir(root, 0o700) == 0)
        let resolved = try #require(WorkspacePath.resolve(root, from: "/"))
        workspace = Workspace(name: "w", directory: resolved, tools: Set(AgentTool.allCases))
    }

    private func allows(_ tool: String, _ input: String, in workspace: Workspace? = nil) throws -> Bool {
        let arguments = try JSONDocument(parsing: Array(input.utf8)).root
        return AgentPolicy(run: AgentRun(in: workspace ?? self.workspace)).verdict(on: tool, arguments) == .allowed
    }

    @Test("paths in the workspace are allowed, whether they are there or not", arguments: ["a", "./a/b", "a/../b", "new/deep/file"])
    func inside(path: String) throws {
        #expect(try allows("Read", #"{"file_path":"\#(path)"}"#))
        #expect(try allows("Write", #"{"file_path":"\#(workspace.directory)/\#(path)","content":""}"#))
    }

    @Test(
        "paths that lead out are denied, and so is what is no path",
        arguments: [#""/etc/passwd""#, #""../x""#, #""a/../../x""#, #""~/x""#, #""""#, "7", "null", #""out/x""#, #""nowhere""#, #""a\u0000""#])
    func outside(path: String) throws {
        #expect(unsafe symlink("/etc", workspace.directory + "/out") == 0 || errno == EEXIST)
        #expect(unsafe symlink("/not/there", workspace.directory + "/nowhere") == 0 || errno == EEXIST)
        #expect(try !allows("Read", "{\"file_path\":\(path)}"))
        #expect(try !allows("Edit", "{\"file_path\":\(path)}"))
    }

    @Test("a search may not begin, or lead, elsewhere")
    func searches() throws {
        #expect(try allows("Glob", #"{"pattern":"**/*.txt"}"#) && allows("Grep", #"{"pattern":"x"}"#))
        #expect(try !allows("Glob", #"{"pattern":"../*"}"#) && !allows("Glob", #"{"pattern":"/etc/*"}"#))
        #expect(try !allows("Glob", #"{"pattern":"*","path":"/etc"}"#) && !allows("Grep", #"{"pattern":"x","path":"/"}"#))
    }

    @Test("tools that the run does not have, or that are not known, are denied")
    func tools() throws {
        var small = workspace
        small.tools = [.read]
        #expect(try !allows("Bash", #"{"command":"ls"}"#, in: small) && !allows("Agent", "{}", in: small) && !allows("", "{}"))
    }

    @Test("a sub-agent is started with a task and nothing else")
    func subagents() throws {
        let task = #""description":"a","prompt":"b""#
        #expect(try allows("Agent", "{\(task)}"))
        #expect(try allows("Agent", #"{\#(task),"subagent_type":"general-purpose"}"#))
        for more in [
            #""subagent_type":"fork""#, #""subagent_type":7"#, #""model":"opus""#, #""effort":"max""#, #""isolation":"worktree""#,
            #""run_in_background":true"#, #""anything":null"#,
        ] {
            #expect(try !allows("Agent", "{\(task),\(more)}"), "\(more)")
        }
        #expect(try !allows("Agent", "[]"))
    }

    @Test("what is to be read alone is not written")
    func readOnly() throws {
        var kept = workspace
        kept.readOnly = [".git/*", "LICENSE"]
        for path in [".git/config", "LICENSE", "x/../LICENSE"] {
            #expect(try !allows("Write", #"{"file_path":"\#(path)"}"#, in: kept) && allows("Read", #"{"file_path":"\#(path)"}"#, in: kept))
        }
        #expect(try allows("Write", #"{"file_path":"LICENSE.txt"}"#, in: kept))
    }

    @Test(
        "each command of a line must be listed",
        arguments: [
            ("git status", true), ("git log --oneline", true), ("ls", true), ("ls -la", true), ("git status && ls", true),
            ("ls | git log x; ls", true), ("git log 'a b'", true), ("git push", false), ("ls; rm x", false), ("ls & rm x", false),
            ("ls $(rm x)", false), ("ls `rm x`", false), ("ls > x", false), ("ls\nrm x", false), ("git log \"$HOME\"", false),
            ("(ls)", false), ("ls 'a", false), ("git statusx", false), ("ls {a,b}", false), ("ls || rm x", false), ("ls\\\nrm", false),
        ])
    func commands(line: String, isAllowed: Bool) throws {
        var listed = workspace
        listed.commands = ["git status", "git log *", "ls", "ls *"]
        let text = JSONText(line)
        #expect(try allows("Bash", #"{"command":"\#(String(decoding: text.escaped, as: UTF8.self))"}"#, in: listed) == isAllowed)
    }

    @Test("nothing goes on in the background")
    func background() throws {
        #expect(try !allows("Bash", #"{"command":"ls","run_in_background":true}"#) && allows("Bash", #"{"command":"ls"}"#))
    }

    @Test(
        "a page is fetched from hosts that the workspace may reach",
        arguments: [
            ("https://example.org/x", true), ("http://EXAMPLE.org", true), ("https://a.example.net/", true), ("https://example.com:8443/", true),
            ("https://example.net/", false), ("https://example.org.evil.test/", false), ("https://example.org@evil.test/", false),
            ("ftp://example.org/", false), ("example.org", false), ("https://evil.test\\\\@example.org/", false),
        ])
    func hosts(url: String, isAllowed: Bool) throws {
        var some = workspace
        some.network = .hosts(["example.org", "*.example.net", "example.com:8443"])
        #expect(try allows("WebFetch", #"{"url":"\#(url)"}"#, in: some) == isAllowed)
        #expect(try !allows("WebFetch", #"{"url":"\#(url)"}"#))
    }
}
