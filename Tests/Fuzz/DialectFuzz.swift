// modules: Vocabulary Dialects
import Dialects
import Vocabulary

/// The first byte chooses dialect and kind of input: a request body to decode, or reply events made of the
/// bytes.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzDialects(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: data, count: size))
    guard let choice = bytes.first else { return 0 }
    let dialect = Dialect.allCases[Int(choice & 0x7F) % Dialect.allCases.count]
    if choice < 0x80 {
        decode(Array(bytes.dropFirst()), dialect)
    } else {
        encode(Array(bytes.dropFirst()), dialect)
    }
    return 0
}

private func decode(_ body: [UInt8], _ dialect: Dialect) {
    do throws(Refusal) {
        let conversation = try dialect.decode(body)
        precondition(!conversation.turns.isEmpty, "a conversation has turns")
        for (_, value) in conversation.echo { check(Array(value.bytes)) }
        for turn in conversation.turns { turn.blocks.forEach(check) }
    } catch {
        precondition(!error.message.isEmpty && error.kind == .invalidRequest, "refusals are explained")
        check(ErrorReply(error, dialect: dialect, requestID: "req_1").body)
    }
}

private func check(_ block: Block) {
    switch block {
    case .image(let fragment), .document(let fragment), .other(let fragment): check(Array(fragment.bytes))
    case .toolUse(_, _, let input): check(Array(input.bytes))
    case .toolResult(_, let content, _): content.forEach(check)
    case .text, .thinking, .redactedThinking: break
    }
}

private func check(_ json: [UInt8]) {
    precondition((try? JSONDocument(parsing: json)) != nil, "what is written is JSON")
}

/// Each byte is an event of an answer; the texts are pieces of a valid escaped line.
private func encode(_ script: [UInt8], _ dialect: Dialect) {
    let line = Array(#"a\"b\\c\ud83c\udf0d é\n{\"x\":1}"#.utf8)
    var conversation = Conversation(model: "m")
    conversation.thinking = .adaptive
    conversation.wantsUsageInStream = true
    let identity = ReplyIdentity(requestID: "req_1", suffix: "0", created: 1)
    var stream = ReplyStream(dialect: dialect, conversation: conversation, identity: identity)
    var body = ReplyBody(dialect: dialect, conversation: conversation, identity: identity)
    var out: [UInt8] = []
    for event in answer(script.prefix(48), of: line) {
        stream.encode(event, of: line.span, into: &out)
        stream.keepAlive(into: &out)
        body.take(event, of: line.span)
    }
    for event in out.split(separator: UInt8(ascii: "\n")) where event.starts(with: "data: {".utf8) {
        check(Array(event.dropFirst(6)))
    }
    if let whole = body.finish() { check(whole) }
}

/// An answer in the order that `ReplyEvent` promises: one beginning, one block at a time, at most one end.
private func answer(_ script: ArraySlice<UInt8>, of line: [UInt8]) -> [ReplyEvent] {
    let slices = [(0, 1), (1, 3), (4, 6), (7, 19), (0, line.count), (2, 2)].map {
        JSONSlice(start: $0.0, end: $0.1, hasEscapes: true)
    }
    var events: [ReplyEvent] = [.started(ReplyStart(id: "msg_1", model: "m", usage: Usage()))]
    var isOpen = false
    for byte in script {
        let slice = slices[Int(byte >> 4) % slices.count]
        switch (byte % 16, isOpen) {
        case (0, false): events.append(.blockStarted(.text))
        case (1, false): events.append(.blockStarted(.thinking))
        case (2, false): events.append(.blockStarted(.toolUse(id: "t", name: "n")))
        case (3, false): events.append(.blockStarted(.redactedThinking(data: "d")))
        case (4, false): events.append(.blockStarted(.other(JSONFragment("{\"type\":\"x\"}"))))
        case (0...2, true): events.append(.text(slice))
        case (3...4, true): events.append(.thinking(slice))
        case (5, true): events.append(.signature(slice))
        case (6...7, true): events.append(.toolInput(slice))
        case (8...12, true): events.append(.blockStopped)
        case (13, _): events.append(.failed(Fault(.overloaded, "busy", resetsAt: 1)))
        case (14, false): events.append(.finished(ReplyEnd(reason: .toolUse, usage: Usage())))
        default: continue
        }
        if case .blockStarted = events[events.count - 1] { isOpen = true }
        if case .blockStopped = events[events.count - 1] { isOpen = false }
    }
    return events
}
