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

    @Test(
        "what the CLI would take for another file than the kernel is denied",
        arguments: [" /etc/passwd", "/etc/passwd ", "\\u00a0/etc/passwd", "\\n/etc", "link/../../../../../../../../etc/passwd", "link/../x", " a"])
    func ambiguous(path: String) throws {
        for part in ["/d", "/d/d", "/d/d/d", "/d/d/d/d", "/d/d/d/d/d", "/d/d/d/d/d/d"] { unsafe mkdir(workspace.directory + part, 0o700) }
        #expect(unsafe symlink(workspace.directory + "/d/d/d/d/d/d", workspace.directory + "/link") == 0 || errno == EEXIST)
        for tool in ["Grep", "Glob"] { #expect(try !allows(tool, #"{"pattern":"x","path":"\#(path)"}"#)) }
        #expect(try !allows("Read", #"{"file_path":"\#(path)"}"#))
    }

    @Test("a path of two thousand directories is judged as soon as a short one")
    func deep() throws {
        var place = unsafe open(workspace.directory, O_RDONLY | O_DIRECTORY)
        for _ in 0..<1900 {
            #expect(unsafe mkdirat(place, "a", 0o700) == 0)
            let inner = unsafe openat(place, "a", O_RDONLY | O_DIRECTORY)
            close(place)
            place = inner
        }
        close(place)
        let path = Array(repeating: "a", count: 1900).joined(separator: "/")
        let begin = ContinuousClock.now
        for _ in 0..<5 { #expect(try allows("Read", #"{"file_path":"\#(path)"}"#) && allows("Read", #"{"file_path":"\#(path)/b"}"#)) }
        // Asked for part by part it takes minutes.
        #expect(ContinuousClock.now - begin < .seconds(10))
    }

    @Test("a search may not begin, or lead, elsewhere")
    func searches() throws {
        #expect(try allows("Glob", #"{"pattern":"**/*.txt"}"#) && allows("Grep", #"{"pattern":"x"}"#))
        #expect(try !allows("Glob", #"{"pattern":"../*"}"#) && !allows("Glob", #"{"pattern":"/etc/*"}"#))
        #expect(try !allows("Glob", #"{"pattern":"*","path":"/etc"}"#) && !allows("Grep", #"{"pattern":"x","path":"/"}"#))
        #expect(try !allows("Glob", #"{"pattern":"{/etc/*,x}"}"#) && !allows("Glob", #"{"pattern":"{x,/etc/*}"}"#))
        #expect(try allows("Glob", #"{"pattern":"{a,b}/*"}"#) && allows("Glob", #"{"pattern":"a{,/b}/*"}"#))
        #expect(try !allows("Glob", #"{"pattern":"{..,x}/*"}"#) && !allows("Glob", #"{"pattern":"~/*"}"#))
        try #require(unsafe symlink("/etc", workspace.directory + "/out") == 0 && mkdir(workspace.directory + "/in", 0o700) == 0)
        #expect(try !allows("Glob", #"{"pattern":"out/*"}"#) && !allows("Glob", #"{"pattern":"out/*","path":"."}"#))
        #expect(try allows("Glob", #"{"pattern":"in/*"}"#) && allows("Glob", #"{"pattern":"new/a*","path":"in"}"#))
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
            // Marks that combine with what comes before: the shell sees the quote, the bracket and the rest all the same.
            ("ls 'a'\u{301}\nrm x\n'", false), ("ls >\u{301}x", false), ("ls (\u{301}", false), ("ls \u{e9}", true), ("ls 'e\u{301}'", true),
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

    @Test(
        "a page of this machine, its neighbours or its cloud is denied, whatever the workspace may reach",
        arguments: [
            "http://127.0.0.1:8443/", "https://169.254.169.254/latest/", "https://localhost/", "https://localhost./", "http://0x7f.1/",
            "https://10.1.2.3/", "https://[::1]/", "https://2130706433/", "https://0.0.0.0/",
        ])
    func nearby(url: String) throws {
        var some = workspace
        for network in [Workspace.Network.open, .hosts(["127.0.0.1", "localhost", "169.254.169.254", "10.1.2.3"])] {
            some.network = network
            #expect(try !allows("WebFetch", #"{"url":"\#(url)"}"#, in: some))
        }
        some.network = .open
        #expect(try allows("WebFetch", #"{"url":"https://1.1.1.1/"}"#, in: some) && allows("WebFetch", #"{"url":"https://10.example.org/"}"#, in: some))
    }

    // MARK: - What was denied

    /// Why a call is denied that is answered so.
    private func denial(_ name: JSONText, _ input: String, answered content: String, isError: Bool = true) throws -> String? {
        var calls = AgentCalls(AgentPolicy(run: AgentRun(in: workspace)))
        let nothing: [UInt8] = []
        let escaped = JSONText(input)
        let line = Array(escaped.escaped)
        _ = calls.pass(.blockStarted(.agentCall(id: "t1", name: name)), of: nothing.span)
        _ = calls.pass(.toolInput(JSONSlice(start: 0, end: line.count, hasEscapes: escaped.hasEscapes)), of: line.span)
        _ = calls.pass(.blockStopped, of: nothing.span)
        var json = JSONWriter()
        json.string(content)
        let result = CallResult(id: "t1", isError: isError, content: JSONFragment(validated: json.bytes[...]))
        guard case .callResult(let passed) = calls.pass(.callResult(result), of: nothing.span) else { return nil }
        return passed.denial
    }

    @Test("what a sub-agent is refused is told as what its run is")
    func refusedToSubagents() throws {
        var calls = AgentCalls(AgentPolicy(run: AgentRun(in: workspace)))
        let nothing: [UInt8] = []
        func answer(_ name: JSONText, _ input: String, _ content: String) throws -> String? {
            let arguments = JSONFragment(validated: Array(input.utf8)[...])
            _ = calls.pass(.subagent(SubagentStep(of: "t1", .called(id: "t2", name: name, input: arguments, isFirst: true))), of: nothing.span)
            var json = JSONWriter()
            json.string(content)
            let result = CallResult(id: "t2", isError: true, content: JSONFragment(validated: json.bytes[...]))
            let passed = calls.pass(.subagent(SubagentStep(of: "t1", .answered(result))), of: nothing.span)
            guard case .subagent(let step) = passed, case .answered(let told) = step.kind else { return nil }
            return told.denial
        }
        #expect(try answer("Bash", #"{"command":"cat /etc/shadow"}"#, "cat: /etc/shadow: Permission denied")?.contains("/etc/shadow") == true)
        #expect(try answer("Read", #"{"file_path":"/proc/1/environ"}"#, "a device")?.contains("outside of the workspace") == true)
        #expect(try answer("Read", #"{"file_path":"missing"}"#, "File does not exist.") == nil)
    }

    @Test("what the CLI refuses before it asks is as denied as what the gateway refuses")
    func refusedByTheCLI() throws {
        #expect(try denial("Task", "{}", answered: "No such tool")?.contains("Task is not available") == true)
        #expect(try denial("Read", #"{"file_path":"/proc/1/environ"}"#, answered: "a device")?.contains("outside of the workspace") == true)
        #expect(try denial("Read", #"{"file_path":"missing"}"#, answered: "File does not exist.") == nil)
        #expect(try denial("Write", #"{"file_path":"a","content":"\#(String(repeating: "x", count: 100_000))"}"#, answered: "no")?.contains("missing") == true)
    }

    @Test(
        "a command to which its walls refused something is told of with what it said",
        arguments: [
            ("Exit code 1\ncat: /etc/shadow: Permission denied", "cat: /etc/shadow: Permission denied"),
            ("PermissionError: [Errno 1] Operation not permitted", "Operation not permitted"), ("Exit code 153\ny\ny", "a file as large as that"),
            ("x\nportcullis: the walls of this workspace refused: the network, which it has none of (2)", "the network, which it has none of (2)"),
            ("bash: fork: retry: Resource temporarily unavailable", "Resource temporarily unavailable"),
            ("Exit code 13\nPermission denied at -e line 1.", "Permission denied at -e"),
            ("Error: EACCES: permission denied, open '/etc/shadow'", "EACCES"), ("awk: cannot open /etc/shadow (Permission denied)", "/etc/shadow"),
            ("Error: EXDEV: cross-device link not permitted, link '/etc/passwd' -> 'x'", "EXDEV"), ("sh: 1: Cannot fork", "Cannot fork"),
            ("RuntimeError: can't start new thread", "new thread"), ("Error: spawn /bin/sh EAGAIN", "EAGAIN"),
            ("OSError: [Errno 97] Address family not supported by protocol", "Address family"),
        ])
    func refusedByTheWalls(output: String, told: String) throws {
        #expect(try denial("Bash", #"{"command":"x"}"#, answered: output)?.contains(told) == true)
    }

    @Test("what both the shell and a program say of their walls is told")
    func refusedTwice() throws {
        let output = "cat: /etc/shadow: Permission denied\nportcullis: the walls of this workspace refused: processes that outlive the command (1)"
        let told = try denial("Bash", #"{"command":"x"}"#, answered: output, isError: false)
        #expect(told?.contains("outlive the command (1)") == true && told?.contains("/etc/shadow") == true)
    }

    @Test("a pattern that leads out is denied, though the CLI says only that it has found nothing")
    func searchedElsewhere() throws {
        #expect(try denial("Glob", #"{"pattern":"{..,x}/*"}"#, answered: "No files found", isError: false)?.contains("..") == true)
        #expect(try denial("Glob", #"{"pattern":"*"}"#, answered: "No files found", isError: false) == nil)
    }

    @Test("what merely failed was not denied", arguments: ["Exit code 1", "grep: x: No such file or directory", ""])
    func failed(output: String) throws {
        #expect(try denial("Bash", #"{"command":"x"}"#, answered: output) == nil)
    }

    @Test("what a command that worked says in passing was not denied", arguments: ["he said Permission denied", "log: no permission denied here: none"])
    func spoken(output: String) throws {
        #expect(try denial("Bash", #"{"command":"x"}"#, answered: output, isError: false) == nil)
    }
}
