import Vocabulary

/// Reads one line of the CLI; nothing is allocated for the lines of a running answer.
struct CLIEventReader: ~Copyable, ~Escapable {
    var json: JSONReader
    let line: Span<UInt8>

    /// What `line`, without its line end, says. Throws when it is not UTF-8 or not one JSON object.
    static func read(_ line: Span<UInt8>) throws(JSONError) -> CLIEvent {
        do { _ = try UTF8Span(validating: line) } catch {
            throw JSONError(.encoding, at: error.byteOffsets.lowerBound)
        }
        if let delta = DeltaLine.read(line) { return delta }
        return try readInFull(line)
    }

    /// The same for a line that is known to be UTF-8, without the short way for deltas.
    static func readInFull(_ line: Span<UInt8>) throws(JSONError) -> CLIEvent {
        var reader = CLIEventReader(line)
        do {
            let event = try reader.event()
            try reader.json.end()
            return event
        } catch {
            // A tool's arguments may be nested as deep as a model likes; such lines are not needed.
            if error.reason == .tooDeep { return .ignored }
            throw error
        }
    }

    @_lifetime(copy line)
    private init(_ line: Span<UInt8>) {
        self.line = line
        json = JSONReader(line)
    }

    /// What the outermost object says.
    ///
    /// The CLI writes `type` first in most lines, but last but a few in `result`: so every key that any kind
    /// needs is kept until the end.
    private mutating func event() throws(JSONError) -> CLIEvent {
        var type: JSONSlice?
        var streamed: CLIEvent?
        var isAbandoned = false
        var parent: JSONSlice?
        var isNested = false
        var fields = CLILineFields()
        try json.enterObject()
        while let key = try json.key() {
            if json.matches(key, "type") {
                type = try text()
            } else if json.matches(key, "event"), try json.peek() == .object {
                streamed = try streamEvent()
            } else if json.matches(key, "abandoned_blocks") {
                isAbandoned = try json.peek() != .null
                _ = try json.skip()
            } else if json.matches(key, "parent_tool_use_id") {
                isNested = try json.peek() != .null
                parent = try text()
            } else if let type, json.matches(type, "stream_event") {
                _ = try json.skip()
            } else {
                try field(key, &fields)
            }
        }
        guard let type else { return .ignored }
        if isNested { return parent.map { fields.subagentEvent(of: type, under: $0, in: line) } ?? .ignored }
        if json.matches(type, "stream_event") {
            if isAbandoned, case .messageStop = streamed { return .messageStop(isAbandoned: true) }
            return streamed ?? .ignored
        }
        return fields.event(of: type, in: line)
    }

    // MARK: - Streamed events of the Messages API

    private mutating func streamEvent() throws(JSONError) -> CLIEvent {
        var type: JSONSlice?
        var index = 0
        var block: CLIBlock?
        var delta = Delta()
        var usage = UsageUpdate()
        var message = Message()
        try json.enterObject()
        while let key = try json.key() {
            if json.matches(key, "type") {
                type = try text()
            } else if json.matches(key, "index") {
                index = try integer() ?? 0
            } else if json.matches(key, "delta"), try json.peek() == .object {
                delta = try self.delta()
            } else if json.matches(key, "content_block"), try json.peek() == .object {
                block = try contentBlock()
            } else if json.matches(key, "usage"), try json.peek() == .object {
                usage = try self.usage()
            } else if json.matches(key, "message"), try json.peek() == .object {
                message = try self.message()
            } else {
                _ = try json.skip()
            }
        }
        guard let type else { return .ignored }
        if json.matches(type, "content_block_delta") {
            guard let kind = delta.kind, let content = delta.content else { return .ignored }
            return .delta(index: index, kind, content)
        }
        if json.matches(type, "content_block_start"), let block { return .blockStart(index: index, block) }
        if json.matches(type, "content_block_stop") { return .blockStop(index: index) }
        if json.matches(type, "message_start"), let id = message.id, let model = message.model {
            return .messageStart(
                id: id, model: model, usage: message.usage, transformations: message.transformations)
        }
        if json.matches(type, "message_delta") {
            return .messageDelta(delta.stop, usage: usage)
        }
        if json.matches(type, "message_stop") { return .messageStop(isAbandoned: false) }
        return .ignored
    }

    private struct Delta {
        var kind: CLIDelta?
        var content: JSONSlice?
        var stop = CLIStop()
    }

    private mutating func delta() throws(JSONError) -> Delta {
        var delta = Delta()
        try json.enterObject()
        while let key = try json.key() {
            if json.matches(key, "text") {
                (delta.kind, delta.content) = (.text, try text())
            } else if json.matches(key, "thinking") {
                (delta.kind, delta.content) = (.thinking, try text())
            } else if json.matches(key, "partial_json") {
                (delta.kind, delta.content) = (.toolInput, try text())
            } else if json.matches(key, "signature") {
                (delta.kind, delta.content) = (.signature, try text())
            } else if json.matches(key, "citation") {
                (delta.kind, delta.content) = (.citation, try json.skip())
            } else if json.matches(key, "stop_reason") {
                delta.stop.reason = try text()
            } else if json.matches(key, "stop_sequence") {
                delta.stop.sequence = try text()
            } else if json.matches(key, "stop_details"), try json.peek() == .object {
                delta.stop.details = try json.skip()
            } else {
                _ = try json.skip()
            }
        }
        return delta
    }

    private mutating func contentBlock() throws(JSONError) -> CLIBlock {
        var type: JSONSlice?
        var content: JSONSlice?
        var signature: JSONSlice?
        var id: JSONSlice?
        var name: JSONSlice?
        let start = json.offset
        try json.enterObject()
        while let key = try json.key() {
            if json.matches(key, "type") {
                type = try text()
            } else if json.matches(key, "text") || json.matches(key, "thinking") {
                content = try text()
            } else if json.matches(key, "data") {
                content = try text()
            } else if json.matches(key, "signature") {
                signature = try text()
            } else if json.matches(key, "id") {
                id = try text()
            } else if json.matches(key, "name") {
                name = try text()
            } else {
                _ = try json.skip()
            }
        }
        let whole = JSONSlice(start: start, end: json.offset, hasEscapes: false)
        guard let type else { return .other(whole) }
        let empty = JSONSlice(start: start, end: start, hasEscapes: false)
        if json.matches(type, "text") { return .text(content ?? empty) }
        if json.matches(type, "thinking") { return .thinking(content ?? empty, signature: signature) }
        if json.matches(type, "redacted_thinking") { return .redactedThinking(content ?? empty) }
        if json.matches(type, "tool_use"), let id, let name { return .toolUse(id: id, name: name) }
        return .other(whole)
    }

    /// What of a whole message matters.
    struct Message {
        var id: JSONSlice?
        var model: JSONSlice?
        /// The text of the first text block.
        var text: JSONSlice?
        var usage = UsageUpdate()
        /// The array of `content`, raw.
        var content: JSONSlice?
        /// The array of `input_transformations`, raw.
        var transformations: JSONSlice?
    }

    mutating func message() throws(JSONError) -> Message {
        var message = Message()
        try json.enterObject()
        while let key = try json.key() {
            if json.matches(key, "id") {
                message.id = try text()
            } else if json.matches(key, "model") {
                message.model = try text()
            } else if json.matches(key, "usage"), try json.peek() == .object {
                message.usage = try usage()
            } else if json.matches(key, "input_transformations"), try json.peek() == .array {
                message.transformations = try json.skip()
            } else if json.matches(key, "content"), try json.peek() == .array {
                // Looking at what comes has passed over the blanks before it.
                let start = json.offset
                try json.enterArray()
                while try json.element() {
                    guard try json.peek() == .object else {
                        _ = try json.skip()
                        continue
                    }
                    if case .text(let text) = try contentBlock() { message.text = message.text ?? text }
                }
                message.content = JSONSlice(start: start, end: json.offset, hasEscapes: false)
            } else {
                _ = try json.skip()
            }
        }
        return message
    }

    // MARK: - Values

    /// The string that comes next; anything else is passed over and is nil.
    @inline(__always)
    mutating func text() throws(JSONError) -> JSONSlice? {
        if try json.peek() == .string { return try json.string() }
        _ = try json.skip()
        return nil
    }

    mutating func integer() throws(JSONError) -> Int? {
        if try json.peek() == .number { return try json.number().integer(in: line) }
        _ = try json.skip()
        return nil
    }

    /// A number of dollars in billionths; nil for what is no amount.
    mutating func nanoUSD() throws(JSONError) -> Int? {
        guard try json.peek() == .number else {
            _ = try json.skip()
            return nil
        }
        let digits = try json.number()
        // The CLI adds in binary fractions: 0.1 + 0.2 is 0.30000000000000004 there.
        guard let dollars = Double(digits.string(in: line)), dollars >= 0, dollars < 1e9 else { return nil }
        return Int((dollars * 1e9).rounded())
    }

    /// A number of milliseconds that may carry a fraction.
    mutating func wholeMilliseconds() throws(JSONError) -> Int {
        guard try json.peek() == .number else {
            _ = try json.skip()
            return 0
        }
        var digits = try json.number()
        for index in digits.start..<digits.end where line[index] == UInt8(ascii: ".") {
            digits.end = index
            break
        }
        return digits.integer(in: line) ?? 0
    }
}
