import Vocabulary

/// Makes sure that an answer holds the call that was demanded of a model that cannot be forced.
///
/// Nothing passes until it is known what the answer is, so that a failure is one before anything was sent. Then either
/// the model calls, and all passes as it comes; or its text is the call's arguments, and the call stands in the text's
/// place; or the answer fails. Names are the model's: whoever takes the events translates them.
struct DemandedCallReader {
    /// How much of an answer may come before the call.
    static let mostHeldBytes = 4 * 1024 * 1024

    private enum State { case undecided, passing, over }

    private let demand: DemandedCall
    private let mostHeldBytes: Int
    private var state = State.undecided
    private var held = HeldEvents()
    /// The id from which that of a call is made.
    private var messageID = ""
    /// True while a call of a tool that nobody demanded is left out.
    private var isLeavingOut = false
    private var hasLeftOut = false
    /// True once something else has met the demand.
    private var isSatisfied = false

    /// A reader of the answer to this demand.
    init(_ demand: DemandedCall, mostHeldBytes: Int = DemandedCallReader.mostHeldBytes) {
        self.demand = demand
        self.mostHeldBytes = mostHeldBytes
    }

    /// Notes that a registered server's tool was called, after which no call of the client's tools is forced.
    mutating func noteServerCall() { if !demand.isNamed { isSatisfied = true } }

    /// Hands on what may pass.
    mutating func pass(_ event: ReplyEvent, of line: Span<UInt8>, to take: (ReplyEvent, Span<UInt8>) -> Void) {
        switch state {
        case .over: return
        case .passing:
            if !leavesOut(event) { take(event, line) }
            return
        case .undecided: break
        }
        if isSatisfied { return release(and: event, of: line, to: take) }
        switch event {
        case .failed:
            state = .over
            return take(event, line)
        case .finished(let end): return conclude(end, to: take)
        case .started(let start): messageID = start.id
        case .blockStarted(.toolUse(_, let name)) where demand.names.contains(name):
            // A text in the format says nothing that the call does not say.
            let isCall = demand.call(in: held.text, isCut: false) != nil
            return release(withText: !isCall, and: event, of: line, to: take)
        default: if leavesOut(event) { return }
        }
        held.append(event, of: line)
        if held.size > mostHeldBytes { fail("The model said too much before the call that tool_choice asks for", to: take) }
    }

    private mutating func release(
        withText: Bool = true, and event: ReplyEvent, of line: Span<UInt8>,
        to take: (ReplyEvent, Span<UInt8>) -> Void
    ) {
        state = .passing
        held.release(withText: withText, to: take)
        take(event, line)
    }

    /// A call of another tool than the one that must be called is nothing the client reckons with.
    private mutating func leavesOut(_ event: ReplyEvent) -> Bool {
        switch event {
        case .blockStarted(.toolUse(_, let name)):
            isLeavingOut = !isSatisfied && !demand.names.contains(name)
            if isLeavingOut { hasLeftOut = true }
            return isLeavingOut
        case .blockStopped where isLeavingOut:
            isLeavingOut = false
            return true
        default: return isLeavingOut
        }
    }

    // MARK: - An end without a call

    private mutating func conclude(_ end: ReplyEnd, to take: (ReplyEvent, Span<UInt8>) -> Void) {
        let text = held.text
        let isCut = end.reason == .maxTokens || end.reason == .contextWindowExceeded
        if let call = demand.call(in: text, isCut: isCut) {
            state = .over
            held.release(withText: false, to: take)
            return emit(call, isCut ? end : end.endingInCall, to: take)
        }
        // Nobody said anything that could be taken for an answer.
        let isEmpty = text.allSatisfy(\.isWhitespace) && !hasLeftOut
        if end.reason == .refusal || (isCut && isEmpty) {
            let noLine: [UInt8] = []
            return release(and: .finished(end), of: noLine.span, to: take)
        }
        if isCut { return fail("The answer reached its token limit before the call that tool_choice asks for", to: take) }
        if hasLeftOut { return fail("The model called another tool than the one that tool_choice asks for", to: take) }
        if isEmpty { return fail("The model answered nothing and made no call as tool_choice asks", to: take) }
        fail("The model answered with text and did not call a tool as tool_choice asks", to: take)
    }

    private func emit(_ call: DemandedCall.Read, _ end: ReplyEnd, to take: (ReplyEvent, Span<UInt8>) -> Void) {
        let noLine: [UInt8] = []
        take(.blockStarted(.toolUse(id: JSONText(Self.callID(messageID)), name: call.name)), noLine.span)
        let arguments = JSONText(call.arguments)
        let bytes = Array(arguments.escaped)
        let slice = JSONSlice(start: 0, end: bytes.count, hasEscapes: arguments.hasEscapes)
        take(.toolInput(slice), bytes.span)
        take(.blockStopped, noLine.span)
        take(.finished(end), noLine.span)
    }

    /// A call's id as the vendor makes them; it is as unique as its message's, of whose letters and digits it is made.
    static func callID(_ messageID: String) -> String {
        let name = messageID.utf8.drop { $0 != UInt8(ascii: "_") }
        let kept = name.filter { $0.isNameByte && $0 != UInt8(ascii: "_") && $0 != UInt8(ascii: "-") }.suffix(24)
        return "toolu_" + String(repeating: "0", count: 24 - kept.count) + String(decoding: kept, as: UTF8.self)
    }

    private mutating func fail(_ what: String, to take: (ReplyEvent, Span<UInt8>) -> Void) {
        state = .over
        held = HeldEvents()
        let noLine: [UInt8] = []
        let message = what + ", which nothing can force this model to do."
        take(.failed(Fault(.badGateway, message, shouldRetry: false)), noLine.span)
    }
}

extension ReplyEnd {
    fileprivate var endingInCall: ReplyEnd { ReplyEnd(reason: .toolUse, usage: usage) }
}

extension DemandedCall {
    /// A call that was read from a text.
    struct Read: Equatable {
        var name: JSONText
        /// The arguments' JSON text; incomplete where the answer was.
        var arguments: String
    }

    /// The call that an answer in text is; nil when it is none.
    func call(in text: String, isCut: Bool) -> Read? {
        guard let reading else { return nil }
        guard let document = try? JSONDocument(parsing: Array(text.utf8)) else {
            return isCut ? cutCall(in: text, reading) : nil
        }
        switch reading {
        case .arguments(let name):
            return document.root.kind == .object ? read(name, document.root) : nil
        case .wrapped:
            guard let call = document.root["call"], let name = call["tool"]?.text, names.contains(name),
                let arguments = call["arguments"], arguments.kind == .object
            else { return nil }
            return read(name, arguments)
        }
    }

    private func read(_ name: JSONText, _ arguments: JSONValue) -> Read {
        Read(name: name, arguments: String(decoding: arguments.fragment.bytes, as: UTF8.self))
    }

    /// What came of a call whose text was cut off, as the vendor's own calls are then.
    private func cutCall(in text: String, _ reading: Reading) -> Read? {
        switch reading {
        case .arguments(let name):
            let arguments = text.drop(while: \.isWhitespace)
            return arguments.first == "{" ? Read(name: name, arguments: String(arguments)) : nil
        case .wrapped:
            let bytes = Array(text.utf8)
            guard let (slice, start) = try? Self.beginning(of: bytes.span) else { return nil }
            let name = slice.text(in: bytes.span)
            guard names.contains(name), bytes[start...].first == UInt8(ascii: "{") else { return nil }
            return Read(name: name, arguments: String(decoding: bytes[start...], as: UTF8.self))
        }
    }

    /// The tool's name, and where its arguments begin.
    private static func beginning(of bytes: Span<UInt8>) throws(JSONError) -> (JSONSlice, Int)? {
        var reader = JSONReader(bytes)
        try reader.enterObject()
        guard let call = try reader.key(), reader.matches(call, "call") else { return nil }
        try reader.enterObject()
        guard let tool = try reader.key(), reader.matches(tool, "tool") else { return nil }
        let name = try reader.string()
        guard let arguments = try reader.key(), reader.matches(arguments, "arguments"),
            try reader.peek() == .object
        else { return nil }
        return (name, reader.offset)
    }
}
