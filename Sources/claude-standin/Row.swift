import Vocabulary

/// One line of standard input, as far as the stand-in cares for it.
struct Row {
    enum Kind { case user, assistant, control, answer, other }

    var kind = Kind.other
    /// The newest text block of a message, those of tool results included, still escaped as in JSON.
    var text: [UInt8] = []
    /// All of them, and the names of tools that are called.
    var texts: [JSONText] = []
    var uuid: [UInt8] = []
    var asksForAnswer = true
    /// True when it has a block of a kind that the vendor does not know.
    var isUnheardOf = false
    /// What is asked in a control request, or answered to one.
    var request: JSONValue?
    var requestID: [UInt8] = []

    /// Nil when the line is not one JSON object.
    init?(parsing line: [UInt8]) {
        do throws(JSONError) { try read(line) } catch { return nil }
    }

    private mutating func read(_ bytes: [UInt8]) throws(JSONError) {
        let line = bytes.span
        var reader = JSONReader(line)
        try reader.enterObject()
        while let key = try reader.key() {
            if key.matches("type", in: line) {
                kind = Row.kind(try reader.string(), line)
            } else if key.matches("uuid", in: line), try reader.peek() == .string {
                uuid = Row.copy(try reader.string(), line)
            } else if key.matches("shouldQuery", in: line), try reader.peek() == .bool {
                asksForAnswer = try reader.bool()
            } else if key.matches("message", in: line), try reader.peek() == .object {
                try readMessage(&reader, line)
            } else {
                _ = try reader.skip()
            }
        }
        try reader.end()
        guard kind == .control || kind == .answer else { return }
        let document = try JSONDocument(parsing: bytes)
        request = kind == .control ? document.root["request"] : document.root["response"]
        let id = kind == .control ? document.root["request_id"] : request?["request_id"]
        requestID = Array(id?.text?.escaped ?? [])
    }

    /// What a control request is about.
    var subtype: String { request?["subtype"]?.text?.string ?? "" }

    private mutating func readMessage(_ reader: inout JSONReader, _ line: Span<UInt8>) throws(JSONError) {
        try reader.enterObject()
        while let key = try reader.key() {
            if key.matches("content", in: line) {
                try readContent(&reader, line)
            } else {
                _ = try reader.skip()
            }
        }
    }

    /// One text, or blocks.
    private mutating func readContent(_ reader: inout JSONReader, _ line: Span<UInt8>) throws(JSONError) {
        switch try reader.peek() {
        case .string: add(try reader.string(), line)
        case .array:
            try reader.enterArray()
            while try reader.element() { try readBlock(&reader, line) }
        default: _ = try reader.skip()
        }
    }

    private mutating func readBlock(_ reader: inout JSONReader, _ line: Span<UInt8>) throws(JSONError) {
        guard try reader.peek() == .object else {
            _ = try reader.skip()
            return
        }
        try reader.enterObject()
        while let key = try reader.key() {
            if key.matches("text", in: line), try reader.peek() == .string {
                add(try reader.string(), line)
            } else if key.matches("type", in: line), try reader.peek() == .string {
                if !Row.kinds.contains(String(decoding: Row.copy(try reader.string(), line), as: UTF8.self)) { isUnheardOf = true }
            } else if key.matches("name", in: line), try reader.peek() == .string {
                texts.append(JSONText(escaped: Row.copy(try reader.string(), line)[...], hasEscapes: true))
            } else if key.matches("content", in: line) {
                try readContent(&reader, line)
            } else {
                _ = try reader.skip()
            }
        }
    }

    private mutating func add(_ slice: JSONSlice, _ line: Span<UInt8>) {
        text = Row.copy(slice, line)
        texts.append(JSONText(escaped: text[...], hasEscapes: true))
    }

    /// The kinds of blocks that the vendor takes.
    private static let kinds: Set = [
        "text", "image", "document", "search_result", "thinking", "redacted_thinking", "tool_use", "tool_result",
        "server_tool_use", "container_upload", "mcp_tool_use", "mcp_tool_result", "web_search_tool_result",
        "web_fetch_tool_result", "code_execution_tool_result", "bash_code_execution_tool_result",
        "text_editor_code_execution_tool_result", "tool_search_tool_result", "tool_reference", "compaction", "fallback",
        "web_search_result",
    ]

    private static func kind(_ slice: JSONSlice, _ line: Span<UInt8>) -> Kind {
        if slice.matches("user", in: line) { return .user }
        if slice.matches("control_request", in: line) { return .control }
        if slice.matches("control_response", in: line) { return .answer }
        return slice.matches("assistant", in: line) ? .assistant : .other
    }

    private static func copy(_ slice: JSONSlice, _ line: Span<UInt8>) -> [UInt8] {
        Array(slice.text(in: line).escaped)
    }
}

extension [UInt8] {
    /// Where `text` begins, or nil.
    func find(_ text: StaticString) -> Int? {
        let count = text.utf8CodeUnitCount
        guard count > 0, self.count >= count else { return nil }
        let first = unsafe text.utf8Start[0]
        for start in 0...(self.count - count) where self[start] == first {
            var length = 1
            while length < count, unsafe self[start + length] == text.utf8Start[length] { length += 1 }
            if length == count { return start }
        }
        return nil
    }

    /// Where the line of escaped text that holds `start` ends: at `\n`, or at the end.
    func endOfLine(from start: Int) -> Int {
        var index = start
        while index < count {
            if self[index] == UInt8(ascii: "\\") {
                if index + 1 < count, self[index + 1] == UInt8(ascii: "n") { return index }
                index += 1
            }
            index += 1
        }
        return count
    }

    /// Escaped text cut to about `limit` bytes, never inside an escape, a surrogate pair or a UTF-8 sequence.
    func prefix(units limit: Int) -> ArraySlice<UInt8> {
        guard count > limit else { return self[...] }
        var index = 0
        var lastSpace = 0
        while index < limit {
            if self[index] == UInt8(ascii: " ") { lastSpace = index }
            index += 1
        }
        // Cutting at a space is always safe; a text without one is left out.
        return self[..<lastSpace] + Array(" …".utf8)
    }
}
