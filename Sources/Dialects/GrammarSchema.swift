import Vocabulary

/// A schema of OpenAI's `json_schema` in the words that the vendor's grammar takes.
///
/// OpenAI takes objects that are not closed and bounds of numbers, texts and arrays; the vendor refuses the request
/// for either. What its own SDKs do for their users is done here for OpenAI's: objects are closed, and a bound stands
/// in the description, where the model reads it, and is named as ignored, since nothing enforces it.
enum GrammarSchema {
    /// Asks for answers by the schema in `described`, which also says whether it is `strict`.
    ///
    /// An object of unknown properties is beyond the grammar; closed it could only be empty. OpenAI refuses it too where
    /// the schema is strict, so that is left to the vendor, and does its best elsewhere: so the prompt asks for it.
    static func ask(_ described: JSONValue, in conversation: inout Conversation) throws(Refusal) {
        let schema = try described.required("schema").expect(.object)
        var rewriting = Rewriting()
        rewriting.schema(schema)
        if rewriting.isOpen, described.optional("strict")?.bool != true {
            let text = String(decoding: schema.fragment.bytes, as: UTF8.self)
            conversation.system.append(JSONText("Your answer must match this JSON Schema:\n" + text))
            return conversation.outputFormat = .jsonObject
        }
        guard rewriting.isChanged else { return conversation.outputFormat = .jsonSchema(schema.fragment) }
        for bound in rewriting.bounds { conversation.ignore("schema." + bound) }
        conversation.outputFormat = .jsonSchema(JSONFragment(validated: rewriting.json.bytes[...]))
    }
}

private struct Rewriting {
    static let unknown: [StaticString] = [
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength",
        "maxItems", "uniqueItems", "minProperties", "maxProperties",
    ]
    static let formats: [StaticString] = [
        "date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid",
    ]

    var json = JSONWriter()
    var isChanged = false
    var isOpen = false
    var bounds: [String] = []

    mutating func schema(_ schema: JSONValue) {
        guard schema.kind == .object else { return json.fragment(schema.fragment) }
        let closes = isToBeClosed(schema)
        if !closes, isObject(schema), schema["additionalProperties"]?.bool != false { isOpen = true }
        let hasAnyOf = schema["anyOf"] != nil
        var told: [String] = []
        json.beginObject()
        for (key, value) in schema.members {
            if key.matches("description") || (closes && key.matches("additionalProperties")) { continue }
            if isBound(key, value) {
                told.append("\(key.string): \(String(decoding: value.fragment.bytes, as: UTF8.self))")
                if !bounds.contains(key.string) { bounds.append(key.string) }
                continue
            }
            member(key, value, hasAnyOf: hasAnyOf)
        }
        if closes { json.raw("\"additionalProperties\":false") }
        describe(schema["description"], told)
        json.endObject()
        if closes || !told.isEmpty { isChanged = true }
    }

    private mutating func member(_ key: JSONText, _ value: JSONValue, hasAnyOf: Bool) {
        // The grammar has no exclusive choice; what fits exactly one of the branches fits any of them.
        if key.matches("oneOf"), !hasAnyOf {
            isChanged = true
            json.key("anyOf")
        } else {
            json.key(key)
        }
        let isList = ["anyOf", "oneOf", "allOf", "prefixItems"].contains { key.matches($0) }
        let isNamed = ["properties", "$defs", "definitions"].contains { key.matches($0) }
        if isList, value.kind == .array {
            json.beginArray()
            for branch in value.elements { self.schema(branch) }
            json.endArray()
        } else if isNamed, value.kind == .object {
            json.beginObject()
            for (name, each) in value.members {
                json.key(name)
                self.schema(each)
            }
            json.endObject()
        } else if key.matches("items") || key.matches("additionalProperties") {
            self.schema(value)
        } else {
            json.fragment(value.fragment)
        }
    }

    private mutating func describe(_ description: JSONValue?, _ told: [String]) {
        guard !told.isEmpty else {
            guard let description else { return }
            json.key("description")
            return json.fragment(description.fragment)
        }
        let bounds = "{" + told.joined(separator: ", ") + "}"
        json.key("description")
        json.string((description?.text).map { "\($0.string)\n\n\(bounds)" } ?? bounds)
    }

    private func isToBeClosed(_ schema: JSONValue) -> Bool {
        guard schema["properties"]?.kind == .object else { return false }
        guard let open = schema["additionalProperties"] else { return true }
        return open.bool == true
    }

    private func isObject(_ schema: JSONValue) -> Bool {
        guard let type = schema["type"] else { return schema["properties"] != nil }
        return type.text?.matches("object") == true || type.elements.contains { $0.text?.matches("object") == true }
    }

    private func isBound(_ key: JSONText, _ value: JSONValue) -> Bool {
        if key.matches("minItems") { return (value.integer ?? 0) > 1 }
        if key.matches("format") { return !Self.formats.contains { value.text?.matches($0) == true } }
        return Self.unknown.contains { key.matches($0) }
    }
}
