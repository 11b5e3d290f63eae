import Testing
import Vocabulary

@testable import Gateway

@Suite("Models")
struct ModelsTests {
    private let catalog = ModelCatalog(
        ModelSettings(
            defaultModel: "claude-opus-4-1",
            aliases: [
                ModelAlias(name: "gpt-4o", target: "sonnet"),
                ModelAlias(name: "cloud", target: "us.anthropic.x-v1:0"),
            ]))

    @Test(
        "a known name reaches the CLI as it is given, without its prefixes",
        arguments: [
            ("sonnet", "sonnet"), ("opus", "opus"), ("haiku", "haiku"), ("fable", "fable"), ("best", "best"),
            ("opusplan", "opusplan"), ("sonnet[1m]", "sonnet[1m]"), ("claude-opus-4-1", "claude-opus-4-1"),
            ("claude-3-5-haiku-20241022", "claude-3-5-haiku-20241022"),
            ("claude-sonnet-4-5[1m]", "claude-sonnet-4-5[1m]"),
            ("claude-opus-4@20250514", "claude-opus-4@20250514"),
            ("openai/sonnet", "sonnet"), ("anthropic/claude-opus-4-1", "claude-opus-4-1"),
            ("claude-code-cli/openai/haiku", "haiku"), ("gpt-4o", "sonnet"), ("openai/gpt-4o", "sonnet"),
            ("cloud", "us.anthropic.x-v1:0"), ("default", "claude-opus-4-1"), ("", "claude-opus-4-1"),
        ])
    func resolved(name: String, target: String) throws {
        #expect(try catalog.resolve(name) == target)
    }

    @Test("behind a model that is known stands a conversation, unless the whole is a model")
    func conversations() {
        let split = { [catalog] (name: String) in catalog.conversation(in: name).map { [$0.model, $0.id] } }
        #expect(split("sonnet:plans") == ["sonnet", "plans"])
        #expect(split("anthropic/sonnet[1m]:a:b c") == ["anthropic/sonnet[1m]", "a:b c"])
        #expect(split("gpt-4o:plans") == ["gpt-4o", "plans"])
        #expect(split("default:plans") == ["default", "plans"])
        for name in ["sonnet", "", ":plans", "sonnet:", "nobody:plans", "claude-opus-4-1:0", "sonnet:latest", "a:b:c"] {
            #expect(split(name) == nil, "\(name)")
        }
    }

    @Test(
        "any other name is not found",
        arguments: [
            "gpt-4", "claude", "claude-", "Sonnet", "sonnet-5", "claude-opus/4", "default[1m]", "openai/",
            "[1m]", "claude-a[1m]b",
        ])
    func unknown(name: String) throws {
        let refusal = try #require(throws: Refusal.self) { try catalog.resolve(name) }
        #expect(refusal.kind == .modelNotFound && refusal.param == "model")
        #expect(refusal.code == "model_not_found")
    }

    @Test(
        "names that are no names are invalid, not unknown",
        arguments: ["so net", "sonnet\n", "modèle", String(repeating: "a", count: 129)])
    func invalid(name: String) throws {
        #expect(try #require(throws: Refusal.self) { try catalog.resolve(name) }.kind == .invalidRequest)
    }

    @Test("without a default model the CLI's own is taken for 'default', and an empty name is refused")
    func noDefault() throws {
        let catalog = ModelCatalog(ModelSettings())
        #expect(try catalog.resolve("default") == "default")
        #expect(try #require(throws: Refusal.self) { try catalog.resolve("") }.kind == .invalidRequest)
    }

    @Test(
        "a default model that names itself ends",
        arguments: ["default", "openai/default", "anthropic/openai/default"])
    func selfReference(name: String) throws {
        #expect(try ModelCatalog(ModelSettings(defaultModel: name)).resolve("default") == "default")
    }

    @Test("the CLI's tools and the default model may have other names")
    func otherNames() throws {
        let settings = ModelSettings(
            defaultModel: "sonnet",
            aliases: [ModelAlias(name: "gpt-4o", target: "default"), ModelAlias(name: "worker", target: "claude-code")])
        let catalog = ModelCatalog(settings, hasAgent: true)
        for name in ["claude-code", "openai/claude-code", "worker", "openai/worker"] {
            #expect(catalog.isAgent(name) && !catalog.isDefault(name))
            #expect(try catalog.resolve(name) == "sonnet")
        }
        for name in ["default", "openai/default", "gpt-4o", "openai/gpt-4o"] {
            #expect(catalog.isDefault(name) && !catalog.isAgent(name))
            #expect(try catalog.resolve(name) == "sonnet")
        }
        #expect(catalog.entries(first: "claude-code").first?.id == "claude-code")
        let without = ModelCatalog(settings)
        #expect(!without.isAgent("worker") && without.target(of: "worker") == nil && without.target(of: "claude-code") == nil)
    }

    @Test("a default model that leads to itself by another name ends", arguments: ["default", "claude-code"])
    func selfReferenceByAlias(target: String) throws {
        let settings = ModelSettings(defaultModel: "gpt-4o", aliases: [ModelAlias(name: "gpt-4o", target: target)])
        #expect(try ModelCatalog(settings, hasAgent: true).resolve("gpt-4o") == "default")
    }

    @Test("every listed model can be asked for and retrieved, and none is listed twice")
    func listed() throws {
        let entries = catalog.entries
        #expect(entries.first?.id == "claude-opus-4-1")
        #expect(Set(entries.map(\.id)).count == entries.count)
        for entry in entries {
            _ = try catalog.resolve(entry.id)
            #expect(catalog.entry(for: entry.id) == entry)
            #expect(!entry.displayName.isEmpty && entry.created > 1_672_531_200)
        }
        #expect(ModelCatalog(ModelSettings()).entries.first?.id == "sonnet")
    }

    @Test("a model that is not listed but can be asked for can be retrieved")
    func retrieved() {
        #expect(catalog.entry(for: "claude-haiku-4-5-20251001")?.id == "claude-haiku-4-5-20251001")
        #expect(catalog.entry(for: "no-such-model") == nil)
    }

    private func problems(_ target: String, hasOtherModels: Bool = false) -> (faults: [String], warnings: [String]) {
        let aliases = [ModelAlias(name: "fast", target: "haiku"), ModelAlias(name: "gpt-4o", target: target)]
        let found = ModelSettings(aliases: aliases).problems(hasOtherModels: hasOtherModels)
        return (found.faults.map(\.description), found.warnings)
    }

    @Test(
        "an alias may lead to whatever the CLI or a cloud provider knows",
        arguments: [
            "sonnet", "opus[1m]", "claude-opus-4-1", "claude-opus-4@20250514", "default",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-3-haiku-20240307-v1:0",
            "global.anthropic.claude-sonnet-4-5-20250929-v1:0[1m]",
            "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc",
        ])
    func soundTargets(target: String) { #expect(problems(target) == ([], [])) }

    @Test(
        "an alias that leads elsewhere is a fault with the name that was meant",
        arguments: [
            ("sonet", "which is no model; did you mean sonnet?"), ("Sonnet", "which is no model; did you mean sonnet?"),
            ("fast", "which is an alias itself; write gpt-4o=haiku"),
            ("gpt-4o", "which is an alias itself; name a model"),
            ("glm-4.6", "which is no model; write an alias of the CLI or a full claude- name"),
        ])
    func unsoundTargets(target: String, problem: String) {
        #expect(problems(target).faults == ["MODEL_ALIASES: 'gpt-4o' leads to '\(target)', \(problem)"])
    }

    @Test("where the CLI asks somebody else any model may be one, and what is nearly an alias is only warned of")
    func otherModels() {
        #expect(problems("glm-4.6", hasOtherModels: true) == ([], []))
        #expect(problems("anthropic/claude-opus-4.1", hasOtherModels: true) == ([], []))
        let sonet = problems("sonet", hasOtherModels: true)
        #expect(sonet == ([], ["MODEL_ALIASES: 'gpt-4o' leads to 'sonet'; did you mean sonnet?"]))
        #expect(problems("fast", hasOtherModels: true).faults.count == 1)
        let names = ["CLAUDE_CODE_USE_BEDROCK", "ANTHROPIC_BASE_URL", "ANTHROPIC_VERTEX_BASE_URL"]
        for name in names {
            #expect(CLIEnvironment(variables: [(name, "1")], configDirectory: "/").hasOtherModels)
        }
        #expect(!CLIEnvironment(variables: [("HTTPS_PROXY", "1")], configDirectory: "/").hasOtherModels)
    }
}
