import Dialects
import Testing
import Vocabulary

@Suite("Whole numbers") struct WholeNumberTests {
    @Test("a limit may be a float without a fraction; with one it is refused by its path", arguments: Dialect.allCases)
    func wholeFloats(dialect: Dialect) throws {
        let (key, words) =
            switch dialect {
            case .anthropic, .agentRun: ("max_tokens", #""messages":[{"role":"user","content":"x"}]"#)
            case .chatCompletions: ("max_completion_tokens", #""messages":[{"role":"user","content":"x"}]"#)
            case .responses: ("max_output_tokens", #""input":"x""#)
            }
        let decode = { (number: String) throws(Refusal) in
            try dialect.decode(Array(#"{"model":"m","\#(key)":\#(number),\#(words)}"#.utf8))
        }
        #expect(try decode("10.0").sampling.maxTokens == 10)
        #expect(throws: Refusal(.invalidRequest, "\(key): expected integer, got number", param: key)) {
            try decode("10.5")
        }
    }
}
