import Dialects
import Testing
import Vocabulary

/// Requests as agents and frameworks for OpenAI's dialects send them, where the vendor's own rules are narrower.
@Suite("Shapes of products") struct ProductShapeTests {
    static let both: [Dialect] = [.chatCompletions, .responses]

    private func decode(_ dialect: Dialect, _ messages: String, _ members: String = "") throws -> Conversation {
        let list = dialect == .responses ? "input" : "messages"
        return try dialect.decode(Array(#"{"model":"m","\#(list)":\#(messages)\#(members)}"#.utf8))
    }

    private func format(_ dialect: Dialect, _ schema: String, _ more: String = "") -> String {
        dialect == .responses
            ? #","text":{"format":{"type":"json_schema","name":"n","schema":\#(schema)\#(more)}}"#
            : #","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":\#(schema)\#(more)}}"#
    }

    private func schema(_ dialect: Dialect, _ schema: String) throws -> (sent: String, ignored: [String]) {
        let conversation = try decode(dialect, #"[{"role":"user","content":"x"}]"#, format(dialect, schema))
        guard case .jsonSchema(let sent) = conversation.outputFormat else { return ("", []) }
        return (String(decoding: sent.bytes, as: UTF8.self), conversation.ignored)
    }

    // MARK: - Numbers

    @Test("a whole number may be written with a fraction of zero")
    func wholeNumbers() throws {
        let user = #"[{"role":"user","content":"x"}]"#
        for (spelling, value) in [("10.0", 10), ("1e2", 100), ("7", 7)] {
            let chat = try decode(.chatCompletions, user, #","n":1.0,"max_tokens":\#(spelling)"#)
            #expect(chat.sampling.maxTokens == value)
            let response = try decode(.responses, user, #","max_output_tokens":\#(spelling)"#)
            #expect(response.sampling.maxTokens == value)
            let echo = response.echo.first { $0.key.matches("max_output_tokens") }
            #expect(echo.map { String(decoding: $0.value.bytes, as: UTF8.self) } == "\(value)")
        }
        for spelling in ["10.5", "1e400", "-1.0", "0.0"] {
            #expect(throws: Refusal.self, "\(spelling)") {
                try decode(.chatCompletions, user, #","max_tokens":\#(spelling)"#)
            }
        }
    }

    @Test("a top_p of 1 asks for nothing", arguments: both)
    func neutralTopP(dialect: Dialect) throws {
        let user = #"[{"role":"user","content":"x"}]"#
        for spelling in ["1", "1.0"] {
            let conversation = try decode(dialect, user, #","temperature":0.1,"top_p":\#(spelling)"#)
            #expect(conversation.sampling.topP == nil && conversation.ignored.isEmpty)
        }
        #expect(try decode(dialect, user, #","top_p":0.9"#).sampling.topP == JSONFragment("0.9"))
    }

    // MARK: - Who speaks last

    @Test("instructions alone are the question", arguments: both)
    func onlyInstructions(dialect: Dialect) throws {
        let messages = #"[{"role":"system","content":"Be kind."},{"role":"system","content":"Who speaks next?"}]"#
        let conversation = try decode(dialect, messages)
        #expect(conversation.system == ["Be kind."])
        #expect(conversation.turns.map(\.role) == [.user])
        #expect(conversation.turns.map(\.blocks) == [[.text("Who speaks next?")]])
    }

    @Test("an assistant's last message is followed by another", arguments: both)
    func assistantLast(dialect: Dialect) throws {
        let spoken = #"{"role":"user","content":"a"},{"role":"assistant","content":"b"}"#
        let again = try decode(dialect, "[\(spoken)]")
        #expect(again.turns.map(\.role) == [.user, .assistant, .system])
        #expect(again.turns.last?.blocks == [.text("Continue.")])
        let told = try decode(dialect, #"[\#(spoken),{"role":"system","content":"Now in French."}]"#)
        #expect(told.turns.last?.blocks == [.text("Now in French.")])
    }

    @Test("an assistant's empty last message is nothing")
    func emptyAssistantLast() throws {
        let messages = #"[{"role":"user","content":"a"},{"role":"assistant","content":""}]"#
        #expect(try decode(.chatCompletions, messages).turns.map(\.blocks) == [[.text("a")]])
    }

    @Test("a call without its result is refused at the end as well")
    func openCallLast() {
        let call = #"{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}"#
        let messages = #"[{"role":"user","content":"a"},{"role":"assistant","tool_calls":[\#(call)]}]"#
        let refusal = #expect(throws: Refusal.self) { try decode(.chatCompletions, messages) }
        #expect(refusal?.message == "messages: the tool call c is not followed by its result")
    }

    // MARK: - Schemas

    @Test("a schema the vendor takes arrives as it was written", arguments: both)
    func untouched(dialect: Dialect) throws {
        let text = #"{ "type":"object", "properties":{"minimum":{"type":"string","format":"date"}},"additionalProperties":false}"#
        #expect(try schema(dialect, text) == (text, []))
    }

    @Test("objects are closed wherever they stand", arguments: both)
    func closed(dialect: Dialect) throws {
        let open = #"{"type":"object","properties":{"a":{"type":"array","items":{"properties":{},"additionalProperties":true}}},"$defs":{"D":{"anyOf":[{"properties":{}}]}}}"#
        let shut = #"{"type":"object","properties":{"a":{"type":"array","items":{"properties":{},"additionalProperties":false}}},"$defs":{"D":{"anyOf":[{"properties":{},"additionalProperties":false}]}},"additionalProperties":false}"#
        #expect(try schema(dialect, open) == (shut, []))
    }

    @Test("an object of unknown properties is asked for in the prompt", arguments: both)
    func openMaps(dialect: Dialect) throws {
        for text in [
            #"{"type":"object"}"#,
            #"{"type":"object","properties":{"m":{"type":["object","null"],"additionalProperties":{"type":"integer"}}}}"#,
        ] {
            let user = #"[{"role":"system","content":"s"},{"role":"user","content":"x"}]"#
            let conversation = try decode(dialect, user, format(dialect, text))
            #expect(conversation.outputFormat == .jsonObject)
            #expect(conversation.system.map(\.string) == ["s", "Your answer must match this JSON Schema:\n\(text)"])
        }
    }

    @Test("a strict schema beyond the grammar is asked for in the prompt too, and strict is named", arguments: both)
    func strict(dialect: Dialect) throws {
        let text = #"{"type":"object","properties":{"m":{"type":"object"}}}"#
        let user = #"[{"role":"user","content":"x"}]"#
        let conversation = try decode(dialect, user, format(dialect, text, #","strict":true"#))
        #expect(conversation.outputFormat == .jsonObject)
        let name = dialect == .responses ? "text.format.strict" : "response_format.json_schema.strict"
        #expect(conversation.ignored == [name])
    }

    @Test("bounds are told in the description and named as ignored", arguments: both)
    func bounds(dialect: Dialect) throws {
        let text = #"{"type":"object","properties":{"n":{"type":"integer","minimum":1,"maximum":5,"description":"a \"number\""},"s":{"type":"string","maxLength":9,"format":"slug"},"l":{"type":"array","minItems":1,"maxItems":3}},"additionalProperties":false}"#
        let told = #"{"type":"object","properties":{"n":{"type":"integer","description":"a \"number\"\n\n{minimum: 1, maximum: 5}"},"s":{"type":"string","description":"{maxLength: 9, format: \"slug\"}"},"l":{"type":"array","minItems":1,"description":"{maxItems: 3}"}},"additionalProperties":false}"#
        let (sent, ignored) = try schema(dialect, text)
        #expect(sent == told)
        #expect(
            ignored == ["schema.minimum", "schema.maximum", "schema.maxLength", "schema.format", "schema.maxItems"])
    }

    @Test("a choice of exactly one is a choice of any, and values are no schemas")
    func choices() throws {
        let text = #"{"type":"object","properties":{"v":{"oneOf":[{"const":1},{"enum":["minLength"],"default":{"minimum":1}}]}},"additionalProperties":false}"#
        let any = #"{"type":"object","properties":{"v":{"anyOf":[{"const":1},{"enum":["minLength"],"default":{"minimum":1}}]}},"additionalProperties":false}"#
        #expect(try schema(.responses, text) == (any, []))
    }

    private static func many(_ count: Int, _ schema: String) -> String {
        let properties = (0..<count).map { #""p\#($0)":\#(schema)"# }.joined(separator: ",")
        return #"{"type":"object","properties":{\#(properties)},"additionalProperties":false}"#
    }

    /// Schemas that the vendor would answer with a 400 of its own.
    static let beyond = [
        many(25, #"{"type":"string"}"#),
        many(17, #"{"type":["string","null"]}"#),
        many(17, #"{"oneOf":[{"type":"string"},{"type":"null"}]}"#),
        ##"{"type":"object","properties":{"a":{"$ref":"#"}},"additionalProperties":false}"##,
        ##"{"type":"object","properties":{"a":{"$ref":"#/$defs/A"}},"$defs":{"A":{"type":"array","items":{"$ref":"#/$defs/B"}},"B":{"$ref":"#/$defs/A"}},"additionalProperties":false}"##,
        #"{"type":"object","properties":{"a":{"$ref":"other.json"}},"additionalProperties":false}"#,
        #"{"type":"object","properties":{"a":{"not":{"type":"string"}}},"additionalProperties":false}"#,
        #"{"type":"object","properties":{"a":{"type":"array","prefixItems":[{"type":"string"}]}},"additionalProperties":false}"#,
        #"{"type":"object","properties":{},"patternProperties":{"^x":{"type":"string"}},"additionalProperties":false}"#,
        #"{"type":"object","properties":{"a":{"enum":[{"x":1}]}},"additionalProperties":false}"#,
        ##"{"allOf":[{"$ref":"#/$defs/A"}],"$defs":{"A":{"type":"object","properties":{}}}}"##,
        #"{"type":"object","properties":{"a":{"anyOf":[{"type":"string"}],"oneOf":[{"type":"string"}]}},"additionalProperties":false}"#,
    ]

    @Test("a schema beyond the grammar or its limits is asked for in the prompt", arguments: both, beyond)
    func beyondGrammar(dialect: Dialect, text: String) throws {
        let user = #"[{"role":"user","content":"x"}]"#
        let loose = try decode(dialect, user, format(dialect, text))
        #expect(loose.outputFormat == .jsonObject && loose.ignored == [])
        #expect(loose.system.map(\.string) == ["Your answer must match this JSON Schema:\n\(text)"])
        let strict = try decode(dialect, user, format(dialect, text, #","strict":true"#))
        #expect(strict.outputFormat == .jsonObject)
        #expect(strict.ignored == [dialect == .responses ? "text.format.strict" : "response_format.json_schema.strict"])
    }

    @Test("a schema up to the limits goes to the vendor")
    func withinLimits() throws {
        for text in [Self.many(24, #"{"type":"string"}"#), Self.many(16, #"{"type":["string","null"]}"#)] {
            #expect(try schema(.chatCompletions, text) == (text, []))
        }
    }

    @Test("what a definition holds counts wherever it is referred to, and a long chain ends")
    func definitions() throws {
        let nine = #"{"type":"object","properties":{"a":{"type":"null"},"b":{"type":"null"},"c":{"type":"null"},"d":{"type":"null"},"e":{"type":"null"},"f":{"type":"null"},"g":{"type":"null"},"h":{"type":"null"},"i":{"type":"null"}},"additionalProperties":false}"#
        func text(_ uses: Int) -> String {
            let items = (0..<uses).map { ##""p\##($0)":{"$ref":"#/$defs/N"}"## }
            let names = (0..<uses).map { #""p\#($0)""# }.joined(separator: ",")
            return #"{"type":"object","properties":{\#(items.joined(separator: ","))},"required":[\#(names)],"$defs":{"N":\#(nine)},"additionalProperties":false}"#
        }
        #expect(try schema(.chatCompletions, text(2)) == (text(2), []))
        let user = #"[{"role":"user","content":"x"}]"#
        #expect(try decode(.chatCompletions, user, format(.chatCompletions, text(3))).outputFormat == .jsonObject)
        // Each doubles the next: counted one by one, they would never end.
        let doubling = (0..<40).map { ##""d\##($0)":{"anyOf":[{"$ref":"#/$defs/d\##($0 + 1)"},{"$ref":"#/$defs/d\##($0 + 1)"}]}"## }
        let chain = (0..<20_000).map { ##""d\##($0)":{"$ref":"#/$defs/d\##($0 + 1)"}"## }
        for definitions in [doubling + [#""d40":{"type":"null"}"#], chain + [#""d20000":{"type":"null"}"#]] {
            let text = ##"{"type":"object","properties":{"a":{"$ref":"#/$defs/d0"}},"$defs":{\##(definitions.joined(separator: ","))},"additionalProperties":false}"##
            #expect(try decode(.chatCompletions, user, format(.chatCompletions, text)).outputFormat == .jsonObject)
        }
    }

    @Test(
        "a pattern that the grammar does not take is told in the description",
        arguments: [
            (#"^[a-z]{2,3}(?:-\\d+)?\\.$"#, true), ("(?=a)b", false), ("(?<!a)b", false), ("(?<n>a)", false),
            (#"\\bword"#, false), (#"(a)\\1"#, false), (#"\\p{L}"#, false), ("a{1000}", false),
        ])
    func patterns(pattern: String, isTaken: Bool) throws {
        let text = #"{"type":"object","properties":{"s":{"type":"string","pattern":"\#(pattern)"}},"additionalProperties":false}"#
        let (sent, ignored) = try schema(.chatCompletions, text)
        #expect((sent == text) == isTaken && ignored == (isTaken ? [] : ["schema.pattern"]))
    }
}
