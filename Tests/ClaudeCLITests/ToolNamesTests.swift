import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("Tools have other names for the model")
struct ToolNamesTests {
    private func conversation(_ names: [String], _ aliases: [ToolAlias] = []) -> Conversation {
        var conversation = Conversation(model: "sonnet")
        conversation.tools = names.map {
            Tool(name: JSONText($0), description: nil, schema: JSONFragment("{\"type\":\"object\"}"))
        }
        conversation.toolAliases = aliases
        return conversation
    }

    @Test("without need no tool has another name")
    func none() {
        #expect(ToolNames(conversation(["Bash", "StructuredOutput", "toolsearch"])).isEmpty)
        #expect(CallTranslator(ToolNames(conversation(["Bash"]))).isIdle)
    }

    @Test("the CLI's own name becomes a free one, and the model's call of it the client's again")
    func reserved() {
        let names = ToolNames(conversation(["ToolSearch", "ToolSearch_"]))
        #expect(names.outward("ToolSearch") == "ToolSearch__")
        #expect(names.outward("ToolSearch_") == "ToolSearch_")
        #expect(names.alias(calledBy: "ToolSearch__")?.name == "ToolSearch")
        #expect(names.alias(calledBy: "ToolSearch_") == nil)
    }

    @Test("two tools never get one name")
    func collisions() {
        let both = [ToolAlias("exec", as: "Bash"), ToolAlias("run", as: "Bash")]
        let names = ToolNames(conversation(["exec", "run"], both))
        #expect(names.outward("exec") == "Bash")
        #expect(names.outward("run") == "run")
        #expect(ToolNames(conversation(["exec", "Bash"], both)).isEmpty)
        #expect(ToolNames(conversation(["other"], both)).isEmpty)
        let hidden = ToolNames(conversation(["find"], [ToolAlias("find", as: "ToolSearch")]))
        #expect(hidden.outward("find") == "ToolSearch_")
    }

    private let edit = ToolAlias(
        "edit", as: "Edit", arguments: [.init("path", as: "file_path"), .init("old", as: "old_string")])

    @Test("schemas and history carry the model's names of arguments, in place")
    func arguments() {
        let names = ToolNames(conversation(["edit"], [edit]))
        let schema = JSONFragment(
            "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"},\"x\":true},\"required\":[\"x\",\"path\"]}")
        #expect(
            String(decoding: names.outward(schema: schema, of: "edit").bytes, as: UTF8.self)
                == #"{"type":"object","properties":{"file_path":{"type":"string"},"x":true},"required":["x","file_path"]}"#
        )
        #expect(names.outward(schema: schema, of: "other") == schema)
        func input(_ json: StaticString) -> String {
            let turn = Turn(.assistant, [.toolUse(id: "t", name: "edit", input: JSONFragment(json))])
            guard case .toolUse(_, "Edit", let input) = names.outward([turn])[0].blocks[0] else { return "" }
            return String(decoding: input.bytes, as: UTF8.self)
        }
        #expect(input("{\"old\":1.50, \"path\":{\"path\":1}}") == #"{"old_string":1.50,"file_path":{"path":1}}"#)
        // Never two members of one name.
        #expect(input("{\"path\":1,\"file_path\":2}") == #"{"path":1,"file_path":2}"#)
        #expect(input("[\"path\"]") == #"["path"]"#)
    }

    private func translated(_ pieces: [String], name: String = "Edit") -> [String] {
        var translator = CallTranslator(ToolNames(conversation(["edit", "f"], [edit])))
        var seen: [String] = []
        let take = { (event: ReplyEvent, line: Span<UInt8>) in
            switch event {
            case .blockStarted(.toolUse(_, let name)): seen.append(name.string)
            case .toolInput(let slice): seen.append(slice.string(in: line))
            case .blockStopped: seen.append("stop")
            default: seen.append("other")
            }
        }
        translator.pass(.blockStarted(.toolUse(id: "t", name: JSONText(name))), of: [UInt8]().span, to: take)
        for piece in pieces {
            let line = Array(JSONText(piece).escaped)
            let slice = JSONSlice(start: 0, end: line.count, hasEscapes: true)
            translator.pass(.toolInput(slice), of: line.span, to: take)
        }
        translator.pass(.blockStopped, of: [UInt8]().span, to: take)
        translator.pass(.text(JSONSlice(start: 0, end: 0, hasEscapes: false)), of: [UInt8]().span, to: take)
        return seen
    }

    @Test("a call's renamed arguments come in one piece, all others as they stream")
    func calls() {
        let pieces = ["{\"file_", "path\":\"a\\\"\\n", "é\",\"n\":1}"]
        #expect(translated(pieces) == ["edit", #"{"path":"a\"\né","n":1}"#, "stop", "other"])
        #expect(translated(pieces, name: "f") == ["f"] + pieces + ["stop", "other"])
        #expect(translated([]) == ["edit", "stop", "other"])
    }

    @Test("arguments that were cut short stay as they are")
    func cut() {
        #expect(translated(["{\"file_path\":\"a"]) == ["edit", "{\"file_path\":\"a", "stop", "other"])
    }

    @Test("a schema gets the type it lacks, and is refused where it can have none", arguments: [
        ("{}", #"{"type":"object"}"#), (#"{"a":1}"#, #"{"type":"object","a":1}"#),
        (#"{"type":["null","object"],"a":1}"#, #"{"type":"object","a":1}"#),
        (#"{ "type": "object" }"#, #"{ "type": "object" }"#),
        (#"{"type":"array"}"#, nil), (#"{"type":null}"#, nil), (#"{"properties":1}"#, nil),
        (#"{"required":[1]}"#, nil), ("true", nil),
    ])
    func schemas(schema: String, settled: String?) {
        let fragment = JSONFragment(validated: ArraySlice(schema.utf8))
        let found = try? ToolSchema.settled(fragment, at: "tools[0]")
        #expect(found.map { String(decoding: $0.bytes, as: UTF8.self) } == settled)
    }

    @Test("a tool that the CLI leaves out is missed")
    func missing() throws {
        let tools = try ClientTools(conversation(["f", "Agent", "ToolSearch"]))
        func fault(_ list: String) -> String? {
            let line = Array(list.utf8)
            return tools.missing(from: JSONSlice(start: 0, end: line.count, hasEscapes: false), in: line.span)?.message
        }
        #expect(fault(#"["Task","f","ToolSearch_","mcp__x__y"]"#) == nil)
        #expect(fault(#"["Task","ToolSearch_"]"#)?.contains("tool f ") == true)
        #expect(fault("[]")?.contains("tool f ") == true)
    }
}
