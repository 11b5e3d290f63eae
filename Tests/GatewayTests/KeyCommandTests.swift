import Testing

@testable import Gateway

@Suite("The commands for keys")
struct KeyCommandTests {
    private func key(_ words: String...) throws(ConfigurationFault) -> KeyCommand {
        guard case .key(let command) = try Command(["key"] + words) else { throw ConfigurationFault("key", "is another") }
        return command
    }

    @Test("each act is a name, words and options of serve")
    func acts() throws {
        let add = try key("add", "alice", "rpm=3", "message=Ask me", "--state-dir", "/s")
        #expect(add.request == AdminRequest(.keyAdd, fields: ["name": "alice"], words: ["rpm=3", "message=Ask me"]))
        #expect(add.options == ["--state-dir", "/s"] && !add.isJSON)
        #expect(try key("set", "alice", "rpm=").request == AdminRequest(.keySet, fields: ["name": "alice"], words: ["rpm="]))
        let list = try key("list", "--json", "--config=/c")
        #expect(list.request == AdminRequest(.keyList) && list.isJSON && list.options == ["--config=/c"])
        #expect(try key("show", "alice", "--json").isJSON)
        #expect(try key("rotate", "alice").request == AdminRequest(.keyRotate, fields: ["name": "alice"]))
        let rotate = try key("rotate", "alice", "overlap=0").request
        #expect(rotate.fields == ["name": "alice", "overlap": "0"])
        for (word, verb) in [("disable", AdminRequest.Verb.keyDisable), ("enable", .keyEnable), ("remove", .keyRemove)] {
            #expect(try key(word, "alice").request == AdminRequest(verb, fields: ["name": "alice"]))
        }
        #expect(KeyCommand.forms.count == 8)
    }

    @Test(
        "what is written otherwise is refused without a word of what may be a key",
        arguments: [
            [], ["grow"], ["add"], ["add", "a b"], ["add", "alice", "hush-hush"], ["set", "alice"], ["list", "alice"],
            ["rotate", "alice", "hush-hush"], ["rotate", "alice", "overlap=1", "overlap=2"], ["remove"],
            ["remove", "alice", "hush-hush"], ["add", "alice:hush-hush"],
        ])
    func refused(words: [String]) throws {
        let fault = try #require(throws: ConfigurationFault.self) { try Command(["key"] + words) }
        #expect(!fault.description.contains("hush"))
    }

    @Test("the trail is asked for by a count, as JSON or not")
    func audit() throws {
        func audit(_ words: String...) throws -> AuditCommand? {
            if case .audit(let command) = try Command(["audit"] + words) { command } else { nil }
        }
        #expect(try audit()?.request == AdminRequest(.audit))
        let command = try #require(try audit("--json", "7", "--state-dir", "/s"))
        #expect(command.isJSON && command.request.fields == ["count": "7"] && command.options == ["--state-dir", "/s"])
        #expect(throws: ConfigurationFault.self) { try audit("all") }
    }

    @Test("help and reference tell every option, and the page of keys holds the reference as it is")
    func reference() throws {
        let help = KeyOption.helpText()
        let markdown = KeyOption.referenceMarkdown()
        for option in KeyOption.all {
            #expect(help.contains("  \(option.name)=\(option.syntax)\n") && markdown.contains("| `\(option.name)` |"))
        }
        for line in help.split(separator: "\n") { #expect(line.count <= 100, "\(line)") }
        for words in [["help", "key"], ["key", "--help"], ["key", "add", "-h"]] {
            #expect(try Command(words) == .keyHelp(asMarkdown: false))
        }
        #expect(try Command(["help", "key", "--markdown"]) == .keyHelp(asMarkdown: true))
        let page = try checkout("deploy/docs/keys.md")
        let wanted = "<!-- key-options:begin -->\n\(markdown)<!-- key-options:end -->"
        #expect(page.contains(wanted), "put the output of 'portcullis help key --markdown' between the markers")
    }

    @Test("a table is aligned and cannot steer a terminal")
    func tables() {
        let rows = [#"{"name":"a","source":"ledger","state":"enabled","options":"x\u001b[2J"}"#, #"{"name":"longer"}"#]
        let lines = AdminTable.keys(rows).split(separator: "\n")
        #expect(lines.count == 3 && lines[1].hasPrefix("a       ledger  enabled") && lines[1].hasSuffix("x?[2J"))
        #expect(lines[2] == "longer" && AdminTable.json([]) == "[]")
    }

    @Test("the settings that administration needs are read where others are faulty, and not where they are themselves")
    func lenient() throws {
        func read(_ arguments: [String], _ environment: [String: String] = [:]) throws -> Configuration {
            try Configuration.loadForAdministration(
                arguments: arguments, environment: environment,
                readFile: { (path) throws(FileFault) in throw FileFault(path: path, problem: "does not exist") },
                machine: plainMachine)
        }
        #expect(try read(["--state-dir", "/s", "--claude-path", "/gone"]).stateDirectory == "/s")
        #expect(try read([], ["STATE_DIRECTORY": "/var/lib/p"]).stateDirectory == "/var/lib/p")
        for wrong in [["--config", "/gone"], ["--state-dri", "/s"], ["--max-turns", "x"]] {
            #expect(throws: ConfigurationFaults.self) { try read(wrong) }
        }
    }
}
