import Testing
import Vocabulary

@Suite("JSON strictness") struct JSONStrictnessTests {
    @Test(
        "what RFC 8259 allows is read",
        arguments: [
            "0", "-0", "1", "-1", "10", "1.5", "1e5", "1E+5", "1e-5", "-0.0e0",
            "123456789012345678901234567890",
            "true", "false", "null", "\"\"", "\"a\"", #""\"\\\/\b\f\n\r\t""#, #""\u0000\u00e9\uD83C\uDF0D""#,
            #""\ud83d""#, "\"\u{7F}\u{2028}é🌍\"", "[]", "[ ]", "{}", "{ }", " \t\r\n[1 , 2]\n ",
            "{\"a\" : 1 , \"b\":[]}",
            "{\"a\":1,\"a\":2}", "{\"\":null}", "[[[]],{}]",
        ]
    )
    func accepts(_ text: String) throws {
        let document = try JSONDocument(parsing: Array(text.utf8))
        let trimmed = text.drop(while: \.isWhitespace)
        #expect(trimmed.utf8.starts(with: document.root.fragment.bytes))
        try skip(text)
    }

    @Test(
        "what RFC 8259 does not allow is refused",
        arguments: [
            "", " ", "01", "-", "+1", "1.", ".5", "1e", "1e+", "0x1", "1_0", "--1", "NaN", "Infinity",
            "-Infinity",
            "True", "tru", "nul", "nulll", "'a'", "\"", "\"a", "\"\\\"", #""\x""#, #""\u12""#, #""\u12G4""#,
            #""\u""#,
            "\"\n\"", "\"\t\"", "\"\u{0}\"", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1,,2]", "{",
            "}", "{\"a\"}",
            "{\"a\":}", "{\"a\":1,}", "{,}", "{a:1}", "{1:1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "[}", "{]",
            "1 2", "{}x",
            "[]]", "\u{FEFF}{}", "/**/1", "1//", "\u{A0}1",
        ]
    )
    func refuses(_ text: String) {
        let error = #expect(throws: JSONError.self) { try JSONDocument(parsing: Array(text.utf8)) }
        #expect(error?.reason == .syntax)
        #expect(throws: JSONError.self) { try skip(text) }
    }

    /// The reader's own way past a value, which must judge as the document does.
    private func skip(_ text: String) throws(JSONError) {
        let bytes = Array(text.utf8)
        var reader = JSONReader(bytes.span)
        _ = try reader.skip()
        try reader.end()
    }

    @Test(
        "bytes that are not UTF-8 are refused",
        arguments: [
            [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [0x80],
        ]
    )
    func encoding(_ bytes: [UInt8]) {
        let text = Array("[\"ok\",\"".utf8) + bytes + Array("\"]".utf8)
        let error = #expect(throws: JSONError.self) { try JSONDocument(parsing: text) }
        #expect(error?.reason == .encoding)
    }

    static let whole = #"""
        {"a": [1, -2.5e+3, true, false, null], "b\u00e9\n": {"c": "h\u00e9llo \ud83c\udf0d \"q\" \\", "é": "🌍"},
         "d": [[], {}, [{"e": [0]}]], "f": ""}
        """#

    @Test("every beginning of a text is refused")
    func truncations() throws {
        let bytes = Array(Self.whole.utf8)
        _ = try JSONDocument(parsing: bytes)
        for count in 0..<bytes.count {
            #expect(throws: JSONError.self, "\(count) bytes") {
                try JSONDocument(parsing: Array(bytes[..<count]))
            }
            #expect(throws: JSONError.self, "\(count) bytes") {
                let part = Array(bytes[..<count])
                var reader = JSONReader(part.span)
                _ = try reader.skip()
                try reader.end()
            }
        }
    }

    @Test("a string's end is found at every distance from its beginning", arguments: 0..<40)
    func alignment(length: Int) throws {
        for special in ["\"", "\\", "\n"] {
            let plain = String(repeating: "x", count: length)
            let text = "[\"\(plain)\(special)\"]"
            // The special byte ends the string early, escapes its quote, or must not stand there.
            #expect(throws: JSONError.self) { try JSONDocument(parsing: Array(text.utf8)) }
        }
        let escaped = "\"" + String(repeating: "x", count: length) + "\\\"\""
        let document = try JSONDocument(parsing: Array(escaped.utf8))
        #expect(document.root.text?.string.count == length + 1)
    }

    @Test("depth is bounded, and costs no stack in a skipped value")
    func depth() throws {
        func nested(_ depth: Int) -> [UInt8] {
            Array(repeating: UInt8(ascii: "["), count: depth)
                + Array(repeating: UInt8(ascii: "]"), count: depth)
        }
        _ = try JSONDocument(parsing: nested(64))
        for depth in [65, 1_000_000] {
            let error = #expect(throws: JSONError.self) { try JSONDocument(parsing: nested(depth)) }
            #expect(error?.reason == .tooDeep)
            let bytes = nested(depth)
            #expect(throws: JSONError.self) {
                var reader = JSONReader(bytes.span)
                _ = try reader.skip()
            }
        }
        let objects = String(repeating: "{\"a\":", count: 65) + "1" + String(repeating: "}", count: 65)
        let error = #expect(throws: JSONError.self) { try JSONDocument(parsing: Array(objects.utf8)) }
        #expect(error?.reason == .tooDeep)
    }

    @Test("the number of values is bounded")
    func values() throws {
        let limits = JSONLimits(depth: 64, values: 5)
        _ = try JSONDocument(parsing: Array("[1,2,3,4]".utf8), limits: limits)
        let error = #expect(throws: JSONError.self) {
            try JSONDocument(parsing: Array("[1,2,3,4,5]".utf8), limits: limits)
        }
        #expect(error?.reason == .tooManyValues)
        #expect(throws: JSONError.self) {
            try JSONDocument(parsing: Array("{\"a\":1,\"b\":2,\"c\":3}".utf8), limits: limits)
        }
    }
}
