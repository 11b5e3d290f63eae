import Vocabulary

/// New JSON fragments made of a request's own pieces.
enum Fragments {
    /// The arguments of a tool call, which OpenAI's dialects carry as JSON inside a string.
    ///
    /// What is not a JSON object is kept whole as `{"INVALID_JSON": "…"}`, the vendor's own convention for
    /// arguments that were cut short; no text at all means no arguments.
    static func arguments(_ text: JSONText) -> JSONFragment {
        let bytes = text.hasEscapes ? Array(text.string.utf8) : Array(text.escaped)
        if bytes.allSatisfy({ $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }) {
            return JSONFragment("{}")
        }
        if let document = try? JSONDocument(parsing: bytes), document.root.kind == .object {
            return document.root.fragment
        }
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("INVALID_JSON", text)
        writer.endObject()
        return JSONFragment(validated: writer.bytes[...])
    }

    /// A block without the client's cache marks, its own and those of the blocks in its `content` and
    /// `source`.
    ///
    /// The CLI sets marks of its own and the vendor allows four in all: a client's would make the fifth.
    static func withoutCacheMarks(_ value: JSONValue) -> JSONFragment {
        guard hasCacheMarks(value) else { return value.fragment }
        var writer = JSONWriter()
        copy(value, to: &writer)
        return JSONFragment(validated: writer.bytes[...])
    }

    private static func hasCacheMarks(_ value: JSONValue) -> Bool {
        switch value.kind {
        case .object:
            value["cache_control"] != nil || value["content"].map(hasCacheMarks) == true
                || value["source"].map(hasCacheMarks) == true
        case .array: value.elements.contains(where: hasCacheMarks)
        default: false
        }
    }

    private static func copy(_ value: JSONValue, to writer: inout JSONWriter) {
        switch value.kind {
        case .object:
            writer.beginObject()
            for (key, member) in value.members where !key.matches("cache_control") {
                writer.key(key)
                if key.matches("content") || key.matches("source") {
                    copy(member, to: &writer)
                } else {
                    writer.fragment(member.fragment)
                }
            }
            writer.endObject()
        case .array:
            writer.beginArray()
            for element in value.elements { copy(element, to: &writer) }
            writer.endArray()
        default: writer.fragment(value.fragment)
        }
    }
}
