import Vocabulary

/// Decodes what the three dialects call a search of the web into the vendor's own tool.
///
/// It costs by the search, and so is the operator's to allow, key by key.
enum WebSearchTool {
    /// What a request is told whose key may not search.
    static func refusal(at path: String) -> Refusal {
        Refusal(
            .invalidRequest,
            "\(path): this key may not search the web; the operator can allow it (web-search=yes), or register an MCP server "
                + "that searches.", param: path, code: "web_search_not_allowed")
    }

    /// True for the vendor's own tool, in any of its versions.
    static func isVendors(_ type: JSONText) -> Bool {
        let word = type.string
        guard word.hasPrefix("web_search_20"), word.utf8.count == 19 else { return false }
        return word.utf8.suffix(8).allSatisfy { (0x30...0x39).contains($0) }
    }

    /// True for OpenAI's, dated or not.
    static func isOpenAIs(_ type: JSONText) -> Bool {
        type.matches("web_search") || type.string.hasPrefix("web_search_")
    }

    /// The vendor's tool as a Messages request writes it.
    static func messages(_ tool: JSONValue, at path: String, upTo allowed: Int) throws(Refusal) -> WebSearch {
        let name = try tool.required("name")
        guard try name.requireText().matches("web_search") else { throw name.invalid("must be web_search") }
        var search = Draft(type: try tool.required("type").requireText(), path: path)
        search.allowedDomains = try domains(tool, "allowed_domains")
        search.blockedDomains = try domains(tool, "blocked_domains")
        if search.allowedDomains != nil, let blocked = tool.optional("blocked_domains"), search.blockedDomains != nil {
            throw blocked.invalid("cannot be given together with allowed_domains")
        }
        let asked = try tool.optional("max_uses")?.requireInteger(in: 1...Int.max)
        search.maxUses = min(asked ?? allowed, allowed)
        if let place = try tool.optional("user_location")?.expect(.object) { search.location = try location(place) }
        // What newer versions have beside: who may call the tool, and when it is loaded.
        for (key, value) in tool.members where ["allowed_callers", "defer_loading", "strict"].contains(key.string) {
            search.others.append((key, value.fragment))
        }
        return search.search
    }

    /// OpenAI's tool; nil where it is to search nothing live, and what has no counterpart is named.
    static func responses(
        _ tool: JSONValue, at path: String, upTo allowed: Int, into conversation: inout Conversation
    ) throws(Refusal) -> WebSearch? {
        if try tool.optional("external_web_access")?.requireBool() == false {
            conversation.ignore(path)
            return nil
        }
        var search = Draft(path: path)
        search.maxUses = allowed
        if let filters = try tool.optional("filters")?.expect(.object) {
            search.allowedDomains = try domains(filters, "allowed_domains")
            if search.allowedDomains == nil { search.blockedDomains = try domains(filters, "blocked_domains") }
        }
        if let place = try tool.optional("user_location")?.expect(.object) { search.location = try location(place) }
        for key: StaticString in ["search_context_size", "search_content_types", "return_token_budget"] {
            guard let value = tool.optional(key), value.text?.matches("medium") != true else { continue }
            conversation.ignore("\(path).\(key)")
        }
        return search.search
    }

    /// `web_search_options` of a chat completion.
    static func options(
        _ options: JSONValue, upTo allowed: Int, into conversation: inout Conversation
    ) throws(Refusal) -> WebSearch {
        var search = Draft(path: "web_search_options")
        search.maxUses = allowed
        if let place = try options.optional("user_location")?.expect(.object) {
            // Flat as in Responses, too.
            search.location = try location(place.optional("approximate")?.expect(.object) ?? place)
        }
        if let size = options.optional("search_context_size"), size.text?.matches("medium") != true {
            conversation.ignore("web_search_options.search_context_size")
        }
        return search.search
    }

    private static func domains(_ object: JSONValue, _ key: StaticString) throws(Refusal) -> [JSONText]? {
        guard let list = object.optional(key) else { return nil }
        let names = try RequestFields.texts(list)
        return names.isEmpty ? nil : names
    }

    private static func location(_ place: JSONValue) throws(Refusal) -> JSONFragment {
        if let type = place.optional("type") { _ = try RequestFields.word(type, of: ["approximate"]) }
        var json = JSONWriter()
        json.beginObject()
        json.member("type", literal: "approximate")
        for key: StaticString in ["city", "region", "country", "timezone"] {
            if let text = try place.optional(key)?.requireText(), !text.isEmpty { json.member(key, text) }
        }
        json.endObject()
        return JSONFragment(validated: json.bytes[...])
    }

    /// The parts of a search, in the order in which the vendor is told of them.
    private struct Draft {
        var type: JSONText = "web_search_20250305"
        var path: String
        var maxUses = 1
        var allowedDomains: [JSONText]?
        var blockedDomains: [JSONText]?
        var location: JSONFragment?
        var others: [(key: JSONText, value: JSONFragment)] = []

        var search: WebSearch {
            var json = JSONWriter()
            json.beginObject()
            json.member("type", type)
            json.member("name", WebSearch.name)
            json.member("max_uses", maxUses)
            list("allowed_domains", allowedDomains, &json)
            list("blocked_domains", blockedDomains, &json)
            if let location { json.member("user_location", location) }
            for (key, value) in others { json.member(key, value) }
            json.endObject()
            return WebSearch(tool: JSONFragment(validated: json.bytes[...]), maxUses: maxUses, path: path)
        }

        private func list(_ key: StaticString, _ names: [JSONText]?, _ json: inout JSONWriter) {
            guard let names else { return }
            json.key(key)
            json.beginArray()
            for name in names { json.string(name) }
            json.endArray()
        }
    }
}
