import Vocabulary

/// One line of standard input, as far as the stand-in cares for it.
struct Row {
    enum Kind { case user, assistant, control, other }

    /// Control requests that are granted without doing anything.
    static let silentlyGranted = [
        "interrupt", "set_permission_mode", "set_max_thinking_tokens", "mcp_set_servers", "end_session",
    ]

    var kind = Kind.other
    /// The newest text block of a user row, still escaped as in JSON.
    var text: [UInt8] = []
    var uuid: [UInt8] = []
    var requestID: [UInt8] = []
    var subtype = ""
    var model: String?
    var asksForAnswer = true

    /// Nil when the line is not one JSON object.
    init?(parsing line: Span<UInt8>) {
        var reader = JSONReader(line)
        do throws(JSONError) {
            try reader.enterObject()
            while let key = try reader.key() {
                if key.matches("type", in: line) {
                    kind = Row.kind(try reader.string(), line)
                } else if key.matches("uuid", in: line), try reader.peek() == .string {
                    uuid = Row.copy(try reader.string(), line)
                } else if key.matches("shouldQuery", in: line), try reader.peek() == .bool {
                    asksForAnswer = try reader.bool()
                } else if key.matches("request_id", in: line) {
                    requestID = Row.copy(try reader.string(), line)
                } else if key.matches("message", in: line), try reader.peek() == .object {
                    try readMessage(&reader, line)
                } else if key.matches("request", in: line), try reader.peek() == .object {
                    try readRequest(&reader, line)
                } else {
                    _ = try reader.skip()
                }
            }
            try reader.end()
        } catch {
            return nil
        }
    }

    private mutating func readMessage(_ reader: inout JSONReader, _ line: Span<UInt8>) throws(JSONError) {
        try reader.enterObject()
        while let key = try reader.key() {
            let kind = try reader.peek()
            if key.matches("content", in: line), kind == .string {
                text = Row.copy(try reader.string(), line)
            } else if key.matches("content", in: line), kind == .array {
                try reader.enterArray()
                while try reader.element() { try readBlock(&reader, line) }
            } else {
                _ = try reader.skip()
            }
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
                text = Row.copy(try reader.string(), line)
            } else {
                _ = try reader.skip()
            }
        }
    }

    /// The members of a control request, and the model among the settings it may carry.
    private mutating func readRequest(_ reader: inout JSONReader, _ line: Span<UInt8>) throws(JSONError) {
        try reader.enterObject()
        while let key = try reader.key() {
            let kind = try reader.peek()
            if key.matches("subtype", in: line), kind == .string {
                subtype = try reader.string().string(in: line)
            } else if key.matches("model", in: line), kind == .string {
                model = try reader.string().string(in: line)
            } else if key.matches("settings", in: line), kind == .object {
                try readRequest(&reader, line)
            } else {
                _ = try reader.skip()
            }
        }
    }

    private static func kind(_ slice: JSONSlice, _ line: Span<UInt8>) -> Kind {
        if slice.matches("user", in: line) { return .user }
        if slice.matches("control_request", in: line) { return .control }
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
