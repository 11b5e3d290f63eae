import Vocabulary

/// Items that no answer of this gateway holds: a history that began with another provider brings them.
///
/// A call that its client ran and the result of it are kept, as a tool of the item's name. What that vendor's own
/// machines did, and whatever else there may be, is left out and named.
struct ForeignItems {
    private var calls: Set<String> = []
    private var results: Set<String> = []

    /// Notes which calls have a result; every item must have been noted before the first is decoded.
    mutating func note(_ item: JSONValue) {
        guard let type = item["type"]?.text?.string, let id = Self.id(item) else { return }
        if type.hasSuffix(Self.callEnd) { calls.insert(id) }
        if type.hasSuffix(Self.resultEnd) { results.insert(id) }
    }

    /// Adds what an item says.
    func decode(
        _ item: JSONValue, _ type: String, into turns: inout ResponsesTurns, _ conversation: inout Conversation
    ) {
        if type == "agent_message", let texts = Self.texts(item), !texts.isEmpty {
            return turns.append(.user, texts.map(Block.text))
        }
        guard let id = Self.id(item), calls.contains(id), results.contains(id) else {
            return conversation.ignore("input." + Self.shown(type))
        }
        if type.hasSuffix(Self.resultEnd) {
            turns.result(.toolResult(id: JSONText(id), content: [Self.result(item)], isError: false))
        } else if type.hasSuffix(Self.callEnd) {
            let name = JSONText(Self.shown(String(type.dropLast(Self.callEnd.count))))
            turns.assistant([.toolUse(id: JSONText(id), name: name, input: Self.arguments(item))])
        } else {
            conversation.ignore("input." + Self.shown(type))
        }
    }

    private static let callEnd = "_call"
    private static let resultEnd = "_call_output"

    private static func id(_ item: JSONValue) -> String? {
        // The result of an old shell call has its call's id as its own.
        (item.optional("call_id") ?? item.optional("id"))?.text?.string
    }

    /// What a message of another agent says.
    private static func texts(_ item: JSONValue) -> [JSONText]? {
        guard let content = item.optional("content") else { return nil }
        if let text = content.text { return [text] }
        guard content.kind == .array else { return nil }
        return content.elements.compactMap { $0["text"]?.text }.filter { !$0.isEmpty }
    }

    /// What was asked for: the call's own object where it has one, else whatever belongs to no item of any kind.
    private static func arguments(_ item: JSONValue) -> JSONFragment {
        for key: StaticString in ["action", "operation", "arguments"] {
            guard let value = item.optional(key) else { continue }
            if let text = value.text { return Fragments.arguments(text) }
            if value.kind == .object { return value.fragment }
        }
        var writer = JSONWriter()
        writer.beginObject()
        for (key, value) in item.members where !common.contains(key.string) { writer.member(key, value.fragment) }
        writer.endObject()
        return JSONFragment(validated: writer.bytes[...])
    }

    private static let common: Set<String> = ["type", "id", "call_id", "status"]

    private static func result(_ item: JSONValue) -> Block {
        guard let output = item.optional("output") else { return .text("") }
        if let text = output.text { return .text(text) }
        // A picture of a screen is one for this model too.
        if let url = output["image_url"], let image = try? Attachment.image(url: url) { return image }
        return .text(JSONText(String(decoding: output.fragment.bytes, as: UTF8.self)))
    }

    /// A type as it can stand in a header field and in a tool's name.
    static func shown(_ type: String) -> String {
        let name = type.utf8.prefix(48).map { $0.isNameByte ? $0 : UInt8(ascii: "_") }
        return name.isEmpty ? "_" : String(decoding: name, as: UTF8.self)
    }
}
