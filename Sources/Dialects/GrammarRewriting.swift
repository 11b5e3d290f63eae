import Vocabulary

/// A schema written anew in the grammar's words.
struct GrammarRewriting {
    private static let unknown: [StaticString] = [
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength",
        "maxItems", "uniqueItems", "minProperties", "maxProperties",
    ]
    private static let formats: [StaticString] = [
        "date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid",
    ]

    /// The words of which the vendor says that the grammar takes them, for schemas that go in as a part of another.
    private static let known: [StaticString] = [
        "type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "$ref", "title",
        "format", "pattern", "minItems",
    ]

    /// What is written.
    var json = JSONWriter()
    /// True when it differs from what was read.
    private(set) var isChanged = false
    /// True when there is an object of unknown properties.
    private(set) var isOpen = false
    /// The bounds that stand in descriptions now.
    private(set) var bounds: [String] = []
    /// What the names of definitions begin with in the schema that this one becomes a part of; nil for a whole one.
    private let prefix: String?

    /// A rewriting of a whole schema, or of one that becomes a part of another: without its definitions, which go to
    /// the other's under names of their own, and without words that it can do without.
    init(asPartWith prefix: String? = nil) { self.prefix = prefix }

    /// The name of a definition in the whole schema.
    func name(ofDefinition name: JSONText) -> JSONText { .joined([JSONText(prefix ?? ""), name], separator: "") }

    /// Writes a schema anew.
    mutating func schema(_ schema: JSONValue) {
        guard schema.kind == .object else { return json.fragment(schema.fragment) }
        if prefix != nil, let place = schema["$ref"] { return reference(place) }
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
        if prefix != nil, !key.matches("oneOf"), !Self.known.contains(where: { key.matches($0) }) { return }
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

    /// Where a definition stands in the whole schema: both places that a part may have for them become one.
    ///
    /// Nothing else stands beside it, as in what the vendor's own SDKs write.
    private mutating func reference(_ place: JSONValue) {
        let name = place.text?.string.split(separator: "/", maxSplits: 2).last.map(String.init) ?? ""
        json.beginObject()
        json.member("$ref", "#/$defs/" + self.name(ofDefinition: JSONText(name)).string)
        json.endObject()
    }

    private func isBound(_ key: JSONText, _ value: JSONValue) -> Bool {
        if key.matches("pattern") { return value.text.map { !Self.isPlain(pattern: $0.string) } ?? true }
        if key.matches("minItems") { return (value.integer ?? 0) > 1 }
        if key.matches("format") { return !Self.formats.contains { value.text?.matches($0) == true } }
        return Self.unknown.contains { key.matches($0) }
    }

    /// True for a pattern of what the grammar takes: no look-around, no back-references, no word boundaries, no large
    /// counts.
    private static func isPlain(pattern: String) -> Bool {
        var bytes = Array(pattern.utf8)[...]
        while let byte = bytes.popFirst() {
            switch byte {
            case UInt8(ascii: "\\"):
                guard let escaped = bytes.popFirst() else { return false }
                let isLetterOrDigit = escaped.isNameByte && escaped != UInt8(ascii: "_") && escaped != UInt8(ascii: "-")
                if isLetterOrDigit, !"dDwWsSnrt".utf8.contains(escaped) { return false }
            case UInt8(ascii: "("):
                if bytes.first == UInt8(ascii: "?"), !bytes.starts(with: "?:".utf8) { return false }
            case UInt8(ascii: "{"):
                let count = bytes.prefix { $0 != UInt8(ascii: "}") }
                if count.split(separator: UInt8(ascii: ",")).contains(where: { $0.count > 2 }) { return false }
            default: break
            }
        }
        return true
    }
}
