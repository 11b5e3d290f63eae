import Vocabulary

/// Reply events that wait, with a copy of what they refer to.
struct HeldEvents {
    /// What an event costs beside its text.
    private static let eventBytes = 128

    private var events: [ReplyEvent] = []
    private var bytes: [UInt8] = []
    /// What they hold beside `bytes`, in bytes.
    private var extra = 0

    /// How much memory they hold, in bytes.
    var size: Int { bytes.count + extra }

    /// Keeps an event of `line`; pieces of one text become one event.
    mutating func append(_ event: ReplyEvent, of line: Span<UInt8>) {
        switch event {
        case .text(let slice):
            let copy = copied(slice, of: line)
            if case .text(let last) = events.last { return replaceLast(.text(last.joined(with: copy))) }
            add(.text(copy))
        case .thinking(let slice):
            let copy = copied(slice, of: line)
            if case .thinking(let last) = events.last { return replaceLast(.thinking(last.joined(with: copy))) }
            add(.thinking(copy))
        case .signature(let slice): add(.signature(copied(slice, of: line)))
        case .toolInput(let slice): add(.toolInput(copied(slice, of: line)))
        case .citation(let slice): add(.citation(copied(slice, of: line)))
        case .blockStarted(.redactedThinking(let data)):
            extra += data.escaped.count
            add(event)
        case .blockStarted(.other(let raw)):
            extra += raw.bytes.count
            add(event)
        case .callResult(let result):
            extra += result.content.bytes.count
            add(event)
        case .subagent(let step):
            switch step.kind {
            case .begun: break
            case .called(_, _, let input, _): extra += input.bytes.count
            case .answered(let result): extra += result.content.bytes.count
            }
            add(event)
        case .started, .blockStarted, .blockStopped, .finished, .failed: add(event)
        }
    }

    /// All that is said in text, one after another.
    var text: String {
        var pieces: [JSONText] = []
        for case .text(let slice) in events { pieces.append(slice.text(in: bytes.span)) }
        return JSONText.joined(pieces, separator: "").string
    }

    /// Hands them over in their order and forgets them; on demand without blocks of text.
    mutating func release(withText: Bool = true, to take: (ReplyEvent, Span<UInt8>) -> Void) {
        let (events, bytes) = (self.events, self.bytes)
        self = HeldEvents()
        var isText = false
        for event in events {
            if case .blockStarted(let block) = event { isText = block == .text }
            if withText || !isText { take(event, bytes.span) }
            if case .blockStopped = event { isText = false }
        }
    }

    private mutating func add(_ event: ReplyEvent) {
        extra += Self.eventBytes
        events.append(event)
    }

    private mutating func replaceLast(_ event: ReplyEvent) { events[events.count - 1] = event }

    private mutating func copied(_ slice: JSONSlice, of line: Span<UInt8>) -> JSONSlice {
        let start = bytes.count
        bytes.append(copying: line.extracting(slice.start..<slice.end))
        return JSONSlice(start: start, end: bytes.count, hasEscapes: slice.hasEscapes)
    }
}

extension JSONSlice {
    /// This slice and the one right behind it.
    fileprivate func joined(with next: JSONSlice) -> JSONSlice {
        JSONSlice(start: start, end: next.end, hasEscapes: hasEscapes || next.hasEscapes)
    }
}
