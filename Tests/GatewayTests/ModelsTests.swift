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
}
