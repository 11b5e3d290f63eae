import Vocabulary

/// Gives the model's calls back their client's names on the way to the client, and sees to it that a call that was
/// demanded comes.
///
/// Arguments stream on as they come, but for those calls whose arguments have other names: theirs are gathered
/// and handed over in one piece when the call is complete.
struct CallTranslator {
    private let names: ToolNames
    /// The open call whose arguments are gathered.
    private var open: ToolAlias?
    private var arguments: [UInt8] = []
    private var reader: DemandedCallReader?

    /// A translator between these names, of an answer of which this call is demanded.
    init(_ names: ToolNames = ToolNames(), demanding call: DemandedCall? = nil) {
        self.names = names
        reader = call.map { DemandedCallReader($0) }
    }

    /// True when every event passes as it is.
    var isIdle: Bool { names.isEmpty && reader == nil }

    /// Notes that the CLI has called a tool of a registered server.
    mutating func noteServerCall() { reader?.noteServerCall() }

    /// Hands an event over under the client's names, when its time has come.
    mutating func pass(
        _ event: ReplyEvent, of line: Span<UInt8>, to take: (ReplyEvent, Span<UInt8>) -> Void
    ) {
        guard var reader = reader.take() else { return translate(event, of: line, to: take) }
        reader.pass(event, of: line) { translate($0, of: $1, to: take) }
        self.reader = reader
    }

    private mutating func translate(
        _ event: ReplyEvent, of line: Span<UInt8>, to take: (ReplyEvent, Span<UInt8>) -> Void
    ) {
        switch event {
        case .blockStarted(.toolUse(let id, let name)):
            guard let alias = names.alias(calledBy: name) else { return take(event, line) }
            open = alias.arguments.isEmpty ? nil : alias
            take(.blockStarted(.toolUse(id: id, name: alias.name)), line)
        case .toolInput(let piece) where open != nil:
            arguments.append(copying: line.extracting(piece.start..<piece.end))
        case .blockStopped:
            if let alias = open { handOver(alias, to: take) }
            take(event, line)
        default: take(event, line)
        }
    }

    private mutating func handOver(_ alias: ToolAlias, to take: (ReplyEvent, Span<UInt8>) -> Void) {
        let gathered = JSONText(escaped: arguments[...], hasEscapes: true)
        open = nil
        arguments = []
        guard !gathered.isEmpty else { return }
        let input = JSONFragment(validated: ArraySlice(gathered.string.utf8))
        let renamed = JSONText(String(decoding: ToolNames.inward(input: input, of: alias).bytes, as: UTF8.self))
        let bytes = Array(renamed.escaped)
        take(.toolInput(JSONSlice(start: 0, end: bytes.count, hasEscapes: renamed.hasEscapes)), bytes.span)
    }
}
