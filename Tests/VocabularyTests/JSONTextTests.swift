import Testing
import Vocabulary

@Suite("JSON texts and writing") struct JSONTextTests {
    @Test(
        "a string survives being escaped and resolved",
        arguments: [
            "", "plain", "\"quoted\" \\ / \n\r\t", "\u{0}\u{1}\u{1F}\u{7F}", "é 日本語 🌍 👩‍👩‍👧",
            "\u{2028}\u{FEFF}\u{FFFF}",
        ]
    )
    func roundTrip(_ string: String) throws {
        let text = JSONText(string)
        #expect(text.string == string)
        let document = try JSONDocument(parsing: [UInt8(ascii: "\"")] + text.escaped + [UInt8(ascii: "\"")])
        #expect(document.root.text?.string == string)
        #expect(document.root.text == text)
    }

    @Test("escapes are resolved, surrogate pairs together, and a lone half becomes U+FFFD")
    func resolving() {
        let cases = [
            (#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{C}\n\r\t"), (#"\u0041\u00e9\u65e5"#, "Aé日"),
            (#"\uD83C\uDF0D"#, "🌍"), (#"\ud83c"#, "\u{FFFD}"), (#"\ud83cx"#, "\u{FFFD}x"),
            (#"\udf0d\ud83c"#, "\u{FFFD}\u{FFFD}"), (#"\ud83c\u0041"#, "\u{FFFD}A"),
        ]
        for (escaped, expected) in cases {
            #expect(JSONText(escaped: Array(escaped.utf8)[...], hasEscapes: true).string == expected)
        }
    }

    @Test("texts are equal when they spell the same")
    func equality() {
        let plain = JSONText("é/")
        #expect(plain == JSONText(escaped: Array(#"\u00e9\/"#.utf8)[...], hasEscapes: true))
        #expect(plain != JSONText("e/"))
        #expect(JSONText("a\\n") != JSONText("a\n"))
        #expect(JSONText("role").matches("role"))
        #expect(JSONText(escaped: Array(#"\u0072ole"#.utf8)[...], hasEscapes: true).matches("role"))
        #expect(!JSONText("roles").matches("role"))
    }

    @Test("joined texts are one text")
    func joined() {
        #expect(JSONText.joined([], separator: "\n").isEmpty)
        #expect(JSONText.joined(["a"], separator: "\n").string == "a")
        #expect(JSONText.joined(["a", "b\"", ""], separator: "\n").string == "a\nb\"\n")
        #expect(JSONText.joined(["a", "b"], separator: "-").hasEscapes == false)
    }

    @Test("commas stand between members and elements and nowhere else")
    func commas() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("a")
        writer.beginArray()
        writer.integer(Int.min)
        writer.bool(true)
        writer.null()
        writer.beginObject()
        writer.endObject()
        writer.string("x\n")
        writer.endArray()
        writer.key(JSONText("k\""))
        writer.string(JSONText("v"))
        writer.raw("\"r\":0")
        writer.key("f")
        writer.fragment(JSONFragment("{\"z\":1.0}"))
        writer.endObject()
        #expect(
            String(decoding: writer.bytes, as: UTF8.self)
                == #"{"a":[-9223372036854775808,true,null,{},"x\n"],"k\"":"v","r":0,"f":{"z":1.0}}"#
        )
    }

    @Test("a fragment is written on one line")
    func oneLine() throws {
        let pretty = "{\r\n  \"a\": [\n1,\n2 ],\n \"b\": \"c\\nd\"\n}"
        let fragment = try JSONDocument(parsing: Array(pretty.utf8)).root.fragment
        var writer = JSONWriter()
        writer.fragment(fragment)
        #expect(!writer.bytes.contains(0x0A) && !writer.bytes.contains(0x0D))
        let root = try JSONDocument(parsing: writer.bytes).root
        #expect(root["b"]?.text?.string == "c\nd")
        #expect(root["a"]?.elements.map(\.integer) == [1, 2])
    }

    @Test("decimal digits of any integer")
    func decimals() {
        for value in [0, 9, 10, -1, 1_795_000_000, Int.max, Int.min] {
            var bytes: [UInt8] = [0x78]
            bytes.append(decimal: value)
            #expect(String(decoding: bytes, as: UTF8.self) == "x\(value)")
        }
    }
}
