public import Vocabulary

/// A model as clients see it in the list.
public struct ModelEntry: Sendable {
    /// The name to ask for it by.
    public var id: String
    /// The name for people.
    public var displayName: String
    /// When it appeared, in Unix seconds.
    public var created: Int
    /// The tokens of its context window; nil where that is not known.
    public var contextTokens: Int?
    /// The most tokens of an answer; nil where that is not known.
    public var maxOutputTokens: Int?
    /// The efforts that it knows, least first.
    public var efforts: [Effort] = []
    /// What it reads beside text, in OpenRouter's words; nil where that is not known.
    public var inputs: [String]?
    /// The parameters of chat completions that have an effect on it, in OpenRouter's words; nil where that is not known.
    public var parameters: [String]?

    /// An entry of the list.
    public init(id: String, displayName: String, created: Int) {
        self.id = id
        self.displayName = displayName
        self.created = created
    }
}

/// The answers of `GET /v1/models` and `/v1/models/{id}`, in the one shape that satisfies both vendors'
/// clients.
///
/// Apps read the same thing by many names: people's name is `display_name` at Anthropic and `name` at OpenRouter, whose
/// spelling Open WebUI, LibreChat and others follow.
public enum ModelList {
    /// The whole list; it has no further pages. Codex finds its catalogue beside it.
    public static func list(_ models: [ModelEntry], withCodexCatalog isForCodex: Bool = false) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.raw("\"object\":\"list\"")
        writer.key("data")
        writer.beginArray()
        for model in models { write(model, to: &writer) }
        writer.endArray()
        writer.member("has_more", false)
        writer.key("first_id")
        if let first = models.first { writer.string(first.id) } else { writer.null() }
        writer.key("last_id")
        if let last = models.last { writer.string(last.id) } else { writer.null() }
        if isForCodex { CodexCatalog.write(models, to: &writer) }
        writer.endObject()
        return writer.bytes
    }

    /// One model.
    public static func entry(_ model: ModelEntry) -> [UInt8] {
        var writer = JSONWriter()
        write(model, to: &writer)
        return writer.bytes
    }

    private static func write(_ model: ModelEntry, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("id", model.id)
        writer.raw("\"object\":\"model\",\"type\":\"model\",\"owned_by\":\"anthropic\"")
        writer.member("created", model.created)
        writer.member("display_name", model.displayName)
        writer.member("name", model.displayName)
        writer.member("created_at", Timestamp.rfc3339(model.created))
        writer.raw("\"lifecycle\":\"active\"")
        if let tokens = model.contextTokens { writer.member("max_input_tokens", tokens) }
        if let tokens = model.maxOutputTokens { writer.member("max_tokens", tokens) }
        writeAsOpenRouter(model, to: &writer)
        writer.endObject()
    }

    private static func writeAsOpenRouter(_ model: ModelEntry, to writer: inout JSONWriter) {
        if let context = model.contextTokens {
            writer.member("context_length", context)
            writer.key("top_provider")
            writer.beginObject()
            writer.member("context_length", context)
            if let tokens = model.maxOutputTokens { writer.member("max_completion_tokens", tokens) }
            writer.endObject()
        }
        if let inputs = model.inputs {
            writer.key("architecture")
            writer.beginObject()
            writer.member("modality", (["text"] + inputs).joined(separator: "+") + "->text")
            list("input_modalities", ["text"] + inputs, to: &writer)
            list("output_modalities", ["text"], to: &writer)
            writer.endObject()
        }
        if let parameters = model.parameters { list("supported_parameters", parameters, to: &writer) }
    }

    private static func list(_ name: StaticString, _ words: [String], to writer: inout JSONWriter) {
        writer.key(name)
        writer.beginArray()
        for word in words { writer.string(word) }
        writer.endArray()
    }
}

/// The answers of the endpoints that count tokens.
public enum TokenCount {
    /// `POST /v1/messages/count_tokens`.
    public static func anthropic(_ tokens: Int) -> [UInt8] { encode(tokens, isResponse: false) }

    /// `POST /v1/responses/input_tokens`.
    public static func responses(_ tokens: Int) -> [UInt8] { encode(tokens, isResponse: true) }

    private static func encode(_ tokens: Int, isResponse: Bool) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        if isResponse { writer.raw("\"object\":\"response.input_tokens\"") }
        writer.member("input_tokens", tokens)
        writer.endObject()
        return writer.bytes
    }
}
