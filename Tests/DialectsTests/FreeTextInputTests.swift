import Testing

@testable import Dialects
@testable import Vocabulary

/// The text of a free-text tool's call, taken out of the object in which the model writes it.
@Suite("Free-text input") struct FreeTextInputTests {
    @Test("The text comes out of the object however its pieces are cut", arguments: [
        (#"{"input":"*** Begin Patch\n+a \"b\" \\ c"}"#, "*** Begin Patch\n+a \"b\" \\ c"),
        ("{ \"input\"\n :\t\"x\" }", "x"),
        (#"{"input":""}"#, ""),
                (#"{"input":"\ud83d\ude42!"}"#, "🙂!"),
        (#"{"input":"\ud83d!\udE42"}"#, "\u{FFFD}!\u{FFFD}"),
        (#"{"input":"\ud83d\n"}"#, "\u{FFFD}\n"),
        (#"{"input":"\ud83d\ud83d\ude42"}"#, "\u{FFFD}🙂"),
        (#"{"input":"a","more":1}"#, "a"),
        (#"{"more":1,"input":"a\tb"}"#, "a\tb"),
        (#"{"code":"x"}"#, #"{"code":"x"}"#),
        (#"{"input":["x"]}"#, #"{"input":["x"]}"#),
        ("{}", ""),
        ("", ""),
        ("just text", "just text"),
    ]) func textComesOut(arguments: String, expected: String) {
        #expect(text(of: [Array(arguments.utf8)]) == expected)
        #expect(text(of: arguments.utf8.map { [$0] }) == expected)
    }

    @Test("Text beyond ASCII passes as it stands") func beyondASCII() {
        #expect(text(of: [Array(#"{"input":"grüße 🙂"}"#.utf8)]) == "grüße 🙂")
    }

    @Test("What no escape of JSON is stays as it was written", arguments: [
        (#"{"input":"C:\x"}"#, #"C:\x"#),
        (#"{"input":"C:\users\u12"}"#, #"C:\users\u12"#),
        (#"{"input":"\ud83d\u12 \ud83d\ude4g"}"#, "\u{FFFD}\\u12 \u{FFFD}\\ude4g"),
        (#"{"input":"\ud83d\x"}"#, "\u{FFFD}\\x"),
        ("{\"input\":\"a\nb\"}", "a\nb"),
    ]) func sloppyTextSurvives(arguments: String, expected: String) {
        #expect(text(of: [Array(arguments.utf8)]) == expected)
        #expect(text(of: arguments.utf8.map { [$0] }) == expected)
    }

    @Test("A call that was cut off keeps the text that came") func cutOff() {
        #expect(text(of: [Array(#"{"input":"abc\"#.utf8)]) == "abc")
        #expect(text(of: [Array(#"{"inp"#.utf8)]) == #"{"inp"#)
    }

    /// The text of all pieces that come out; each of them must be valid between JSON quotes.
    private func text(of pieces: [[UInt8]]) -> String {
        var input = FreeTextInput()
        var text = ""
        for piece in pieces {
            var out: [UInt8] = []
            input.take(piece.span, into: &out)
            text += decoded(out)
        }
        var out: [UInt8] = []
        input.finish(into: &out)
        return text + decoded(out)
    }

    private func decoded(_ out: [UInt8]) -> String {
        let json = [UInt8(ascii: "\"")] + out + [UInt8(ascii: "\"")]
        let value = try? JSONDocument(parsing: json).root.text?.string
        #expect(value != nil, "\(String(decoding: out, as: UTF8.self))")
        return value ?? ""
    }
}
