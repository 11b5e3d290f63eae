import Vocabulary

/// The rows of messages.
extension TurnPlan {
    /// `client_composed` has the text delivered as written: no `@file` is read and no `/command` obeyed.
    static func user(
        _ blocks: [Block], number: Int, isQuestion: Bool, _ rows: inout RowWriter
    ) {
        rows.beginObject()
        rows.raw("\"type\":\"user\",\"client_composed\":true")
        if !isQuestion { rows.raw("\"shouldQuery\":false") }
        rows.member("uuid", uuid(number))
        rows.key("message")
        rows.beginObject()
        rows.raw("\"role\":\"user\"")
        rows.key("content")
        content(blocks, &rows)
        rows.endObject()
        rows.endObject()
        rows.endRow()
    }

    /// Without an id of its own and a model, thinking blocks of the row are dropped by the CLI; so they are when the
    /// model is another than an alias stands for at the moment, which the CLI's own mark for no model is never.
    ///
    /// The cache mark has the vendor keep the prefix up to here. The CLI marks the last user message too, but with
    /// models before 5 puts a text into it that moves on with each request, so that its mark is never met again.
    static func assistant(
        _ blocks: [Block], number: Int, mark: StaticString?, _ rows: inout RowWriter
    ) {
        rows.beginObject()
        rows.raw("\"type\":\"assistant\"")
        rows.key("message")
        rows.beginObject()
        rows.member("id", "msg_\(number)")
        rows.raw("\"type\":\"message\",\"role\":\"assistant\",\"model\":\"<synthetic>\"")
        rows.key("content")
        let marked = mark == nil ? nil : blocks.lastIndex(where: \.canBeMarked)
        rows.beginArray()
        for (index, block) in blocks.enumerated() {
            Self.block(block, mark: index == marked ? mark : nil, &rows)
        }
        rows.endArray()
        rows.raw("\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":0,\"output_tokens\":0}")
        rows.endObject()
        rows.endObject()
        rows.endRow()
    }

    static func content(_ blocks: [Block], _ rows: inout RowWriter) {
        rows.beginArray()
        for block in blocks { self.block(block, mark: nil, &rows) }
        rows.endArray()
    }

    static func block(
        _ block: Block, mark: StaticString?, _ rows: inout RowWriter
    ) {
        switch block {
        case .document(let whole), .other(let whole):
            rows.fragment(whole)
            return
        default: rows.beginObject()
        }
        switch block {
        case .text(let text):
            rows.raw("\"type\":\"text\"")
            rows.member("text", text)
        case .image(let source):
            rows.raw("\"type\":\"image\"")
            rows.member("source", source)
        case .toolUse(let id, let name, let input):
            rows.raw("\"type\":\"tool_use\"")
            rows.member("id", id)
            rows.member("name", name)
            rows.member("input", input)
        case .toolResult(let id, let blocks, let isError):
            rows.raw("\"type\":\"tool_result\"")
            rows.member("tool_use_id", id)
            rows.key("content")
            content(blocks, &rows)
            if isError { rows.raw("\"is_error\":true") }
        case .thinking(let text, let signature):
            rows.raw("\"type\":\"thinking\"")
            rows.member("thinking", text)
            rows.member("signature", signature)
        case .redactedThinking(let data):
            rows.raw("\"type\":\"redacted_thinking\"")
            rows.member("data", data)
        case .document, .other: break
        }
        if let mark { rows.raw(mark) }
        rows.endObject()
    }

    /// A row's name, unique within the life of a process. The CLI tells rows apart by the first 24 characters alone.
    static func uuid(_ number: Int) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: max(0, 8 - digits.count)) + digits + "-0000-4000-8000-000000000000"
    }
}

extension Block {
    /// True for blocks that may bear a cache mark and that the CLI does not drop.
    fileprivate var canBeMarked: Bool {
        switch self {
        case .text(let text): !text.string.allSatisfy(\.isWhitespace)
        case .toolUse, .toolResult, .image: true
        case .document, .other, .thinking, .redactedThinking: false
        }
    }
}
