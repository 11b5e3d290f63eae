import HTTP
import Vocabulary

/// The program that asks, by the name it goes by: one of a few words, for usage, metrics and the log.
///
/// Believed as it is said: nothing is allowed or refused by it.
enum ClientKind: String, Sendable, CaseIterable {
    case claudeCode = "claude-code"
    case codex
    case openWebUI = "open-webui"
    case libreChat = "librechat"
    case cursor, zed, cline
    case rooCode = "roo-code"
    case continueDev = "continue"
    case opencode, openclaw, aider
    case langChain = "langchain"
    case liteLLM = "litellm"
    case openAISDK = "openai-sdk"
    case anthropicSDK = "anthropic-sdk"
    case aiSDK = "ai-sdk"
    case curl, browser
    /// A library for HTTP, in whatever program.
    case library
    case other

    init(_ fields: Fields) {
        if fields[.openWebUIChat] != nil || fields[.openWebUIUser] != nil {
            self = .openWebUI
        } else if fields[.claudeCodeSession] != nil {
            self = .claudeCode
        } else {
            let names: [FieldName] = [.originator, .appTitle, .userAgent]
            self = names.lazy.compactMap { fields[$0].flatMap(Self.named) }.first ?? .other
        }
    }

    /// The program that such a value names; nil for one that is not known.
    private static func named(_ value: ArraySlice<UInt8>) -> ClientKind? {
        let text = lowercased(value.prefix(longest))
        if let known = beginnings.first(where: { text.starts(with: $0.bytes) }) {
            guard known.kind == .browser else { return known.kind }
            // Apps that are built on a browser name themselves behind its name.
            return apps.first { text.firstRange(of: $0.bytes) != nil }?.kind ?? .browser
        }
        return nil
    }

    private static func lowercased(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        bytes.map { UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0 ? $0 | 0x20 : $0 }
    }

    private struct Name: Sendable {
        let bytes: [UInt8]
        let kind: ClientKind

        init(_ text: String, _ kind: ClientKind) { (bytes, self.kind) = (Array(text.utf8), kind) }
    }

    /// As values begin, in small letters.
    private static let beginnings = [
        Name("claude-cli", .claudeCode), Name("claude-code", .claudeCode), Name("codex", .codex),
        Name("openai/", .openAISDK), Name("asyncopenai/", .openAISDK), Name("azureopenai/", .openAISDK),
        Name("anthropic/", .anthropicSDK), Name("asyncanthropic/", .anthropicSDK),
        Name("open webui", .openWebUI), Name("open-webui", .openWebUI), Name("openwebui", .openWebUI),
        Name("librechat", .libreChat), Name("cursor", .cursor), Name("zed", .zed), Name("cline", .cline),
        Name("roo code", .rooCode), Name("roo-code", .rooCode), Name("roocode", .rooCode),
        Name("continue", .continueDev), Name("opencode", .opencode), Name("openclaw", .openclaw), Name("aider", .aider),
        Name("langchain", .langChain), Name("litellm", .liteLLM), Name("ai-sdk", .aiSDK), Name("ai/", .aiSDK),
        Name("curl/", .curl), Name("mozilla/", .browser), Name("python", .library), Name("aiohttp", .library),
        Name("go-http-client", .library), Name("node", .library), Name("undici", .library), Name("bun/", .library),
        Name("axios", .library), Name("okhttp", .library), Name("wget/", .curl), Name("reqwest", .library),
        Name("java", .library), Name("httpie", .curl),
    ]

    private static let apps = [
        Name("cursor/", .cursor), Name("cline/", .cline), Name("librechat", .libreChat), Name("continue/", .continueDev),
    ]

    private static let longest = 160
}

/// What a client calls its session, its chat and its user.
enum ClientIDs {
    private static let fields: [(field: FieldName, name: StaticString)] = [
        (.claudeCodeSession, "session"), (.codexSession, "session"), (.claudeCodeAgent, "agent"),
        (.openWebUIChat, "chat"), (.openWebUIMessage, "message"), (.openWebUITask, "task"), (.openWebUIUser, "user"),
        (.openWebUIEmail, "email"),
    ]

    /// The ids among a request's fields, cut and without what is not printable.
    static func of(_ fields: Fields) -> [RequestRecord.ClientID] {
        var ids: [RequestRecord.ClientID] = []
        for (field, name) in Self.fields {
            if let value = fields[field], !value.isEmpty { ids.append(id(name, value)) }
        }
        return ids
    }

    /// The ids in the metadata of a request's body, which Anthropic's clients send.
    static func of(_ metadata: JSONFragment) -> [RequestRecord.ClientID] {
        guard let document = try? JSONDocument(parsing: Array(metadata.bytes)),
            let user = document.root.optional("user_id")?.text?.string, !user.isEmpty
        else { return [] }
        return [id("user_id", user.utf8)]
    }

    /// An id as it may be logged.
    static func id(_ name: StaticString, _ value: some Collection<UInt8>) -> RequestRecord.ClientID {
        let shown = value.prefix(longest).map { 0x20..<0x7F ~= $0 ? $0 : UInt8(ascii: "?") }
        return RequestRecord.ClientID(name: name, text: String(decoding: shown, as: UTF8.self))
    }

    private static let longest = 128
}
