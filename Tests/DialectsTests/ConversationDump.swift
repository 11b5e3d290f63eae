import Vocabulary

/// A conversation as stable, readable JSON.
func dump(_ conversation: Conversation) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("model")
    writer.string(conversation.model)
    writer.key("system")
    writer.array(conversation.system) { $0.string($1) }
    writer.key("turns")
    writer.array(conversation.turns) { writer, turn in
        writer.beginObject()
        writer.key("role")
        writer.string("\(turn.role)")
        writer.key("blocks")
        writer.array(turn.blocks, dump)
        writer.endObject()
    }
    writer.key("tools")
    writer.array(conversation.tools) { writer, tool in
        writer.beginObject()
        writer.key("name")
        writer.string(tool.name)
        writer.key("description")
        writer.optional(tool.description) { $0.string($1) }
        writer.key("schema")
        writer.fragment(tool.schema)
        if tool.form != .function { writer.member("form", "\(tool.form)") }
        if let name = tool.clientName {
            writer.member("clientName", name.name)
            if let namespace = name.namespace { writer.member("namespace", namespace) }
        }
        writer.endObject()
    }
    dumpSettings(conversation, &writer)
    writer.endObject()
    return indented(writer.bytes)
}

private func dumpSettings(_ conversation: Conversation, _ writer: inout JSONWriter) {
    writer.key("toolChoice")
    switch conversation.toolChoice {
    case .auto: writer.string("auto")
    case .none: writer.string("none")
    case .any: writer.string("any")
    case .named(let name): writer.string("named \(name.string)")
    case .allowed(let names, let isRequired):
        writer.string("\(isRequired ? "one of" : "allowed"): \(names.map(\.string).joined(separator: ", "))")
    }
    writer.key("allowsParallelToolCalls")
    writer.bool(conversation.allowsParallelToolCalls)
    writer.key("sampling")
    dump(conversation.sampling, &writer)
    writer.key("thinking")
    writer.optional(conversation.thinking) { $0.string("\($1)") }
    writer.key("thinkingDisplay")
    writer.optional(conversation.thinkingDisplay) { $0.string("\($1)") }
    writer.key("wantsSealedThinking")
    writer.bool(conversation.wantsSealedThinking)
    writer.key("effort")
    writer.optional(conversation.effort) { $0.string($1.rawValue) }
    writer.key("outputFormat")
    switch conversation.outputFormat {
    case nil: writer.null()
    case .jsonObject: writer.string("jsonObject")
    case .jsonSchema(let schema): writer.fragment(schema)
    }
    writer.key("streams")
    writer.bool(conversation.streams)
    writer.key("wantsUsageInStream")
    writer.bool(conversation.wantsUsageInStream)
    writer.key("metadata")
    writer.optional(conversation.metadata) { $0.fragment($1) }
    writer.key("ignored")
    writer.array(conversation.ignored) { $0.string($1) }
    writer.key("echo")
    writer.beginObject()
    for (key, value) in conversation.echo {
        writer.key(key)
        writer.fragment(value)
    }
    writer.endObject()
}

private func dump(_ sampling: Sampling, _ writer: inout JSONWriter) {
    writer.beginObject()
    writer.key("maxTokens")
    writer.optional(sampling.maxTokens) { $0.integer($1) }
    writer.key("temperature")
    writer.optional(sampling.temperature) { $0.fragment($1) }
    writer.key("topP")
    writer.optional(sampling.topP) { $0.fragment($1) }
    writer.key("topK")
    writer.optional(sampling.topK) { $0.fragment($1) }
    writer.key("serviceTier")
    writer.optional(sampling.serviceTier) { $0.fragment($1) }
    writer.key("stopSequences")
    writer.array(sampling.stopSequences) { $0.string($1) }
    writer.endObject()
}

private func dump(_ writer: inout JSONWriter, _ block: Block) {
    writer.beginObject()
    switch block {
    case .text(let text):
        writer.key("text")
        writer.string(text)
    case .image(let source):
        writer.key("image")
        writer.fragment(source)
    case .document(let document):
        writer.key("document")
        writer.fragment(document)
    case .toolUse(let id, let name, let input):
        writer.key("toolUse")
        writer.string(id)
        writer.key("name")
        writer.string(name)
        writer.key("input")
        writer.fragment(input)
    case .toolResult(let id, let content, let isError):
        writer.key("toolResult")
        writer.string(id)
        writer.key("isError")
        writer.bool(isError)
        writer.key("content")
        writer.array(content, dump)
    case .thinking(let text, let signature):
        writer.key("thinking")
        writer.string(text)
        writer.key("signature")
        writer.string(signature)
    case .redactedThinking(let data):
        writer.key("redactedThinking")
        writer.string(data)
    case .other(let fragment):
        writer.key("other")
        writer.fragment(fragment)
    }
    writer.endObject()
}

extension JSONWriter {
    fileprivate mutating func array<Element>(
        _ elements: [Element],
        _ write: (inout JSONWriter, Element) -> Void
    ) {
        beginArray()
        for element in elements { write(&self, element) }
        endArray()
    }

    fileprivate mutating func optional<Value>(_ value: Value?, _ write: (inout JSONWriter, Value) -> Void) {
        if let value { write(&self, value) } else { null() }
    }
}

/// Puts every member and element on a line of its own, two spaces a level.
private func indented(_ json: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    var level = 0
    var isString = false
    var isEscaped = false
    func newline() {
        out.append(UInt8(ascii: "\n"))
        out += repeatElement(UInt8(ascii: " "), count: level * 2)
    }
    for (index, byte) in json.enumerated() {
        if isString {
            out.append(byte)
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isString = false
            }
            continue
        }
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            out.append(byte)
            level += 1
            if json[index + 1] != byte + 2 { newline() }
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            level -= 1
            if json[index - 1] != byte - 2 { newline() }
            out.append(byte)
        case UInt8(ascii: ","):
            out.append(byte)
            newline()
        case UInt8(ascii: ":"):
            out.append(byte)
            out.append(UInt8(ascii: " "))
        case UInt8(ascii: " "): break
        default:
            isString = byte == UInt8(ascii: "\"")
            out.append(byte)
        }
    }
    out.append(UInt8(ascii: "\n"))
    return out
}
