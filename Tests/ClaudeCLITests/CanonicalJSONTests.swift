import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("JSON values have one spelling")
struct CanonicalJSONTests {
    private func form(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        CanonicalJSON.append(JSONFragment(validated: Array(text.utf8)[...]), to: &bytes)
        return bytes
    }

    @Test(
        "values that are the same are spelt the same",
        arguments: [
            (#"{"a":1,"b":2}"#, "{ \"b\" : 2,\n\"a\" : 1 }"), (#"{"a":{"x":1,"y":[true,null]}}"#, #"{"a":{"y":[true,null],"x":1}}"#),
            (#"{"é":"\u00e9"}"#, #"{"\u00E9":"é"}"#), (#"{"a":"\n\t\/"}"#, #"{"a":"\u000a\u0009/"}"#),
            (#"{"a":"\ud83d\ude00"}"#, #"{"a":"😀"}"#), (#"{"a":1.0}"#, #"{"a":1}"#), (#"{"a":1e3}"#, #"{"a":1000}"#),
            (#"{"a":0.50}"#, #"{"a":5E-1}"#), (#"{"a":-0.0}"#, #"{"a":0}"#), (#"{"a":1e400}"#, #"{"a":1e999}"#),
        ])
    func same(first: String, second: String) { #expect(form(first) == form(second)) }

    private static let different = [
        "{}", "[]", #"{"a":null}"#, #"{"a":false}"#, #"{"a":true}"#, #"{"a":0}"#, #"{"a":1}"#, #"{"a":1.5}"#,
        #"{"a":"1"}"#, #"{"a":""}"#, #"{"a":[]}"#, #"{"a":{}}"#, #"{"a":[1,2]}"#, #"{"a":[12]}"#, #"{"a":[2,1]}"#,
        #"{"a":[[1],2]}"#, #"{"a":[[1,2]]}"#, #"{"a":["1","2"]}"#, #"{"a":["12"]}"#, #"{"a":["1\",\"2"]}"#,
        #"{"a":1,"b":2}"#, #"{"ab":12}"#, #"{"a":{"b":2}}"#, #"{"a":"t"}"#, #"{"a":"n"}"#, #"{"A":1}"#,
        #"{"a":9007199254740993}"#, #"{"a":9007199254740992}"#, #"{"a":12345678901234567890}"#,
        #"{"a":"e\u0301"}"#, #"{"a":"\u00e9"}"#, #"{"a":1e400}"#, #"{"a":-1e400}"#, #"{"a":" "}"#, #"{"a ":1}"#,
        #"{"a":1,"a":2}"#, #"{"a":2,"a":1}"#,
    ]

    @Test("values that differ are spelt differently, all of them")
    func different() {
        for (index, first) in Self.different.enumerated() {
            for second in Self.different[(index + 1)...] { #expect(form(first) != form(second), "\(first) \(second)") }
        }
    }

    @Test("what is no JSON stays as it stands")
    func noJSON() { #expect(form("{\"a\":") == Array("{\"a\":".utf8)) }
}
