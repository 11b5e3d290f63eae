import Vocabulary

/// Decodes the content of a Responses item.
enum ResponsesContent {
    /// The blocks of content that is a string or a list of parts, but for what only this dialect's vendor could decrypt;
    /// none where there is none.
    static func blocks(_ content: JSONValue?, _ conversation: inout Conversation) throws(Refusal) -> [Block] {
        try blocks(content, &conversation) { type in type.matches("encrypted_content") }
    }

    /// The blocks of what a tool answered. Nobody can ask it again: what this model cannot read is left out and named,
    /// or no later request of the conversation would be answered.
    static func result(_ content: JSONValue?, _ conversation: inout Conversation) throws(Refusal) -> [Block] {
        try blocks(content, &conversation) { type in !known.contains { type.matches($0) } }
    }

    private static let known: [StaticString] = [
        "input_text", "output_text", "text", "summary_text", "refusal", "input_image", "input_file",
    ]

    private static func blocks(
        _ content: JSONValue?, _ conversation: inout Conversation, leavingOut isLeftOut: (JSONText) -> Bool
    ) throws(Refusal) -> [Block] {
        guard let content else { return [] }
        if let text = content.text { return text.isEmpty ? [] : [.text(text)] }
        guard content.kind == .array else { throw content.wrongType("string or array") }
        var blocks: [Block] = []
        for part in content.elements {
            if let type = part["type"]?.text, isLeftOut(type) {
                conversation.ignore("input." + ForeignItems.shown(type.string))
            } else {
                blocks.append(try block(part))
            }
        }
        return blocks
    }

    private static func block(_ part: JSONValue) throws(Refusal) -> Block {
        let type = try part.expect(.object).required("type")
        switch try type.requireString() {
        case "input_text", "output_text", "text", "summary_text":
            return .text(try part.required("text").requireText())
        case "refusal": return .text(try part.required("refusal").requireText())
        case "input_image":
            return try Attachment.image(of: part)
        case "input_file": return try Attachment.file(of: part)
        case "input_audio": throw type.invalid("audio input is not supported; send its transcript as text")
        default:
            throw type.invalid("must be one of: input_text, input_image, input_file, output_text, refusal")
        }
    }
}
