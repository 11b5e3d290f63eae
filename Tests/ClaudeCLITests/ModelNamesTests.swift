import Glibc
import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("What the CLI says of its models")
struct ModelNamesTests {
    @Test("short names stand for full ones; `default` depends on the account and is left out")
    func fixture() {
        let names = ModelNames(parsing: Fixture.bytes("list_models.ndjson"))
        #expect(
            names.resolved == [
                "sonnet": "claude-sonnet-5-5", "opus": "claude-opus-5-5", "haiku": "claude-haiku-5-5",
                "fable": "claude-fable-5-2",
            ])
    }

    private func parse(_ models: String) -> [String: String] {
        let line = #"{"type":"control_response","response":{"subtype":"success","response":{"models":\#(models)}}}"#
        return ModelNames(parsing: Array("{\"type\":\"system\"}\n\(line)\n".utf8)).resolved
    }

    @Test("what is no name, stands for itself or is of another shape is passed over")
    func shapes() {
        #expect(parse(#"[{"value":"sonnet","resolvedModel":"a"},{"value":"a","resolvedModel":"a"}]"#) == ["sonnet": "a"])
        #expect(parse(#"[{"value":"opus[1m]","resolvedModel":"us.anthropic.x:0[1m]"}]"#) == ["opus[1m]": "us.anthropic.x:0[1m]"])
        for odd in [
            #"[{"value":"a b","resolvedModel":"x"}]"#, #"[{"value":"","resolvedModel":"x"}]"#,
            #"[{"value":"a","resolvedModel":"x\u0000"}]"#, #"[{"value":"a","resolvedModel":7}]"#,
            #"[{"resolvedModel":"x"},"a",null]"#, "{}", "null", "7",
        ] {
            #expect(parse(odd).isEmpty, "\(odd)")
        }
        #expect(parse(#"[{"value":"a","resolvedModel":"x"},{"value":"a","resolvedModel":"y"}]"#) == ["a": "x"])
        let error = #"{"type":"control_response","response":{"subtype":"error","error":"unsupported_request"}}"#
        for text in [error, "", "no JSON", "\n\n"] { #expect(ModelNames(parsing: Array(text.utf8)).resolved.isEmpty) }
    }

    @Test("no more than 64 names are kept, of at most 128 bytes each")
    func bounds() {
        let many = (0..<100).map { #"{"value":"m\#($0)","resolvedModel":"x"}"# }.joined(separator: ",")
        #expect(parse("[\(many)]").count == 64)
        for (length, isKept) in [(128, true), (129, false)] {
            let name = String(repeating: "n", count: length)
            #expect(parse(#"[{"value":"\#(name)","resolvedModel":"x"}]"#).isEmpty != isKept)
            #expect(parse(#"[{"value":"x","resolvedModel":"\#(name)"}]"#).isEmpty != isKept)
        }
    }

    @Test("only what names models is told to a CLI that is asked, and another provider's is not asked")
    func variables() {
        func variables(_ environment: [String]) -> [String]? {
            LaunchProfile(path: "/c", operatorEnvironment: environment, loginDirectory: "/nonexistent").modelVariables
        }
        let named = ["ANTHROPIC_DEFAULT_SONNET_MODEL=b", "ANTHROPIC_API_KEY=k", "ANTHROPIC_DEFAULT_OPUS_MODEL=a"]
        #expect(variables(named) == ["ANTHROPIC_DEFAULT_OPUS_MODEL=a", "ANTHROPIC_DEFAULT_SONNET_MODEL=b"])
        #expect(variables(["CLAUDE_CODE_USE_BEDROCK=0"]) == [])
        for name in ["BEDROCK=1", "VERTEX=true", "FOUNDRY=1"] { #expect(variables(["CLAUDE_CODE_USE_" + name]) == nil) }
    }

    /// Asks a CLI that is a shell script.
    private func ask(_ script: String, milliseconds: Int = 5000) async throws -> ModelNames? {
        var limits = CLILimits()
        limits.requestMilliseconds = milliseconds
        let path = try Harness.supply(script: script, limits: limits).profile.path
        let state = Harness.directory()
        return try await Harness.onLoop { [limits] loop in
            let directories = try TurnDirectories(state: state)
            return await ModelQuestion.ask(
                path: path, variables: ["ANTHROPIC_DEFAULT_OPUS_MODEL=o"], in: directories, limits: limits, on: loop)
        }
    }

    @Test("it is asked once, without a login, and its vendor is nowhere")
    func question() async throws {
        let names = try await ask(
            """
            read row
            case "$row" in *'"subtype":"list_models"'*) ;; *) exit 1;; esac
            read more && exit 1
            echo '{"response":{"response":{"models":[{"value":"opus","resolvedModel":"'$ANTHROPIC_DEFAULT_OPUS_MODEL'"},'\\
            '{"value":"where","resolvedModel":"'$ANTHROPIC_BASE_URL'"},{"value":"key","resolvedModel":"'$CLAUDE_CODE_OAUTH_TOKEN'"}]}}}'
            """)
        #expect(names?.resolved == ["opus": "o", "where": "http://127.0.0.1:1", "key": "none"])
    }

    @Test("one that ends without an answer does not tell; one that hangs is not waited for")
    func silence() async throws {
        #expect(try await ask("exit 1") == ModelNames())
        #expect(try await ask("exec sleep 100", milliseconds: 200) == nil)
    }
}
