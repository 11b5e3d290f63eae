import HTTP
import Vocabulary

/// What a request asks for in its header fields, beside its body.
struct TurnPreferences: Sendable {
    /// How hard to think, where the body does not say.
    var effort: ReasoningEffort?
    /// Names of the registered MCP servers to switch on.
    var mcpServers: [String] = []
    /// The client whose peculiarities are to be smoothed out.
    var client: KeyOptions.Client?
    /// The conversation that it goes on with.
    var conversation: String?
    /// True where `accept` names server-sent events.
    var takesStream = false
    /// True for a background task of a chat app.
    var isTask = false
    /// What `anthropic-beta` names, as far as it matters here.
    var betas: Set<VendorBeta> = []

    /// Reads the fields; `options` are those of the caller's key, which the request may narrow or repeat.
    init(_ fields: Fields, options: KeyOptions) throws(Refusal) {
        client = options.client
        if let word = Self.word(.effort, of: fields) {
            guard let known = ReasoningEffort(rawValue: word) else {
                throw Self.refusal(.effort, oneOf: ReasoningEffort.allCases.map(\.rawValue))
            }
            effort = known
        }
        if let word = Self.word(.client, of: fields) {
            guard let known = KeyOptions.Client(rawValue: word) else {
                throw Self.refusal(.client, oneOf: KeyOptions.Client.allCases.map(\.rawValue))
            }
            client = known
        }
        if client == nil, Self.isCodex(fields) { client = .codex }
        conversation = try ConversationName.field(fields)
        for value in fields.values(of: .mcpServers) {
            mcpServers += MCPRegistry.split(String(decoding: value, as: UTF8.self))
        }
        betas = Self.betas(fields)
        isTask = fields.isBackgroundTask
        takesStream = fields.string(of: .accept)?.contains("text/event-stream") == true
    }

    /// Names that mean nothing here are passed over: the vendor hears of none but those that a turn needs.
    private static func betas(_ fields: Fields) -> Set<VendorBeta> {
        var betas: Set<VendorBeta> = []
        for value in fields.values(of: .anthropicBeta) {
            betas.formUnion(MCPRegistry.split(String(decoding: value, as: UTF8.self)).compactMap(VendorBeta.init))
        }
        return betas
    }

    /// Codex says who it is in two fields, in several spellings: `codex_exec`, `codex-tui`, `Codex Desktop`.
    private static func isCodex(_ fields: Fields) -> Bool {
        [FieldName.originator, .userAgent].contains { name in
            guard let value = fields[name] else { return false }
            return String(decoding: value.prefix(5), as: UTF8.self).lowercased() == "codex"
        }
    }

    private static func word(_ name: FieldName, of fields: Fields) -> String? {
        guard let text = fields.string(of: name)?.lowercased(), !text.isEmpty else { return nil }
        return text
    }

    private static func refusal(_ name: FieldName, oneOf words: [String]) -> Refusal {
        Refusal(
            .invalidRequest, "The header field \(name) must be one of: \(words.joined(separator: ", ")).",
            param: name.description)
    }
}
