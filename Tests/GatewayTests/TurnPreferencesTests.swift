import HTTP
import Testing
import Vocabulary

@testable import Gateway

@Suite("Preferences in header fields")
struct TurnPreferencesTests {
    private func read(_ pairs: [(FieldName, String)], client: KeyOptions.Client? = nil) throws(Refusal) -> TurnPreferences {
        var fields = Fields()
        for (name, value) in pairs { _ = fields.append(name: name, value: value) }
        var options = KeyOptions()
        options.client = client
        return try TurnPreferences(fields, options: options)
    }

    @Test("effort, servers and client are read, whatever the letter case of words")
    func given() throws {
        let found = try read([("x-effort", "High"), ("x-mcp-servers", "a, b,,c"), ("x-portcullis-client", "OpenClaw")])
        #expect(found.effort == .high)
        #expect(found.mcpServers == ["a", "b", "c"])
        #expect(found.client == .openclaw)
    }

    @Test("the list of servers may come in several fields")
    func severalFields() throws {
        #expect(try read([("x-mcp-servers", "a,b"), ("x-mcp-servers", "c")]).mcpServers == ["a", "b", "c"])
    }

    @Test("betas are read from all fields, and those that mean nothing here are passed over")
    func betas() throws {
        let found = try read([
            ("anthropic-beta", "x-2025-01-01, thinking-binding-controls-2026-08-01"), ("anthropic-beta", ""),
            ("anthropic-beta", "thinking-display-updates-2026-08-18,thinking-binding-controls-2026-08-01"),
        ])
        #expect(found.betas == [.thinkingBindingControls, .thinkingDisplayUpdates])
        #expect(try read([("anthropic-beta", "thinking-binding-controls-2026-08-010")]).betas.isEmpty)
    }

    @Test("what is not given, or empty, asks for nothing; the key may preset the client")
    func absent() throws {
        let found = try read([("x-effort", ""), ("x-mcp-servers", " , ")])
        #expect(found.effort == nil && found.mcpServers.isEmpty && found.client == nil)
        #expect(try read([], client: .openclaw).client == .openclaw)
    }

    @Test("an unknown word is refused by the name of its field", arguments: ["x-effort", "x-portcullis-client"])
    func unknown(name: String) throws {
        let field = try #require(FieldName(parsing: name))
        let refusal = try #require(throws: Refusal.self) { try read([(field, "wild")]) }
        #expect(refusal.kind == .invalidRequest && refusal.param == name)
    }
}
