import Dialects
import Testing
import Vocabulary

/// What a forced call becomes where the model cannot be forced.
@Suite("A call is demanded of a model that refuses to be forced")
struct DemandedCallTests {
    private func demanded(
        _ tools: [(name: String, schema: String)], choice: String = #""required""#, more: String = ""
    ) throws -> Conversation {
        let tools = tools.map {
            #"{"type":"function","function":{"name":"\#($0.name)","parameters":\#($0.schema)}}"#
        }
        let body = #"""
            {"model":"m","messages":[{"role":"user","content":"x"}],"tools":[\#(tools.joined(separator: ","))],
            "tool_choice":\#(choice)\#(more)}
            """#
        var conversation = try Dialect.chatCompletions.decode(Array(body.utf8))
        conversation.demandCall()
        return conversation
    }

    private func format(_ conversation: Conversation) -> String? {
        guard case .jsonSchema(let schema) = conversation.outputFormat else { return nil }
        return String(decoding: schema.bytes, as: UTF8.self)
    }

    private func schema(_ properties: String, _ more: String = "") -> String {
        #"{"type":"object","properties":{\#(properties)}\#(more)}"#
    }

    private func function(_ name: String) -> String { #"{"type":"function","function":{"name":"\#(name)"}}"# }

    @Test("what forces nothing stays as it is", arguments: [#""auto""#, #""none""#])
    func unforced(choice: String) throws {
        let conversation = try demanded([("f", schema(""))], choice: choice)
        #expect(conversation.demandedCall == nil && conversation.outputFormat == nil && conversation.ignored == [])
    }

    @Test("each kind of force becomes a demand and is named as ignored")
    func kinds() throws {
        let tools = [("f", schema("")), ("g", schema("")), ("h", schema(""))]
        let any = try demanded(tools)
        #expect(any.toolChoice == .auto && any.demandedCall?.names == ["f", "g", "h"])
        #expect(any.demandedCall?.isNamed == false && any.demandedCall?.reading == .wrapped)
        let named = try demanded(tools, choice: function("g"))
        #expect(named.toolChoice == .auto && named.demandedCall?.names == ["g"])
        #expect(named.demandedCall?.isNamed == true && named.demandedCall?.reading == .arguments(of: "g"))
        let list = "[\(function("h")),\(function("f")),\(function("h"))]"
        let allowed = try demanded(
            tools, choice: #"{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":\#(list)}}"#)
        #expect(allowed.toolChoice == .allowed(["h", "f", "h"], isRequired: false))
        #expect(allowed.demandedCall?.names == ["f", "h"] && allowed.demandedCall?.isNamed == false)
        for each in [any, named, allowed] { #expect(each.ignored == ["tool_choice"]) }
    }

    @Test("one tool's arguments become the format, closed and with bounds in descriptions")
    func single() throws {
        let arguments = schema(
            #""n":{"type":"integer","minimum":1,"default":3,"title":"N"},"s":{"type":"string","pattern":"^(?=a)"}"#,
            #","required":["n"],"$schema":"x","description":"d""#)
        #expect(
            format(try demanded([("f", arguments)])) == #"""
                {"type":"object","properties":{"n":{"type":"integer","title":"N","description":"{minimum: 1}"},"s":{"type":"string","description":"{pattern: \"^(?=a)\"}"}},"required":["n"],"additionalProperties":false,"description":"d"}
                """#)
    }

    @Test("several tools' arguments become one choice, with their definitions apart")
    func several() throws {
        let first = schema(
            ##""a":{"$ref":"#/$defs/P"}"##, ##","$defs":{"P":{"type":"object","properties":{"x":{"type":"null"}}}}"##)
        let second = schema(##""b":{"description":"d","$ref":"#/definitions/P"}"##, ##","definitions":{"P":{"enum":[1,"a"]}}"##)
        let conversation = try demanded([("f", first), ("g", second)])
        #expect(
            format(conversation) == ##"""
                {"type":"object","properties":{"call":{"anyOf":[{"type":"object","properties":{"tool":{"type":"string","enum":["f"]},"arguments":{"type":"object","properties":{"a":{"$ref":"#/$defs/t0_P"}},"additionalProperties":false}},"required":["tool","arguments"],"additionalProperties":false},{"type":"object","properties":{"tool":{"type":"string","enum":["g"]},"arguments":{"type":"object","properties":{"b":{"$ref":"#/$defs/t1_P"}},"additionalProperties":false}},"required":["tool","arguments"],"additionalProperties":false}]}},"required":["call"],"additionalProperties":false,"$defs":{"t0_P":{"type":"object","properties":{"x":{"type":"null"}},"additionalProperties":false},"t1_P":{"enum":[1,"a"]}}}
                """##)
        let alone = try demanded([("f", first)])
        #expect(format(alone)?.hasSuffix(#""$defs":{"P":{"type":"object","properties":{"x":{"type":"null"}},"additionalProperties":false}}}"#) == true)
    }

    static let misfits = [
        #"{"type":"object"}"#,
        #"{"type":"object","properties":{"m":{"type":"object"}}}"#,
        #"{"type":"object","properties":{"m":{}}}"#,
        #"{"type":"object","properties":{"m":true}}"#,
        #"{"type":"object","properties":{"m":{"type":"array"}}}"#,
        #"{"type":"object","properties":{"m":{"type":"object","additionalProperties":{"type":"string"}}}}"#,
        #"{"type":"object","properties":{"m":{"type":"string"}},"additionalProperties":true}"#,
        #"{"type":"object","properties":{"m":{"enum":[{"a":1}]}}}"#,
        #"{"type":"object","properties":{"m":{"const":[1]}}}"#,
        #"{"type":"object","properties":{"m":{"not":{"type":"string"}}}}"#,
        #"{"type":"object","properties":{"m":{"type":"string"}},"if":{},"then":{}}"#,
        #"{"type":"object","properties":{"m":{"allOf":[{"type":"string"}]}}}"#,
        #"{"type":"object","properties":{"m":{"type":"array","items":{"type":"null"},"contains":{"type":"null"}}}}"#,
        ##"{"type":"object","properties":{"m":{"$ref":"#"}}}"##,
        #"{"type":"object","properties":{"m":{"$ref":"https://example.com/s"}}}"#,
        ##"{"type":"object","properties":{"m":{"$ref":"#/$defs/none"}}}"##,
        ##"{"type":"object","properties":{"m":{"$ref":"#/$defs/a"}},"$defs":{"a":{"type":"array","items":{"$ref":"#/$defs/a"}}}}"##,
        ##"{"type":"object","properties":{"m":{"$ref":"#/$defs/a","type":"string"}},"$defs":{"a":{"type":"string"}}}"##,
        #"{"type":"object","properties":{"m":{"type":"null"}},"$defs":{"unused":{"prefixItems":[]}}}"#,
        ##"{"type":"object","properties":{"m":{"$ref":"#/$defs/a"}},"$defs":{"a":{"type":"null"}},"definitions":{"a":{"type":"null"}}}"##,
    ]

    @Test("what may not fit the grammar leaves the words alone to ask", arguments: misfits)
    func misfit(schema: String) throws {
        let fits = #"{"type":"object","properties":{"m":{"type":"string"}}}"#
        for tools in [[("f", schema)], [("f", fits), ("g", schema)]] {
            let conversation = try demanded(tools)
            #expect(conversation.outputFormat == nil)
            #expect(conversation.demandedCall?.reading == nil && conversation.demandedCall?.names.count == tools.count)
        }
        #expect(try demanded([("f", schema), ("g", fits)], choice: function("g")).outputFormat != nil)
    }

    private func properties(_ count: Int, _ schema: String) -> String {
        (0..<count).map { #""p\#($0)":\#(schema)"# }.joined(separator: ",")
    }

    @Test("the vendor's limits count over all the tools together")
    func limits() throws {
        let optional = #"{"type":"string"}"#
        #expect(try demanded([("f", schema(properties(24, optional)))]).outputFormat != nil)
        #expect(try demanded([("f", schema(properties(25, optional)))]).outputFormat == nil)
        let half = schema(properties(12, optional))
        #expect(try demanded([("f", half), ("g", half)]).outputFormat != nil)
        #expect(try demanded([("f", half), ("g", half), ("h", schema(#""x":\#(optional)"#))]).outputFormat == nil)
        let union = #"{"type":["string","null"]}"#
        #expect(try demanded([("f", schema(properties(16, union)))]).outputFormat != nil)
        #expect(try demanded([("f", schema(properties(17, union)))]).outputFormat == nil)
        let unions = schema(properties(8, #"{"anyOf":[{"type":"string"},{"type":"null"}]}"#))
        #expect(try demanded([("f", unions), ("g", unions)]).outputFormat == nil, "the choice is a union too")
        let many = (0..<17).map { ("f\($0)", schema("")) }
        #expect(try demanded(Array(many.prefix(16))).outputFormat != nil)
        #expect(try demanded(many).outputFormat == nil)
    }

    @Test("the client's own format is left alone")
    func ownFormat() throws {
        let conversation = try demanded(
            [("f", schema(""))], more: #","response_format":{"type":"json_object"}"#)
        #expect(conversation.outputFormat == .jsonObject)
        #expect(conversation.demandedCall?.names == ["f"] && conversation.demandedCall?.reading == nil)
    }

    @Test("Responses force in their own words")
    func responses() throws {
        let body = #"""
            {"model":"m","input":"x","tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{}}}],
            "tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"f"}]}}
            """#
        var conversation = try Dialect.responses.decode(Array(body.utf8))
        conversation.demandCall()
        #expect(conversation.toolChoice == .allowed(["f"], isRequired: false))
        #expect(conversation.demandedCall?.reading == .arguments(of: "f"))
    }
}
