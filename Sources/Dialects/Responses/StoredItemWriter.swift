import Vocabulary

/// Writes the items of a request as they are stored and listed: in the full form that the vendor's clients expect.
struct StoredItemWriter {
    let suffix: String
    let lookup: ItemLookup

    /// The items with commas between them.
    func items(of input: JSONValue) -> [UInt8] {
        // Asked for at once: an array that grows step by step would need the room of a large image twice.
        var buffer: [UInt8] = []
        buffer.reserveCapacity(input.fragment.bytes.count + 4096)
        var writer = JSONWriter(buffer)
        buffer = []
        if let text = input.text {
            writer.object { message(&$0, 0, role: "user") { part(&$0, "input_text", text) } }
            return writer.bytes
        }
        for (index, item) in input.elements.enumerated() {
            if item.isReference {
                if let named = try? lookup.item(for: item) { writer.fragment(named.fragment) }
            } else {
                writer.object { self.item(&$0, item, index) }
            }
        }
        return writer.bytes
    }

    private func item(_ writer: inout JSONWriter, _ item: JSONValue, _ index: Int) {
        let type = item.optional("type")?.text
        guard let type, !type.matches("message") else { return message(&writer, item, index) }
        id(&writer, item, ItemID.prefix(ofType: type), index)
        for (key, value) in item.members where !key.matches("id") {
            writer.member(key, value.fragment)
        }
        if type.matches("reasoning") {
            if item["summary"] == nil { writer.raw("\"summary\":[]") }
        } else if item["status"] == nil, item["call_id"] != nil {
            writer.raw("\"status\":\"completed\"")
        }
        if type.matches("function_call"), item["arguments"] == nil { writer.raw("\"arguments\":\"{}\"") }
    }

    // MARK: - Messages

    private func message(_ writer: inout JSONWriter, _ item: JSONValue, _ index: Int) {
        let role = item.optional("role")?.text ?? "user"
        let textType: StaticString = role.matches("assistant") ? "output_text" : "input_text"
        id(&writer, item, "msg", index)
        message(&writer, role: role) { writer in
            let content = item.optional("content")
            if let text = content?.text { return part(&writer, textType, text) }
            guard let content else { return }
            for element in content.elements { part(&writer, element, textType) }
        }
    }

    private func message(
        _ writer: inout JSONWriter, _ index: Int, role: JSONText, content: (inout JSONWriter) -> Void
    ) {
        writer.member("id", ItemID.input("msg", suffix: suffix, index))
        message(&writer, role: role, content: content)
    }

    private func message(_ writer: inout JSONWriter, role: JSONText, content: (inout JSONWriter) -> Void) {
        writer.raw("\"type\":\"message\",\"status\":\"completed\"")
        writer.member("role", role)
        writer.key("content")
        writer.beginArray()
        content(&writer)
        writer.endArray()
    }

    /// A part as it came, with what may be left out in a request and may not in a list.
    private func part(_ writer: inout JSONWriter, _ part: JSONValue, _ textType: StaticString) {
        let type = part.optional("type")?.text ?? ""
        if let text = part.optional("text")?.text, type.matches("text") || type.matches("summary_text") {
            return self.part(&writer, textType, text)
        }
        writer.object { writer in
            for (key, value) in part.members {
                writer.member(key, value.fragment)
            }
            if type.matches("input_image"), part["detail"] == nil { writer.raw("\"detail\":\"auto\"") }
            if type.matches("output_text"), part["annotations"] == nil { writer.raw("\"annotations\":[]") }
        }
    }

    private func part(_ writer: inout JSONWriter, _ type: StaticString, _ text: JSONText) {
        writer.object { writer in
            writer.member("type", literal: type)
            writer.member("text", text)
            if type.description == "output_text" { writer.raw("\"annotations\":[]") }
        }
    }

    /// The client's own id where it gave one: what it got from us and sends back keeps its name.
    private func id(_ writer: inout JSONWriter, _ item: JSONValue, _ prefix: StaticString, _ index: Int) {
        writer.key("id")
        if let own = item.optional("id")?.text, !own.isEmpty {
            writer.string(own)
        } else {
            writer.string(ItemID.input(prefix, suffix: suffix, index))
        }
    }
}
