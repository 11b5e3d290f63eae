import Vocabulary

/// The JSON Schema of a tool's arguments in the form that the CLI takes.
///
/// The CLI drops every tool of a request whose outermost `type` is not `object` or whose `properties` or
/// `required` are of the wrong type. Vendors differ in what they ask for, so a `type` that is missing is added.
enum ToolSchema {
    /// The schema, with `"type": "object"` where it is not; `path` is the tool's place in the request.
    static func settled(_ schema: JSONFragment, at path: String) throws(Refusal) -> JSONFragment {
        guard let document = try? JSONDocument(parsing: Array(schema.bytes)), document.root.kind == .object
        else { throw refusal(path, "the schema must be a JSON object") }
        let root = document.root
        if let properties = root["properties"], properties.kind != .object {
            throw refusal(path, "the schema's properties must be an object")
        }
        if let properties = root["properties"], !properties.members.allSatisfy({ isPropertyName($0.key) }) {
            throw refusal(path, "names of properties must match ^[a-zA-Z0-9_.-]{1,64}$")
        }
        if let required = root["required"],
            required.kind != .array || required.elements.contains(where: { $0.kind != .string })
        {
            throw refusal(path, "the schema's required must be an array of strings")
        }
        guard let type = root["type"] else { return withType(root) }
        if type.text?.matches("object") == true { return schema }
        guard type.kind == .array, type.elements.contains(where: { $0.text?.matches("object") == true }) else {
            throw refusal(path, "the schema's type must be \"object\"")
        }
        return withType(root)
    }

    /// What is said of a tool that the CLI left out although its schema looked right.
    static func unusable(_ name: JSONText) -> Fault {
        Fault(
            .invalidRequest,
            "tools: the tool \(name.string) cannot be offered to the model: its schema is not valid JSON Schema, "
                + "or a property's name does not match ^[a-zA-Z0-9_.-]{1,64}$.")
    }

    /// The names the vendor takes; for others the CLI would leave the tool out.
    private static func isPropertyName(_ name: JSONText) -> Bool {
        let bytes = name.hasEscapes ? Array(name.string.utf8)[...] : name.escaped
        return (1...64).contains(bytes.count)
            && bytes.allSatisfy { $0.isNameByte || $0 == UInt8(ascii: ".") }
    }

    private static func withType(_ root: JSONValue) -> JSONFragment {
        var json = JSONWriter()
        json.beginObject()
        json.raw("\"type\":\"object\"")
        for (key, value) in root.members where !key.matches("type") {
            json.member(key, value.fragment)
        }
        json.endObject()
        return JSONFragment(validated: json.bytes[...])
    }

    private static func refusal(_ path: String, _ what: String) -> Refusal {
        Refusal(.invalidRequest, "\(path): \(what)", param: path)
    }
}
