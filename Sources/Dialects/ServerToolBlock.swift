public import Vocabulary

/// Reads the blocks of tools that the vendor runs itself, which answers bring as they stand.
public enum ServerToolBlock {
    /// A call of a search.
    struct Call {
        var id: JSONText
    }

    /// What a search has brought.
    struct Result {
        var callID: JSONText
        /// The pages it found; nil where it failed.
        var pages: [JSONValue]?
    }

    /// The block with the input that came for it in pieces; one of another kind is whole as it is.
    public static func whole(_ block: JSONFragment, input: JSONText) -> JSONFragment {
        guard !input.isEmpty, let value = object(block), value["input"] != nil else { return block }
        var json = JSONWriter()
        json.beginObject()
        for (key, member) in value.members {
            json.member(key, key.matches("input") ? Fragments.arguments(input) : member.fragment)
        }
        json.endObject()
        return JSONFragment(validated: json.bytes[...])
    }

    /// A text block with these citations, comma-separated JSON values.
    public static func text(_ text: JSONText, citing citations: [UInt8]) -> JSONFragment {
        var json = JSONWriter()
        json.beginObject()
        json.member("type", literal: "text")
        json.member("text", text)
        json.key("citations")
        json.beginArray()
        json.fragment(JSONFragment(validated: citations[...]))
        json.endArray()
        json.endObject()
        return JSONFragment(validated: json.bytes[...])
    }

    /// True for the call of any such tool, and for what any has brought.
    static func isCall(_ block: JSONFragment) -> Bool { object(block)?["type"]?.text?.matches("server_tool_use") == true }
    static func isResult(_ block: JSONFragment) -> Bool {
        guard let value = object(block), value["tool_use_id"] != nil else { return false }
        return value["type"]?.text?.string.hasSuffix("_tool_result") == true
    }

    static func call(_ block: JSONFragment) -> Call? {
        guard let value = object(block), value["type"]?.text?.matches("server_tool_use") == true,
            value["name"]?.text?.matches("web_search") == true, let id = value["id"]?.text
        else { return nil }
        return Call(id: id)
    }

    static func result(_ block: JSONFragment) -> Result? {
        guard let value = object(block), value["type"]?.text?.matches("web_search_tool_result") == true,
            let id = value["tool_use_id"]?.text, let content = value["content"]
        else { return nil }
        return Result(callID: id, pages: content.kind == .array ? Array(content.elements) : nil)
    }

    private static func object(_ block: JSONFragment) -> JSONValue? {
        guard let document = try? JSONDocument(parsing: Array(block.bytes), limits: JSONLimits(depth: 256, values: .max)),
            document.root.kind == .object
        else { return nil }
        return document.root
    }
}
