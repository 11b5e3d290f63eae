import Vocabulary

/// A search of the web as an item of a response.
struct ResponsesSearch: Sendable {
    /// True where the pages that it found are told.
    var tellsSources = false
    /// True once it has failed.
    private(set) var hasFailed = false
    private var sources: [JSONText] = []

    /// Begins with another one.
    mutating func begin() {
        hasFailed = false
        sources = []
    }

    /// Takes the block with what the call has brought.
    mutating func take(_ block: JSONFragment, of callID: JSONText) {
        guard let result = ServerToolBlock.result(block), result.callID.string == callID.string else { return }
        hasFailed = result.pages == nil
        sources = (result.pages ?? []).compactMap { $0["url"]?.text }
    }

    /// Writes the item; `input` is what the model searched for.
    func append(id: [UInt8], status: StaticString, input: JSONFragment, to out: inout [UInt8]) {
        out.append("{\"id\":\"")
        out += id
        out.append("\",\"type\":\"web_search_call\",\"status\":\"")
        out.append(status)
        out.append("\",\"action\":")
        var json = JSONWriter()
        json.beginObject()
        json.member("type", literal: "search")
        let query = (try? JSONDocument(parsing: Array(input.bytes)))?.root["query"]?.text ?? ""
        json.member("query", query)
        json.key("queries")
        json.beginArray()
        if !query.isEmpty { json.string(query) }
        json.endArray()
        if tellsSources { tell(sources, &json) }
        json.endObject()
        out += json.bytes
        out.append("}")
    }

    private func tell(_ sources: [JSONText], _ json: inout JSONWriter) {
        json.key("sources")
        json.beginArray()
        for url in sources {
            json.beginObject()
            json.member("type", literal: "url")
            json.member("url", url)
            json.endObject()
        }
        json.endArray()
    }
}
