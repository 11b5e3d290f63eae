import Testing
import Vocabulary

@Suite("JSON documents") struct JSONDocumentTests {
    private func parse(_ text: String) throws -> JSONValue {
        try JSONDocument(parsing: Array(text.utf8)).root
    }

    @Test("a value knows its path")
    func paths() throws {
        let root = try parse(
            #"{"model":"m","messages":[{"role":"user"},{"content":[{"text":1}]}],"x":{"y z":[[2]]}}"#
        )
        #expect(root.path.isEmpty)
        #expect(root["model"]?.path == "model")
        let messages = try #require(root["messages"]).elements.map { $0 }
        #expect(messages[0]["role"]?.path == "messages[0].role")
        let text = messages[1]["content"]?.elements.first { _ in true }?["text"]
        #expect(text?.path == "messages[1].content[0].text")
        let inner = root["x"]?["y z"]?.elements.first { _ in true }?.elements.first { _ in true }
        #expect(inner?.path == "x.y z[0][0]")
    }

    @Test("the last of repeated keys counts, and an escaped key is the key it spells")
    func keys() throws {
        let root = try parse(#"{"a":1,"b":2,"\u0061":3}"#)
        #expect(root["a"]?.integer == 3)
        #expect(root["c"] == nil)
        #expect(root.members.map(\.key.string) == ["a", "b", "a"])
    }

    @Test("a fragment is the text as it stands")
    func fragments() throws {
        let root = try parse(#"{ "n" : 1.50e+2 , "s" : "\u00e9" , "o" : { "b":1, "a" : [ ] } }"#)
        func text(_ key: StaticString) -> String? {
            root[key].map { String(decoding: $0.fragment.bytes, as: UTF8.self) }
        }
        #expect(text("n") == "1.50e+2")
        #expect(text("s") == #""\u00e9""#)
        #expect(text("o") == #"{ "b":1, "a" : [ ] }"#)
    }

    @Test("integers are whole and fit, or are none")
    func integers() throws {
        let cases: [(String, Int?)] = [
            ("0", 0), ("-7", -7), ("9223372036854775807", Int.max), ("-9223372036854775808", Int.min),
            ("9223372036854775808", nil), ("1.0", nil), ("1e2", nil), ("\"1\"", nil), ("true", nil),
        ]
        for (text, expected) in cases { #expect(try parse(text).integer == expected, "\(text)") }
        #expect(try parse("1.5e2").double == 150)
    }

    @Test("a missing, null or wrong field is refused by its path")
    func reading() throws {
        let root = try parse(#"{"a":{"b":null,"c":"x","d":5.5}}"#)
        let a = try root.required("a")
        #expect(a.optional("b") == nil)
        #expect(throws: Refusal(.invalidRequest, "a.b: Field required", param: "a.b")) { try a.required("b") }
        #expect(throws: Refusal(.invalidRequest, "a.c: expected integer, got string", param: "a.c")) {
            try a.required("c").requireInteger()
        }
        #expect(throws: Refusal(.invalidRequest, "a.d: expected integer, got number", param: "a.d")) {
            try a.required("d").requireInteger()
        }
        #expect(throws: Refusal(.invalidRequest, "a: expected array, got object", param: "a")) {
            try a.expect(.array)
        }
    }

    @Test("a float without a fraction is a whole number where one is asked for")
    func wholeFloats() throws {
        let whole = [("10.0", 10), ("1e3", 1000), ("-0.0", 0), ("2.50e1", 25), ("9007199254740993", 9_007_199_254_740_993)]
        for (text, expected) in whole {
            #expect(try parse(text).requireInteger() == expected, "\(text)")
        }
        for text in ["10.5", "1e400", "1e300", "9223372036854775808", "\"10\""] {
            #expect(throws: Refusal.self) { try parse(text).requireInteger() }
        }
    }

    @Test("elements and members of other kinds are none")
    func kinds() throws {
        for text in ["1", "\"a\"", "null", "{}", "[]"] {
            #expect(try parse(text).elements.first { _ in true } == nil)
            #expect(try parse(text).members.first { _ in true } == nil)
        }
        #expect(try parse("[1,{\"a\":[2,3]},4]").elements.map(\.kind) == [.number, .object, .number])
    }

    @Test("a request of five megabytes is indexed without being copied")
    func large() throws {
        let data = String(repeating: "QUJD", count: 1_250_000)
        let document = try JSONDocument(parsing: Array("{\"data\":\"\(data)\"}".utf8))
        let text = try #require(document.root["data"]?.text)
        #expect(text.escaped.startIndex == 9)
        #expect(text.escaped.count == data.utf8.count)
    }
}
