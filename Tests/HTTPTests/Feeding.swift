import HTTP
import Testing

/// What a head says, in a form that can be compared and printed.
struct Head: Equatable {
    var method = "GET"
    var path = "/"
    var query: String?
    var authority: String? = "localhost"
    var version = Request.Version.http11
    var body = BodyFraming.none
    var keepAlive = true
    var expectsContinue = false

    init() {}

    init(_ request: Request) {
        method = request.method.name
        path = text(request.path)
        query = request.query.map(text)
        authority = request.authority.map(text)
        version = request.version
        body = request.body
        keepAlive = request.keepAlive
        expectsContinue = request.expectsContinue
    }

    /// The usual head with a difference.
    static func with(_ change: (inout Head) -> Void) -> Head {
        var head = Head()
        change(&head)
        return head
    }
}

/// How bytes were answered.
enum Outcome: Equatable {
    case head(Head, fields: [String], consumed: Int)
    case fault(HTTPFault)
    case needsMore
}

/// Decodes one head from bytes that come whole, and again byte by byte; both must agree.
func decode(
    _ bytes: some Sequence<UInt8>, limits: HTTPLimits = HTTPLimits(),
    sourceLocation: SourceLocation = #_sourceLocation
) -> Outcome {
    let bytes = Array(bytes)
    var decoder = HTTP1Decoder(limits: limits)
    let whole = step(&decoder, bytes)
    decoder = HTTP1Decoder(limits: limits)
    var bytewise = Outcome.needsMore
    for end in 0...bytes.count where bytewise == .needsMore {
        bytewise = step(&decoder, Array(bytes[..<end]))
    }
    #expect(whole == bytewise, "whole and byte by byte", sourceLocation: sourceLocation)
    return whole
}

/// One call of the decoder as an outcome.
func step(_ decoder: inout HTTP1Decoder, _ bytes: [UInt8]) -> Outcome {
    do {
        guard let (head, consumed) = try decoder.decode(bytes.span) else { return .needsMore }
        let fields = head.fields.map { text($0.name) + "=" + text($0.value) }
        return .head(Head(head), fields: fields, consumed: consumed)
    } catch {
        return .fault(error)
    }
}

/// Bytes as text, every byte one character.
func text(_ bytes: some Sequence<UInt8>) -> String {
    String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
}

/// Text as bytes, every character one byte: `\u{FF}` is 0xFF.
func latin(_ text: String) -> [UInt8] {
    text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
}

/// The status of a fault, or nil.
func status(_ outcome: Outcome) -> Int? {
    if case .fault(let fault) = outcome { fault.status } else { nil }
}

/// The head of an outcome, or nil.
func head(_ outcome: Outcome) -> Head? {
    if case .head(let head, _, _) = outcome { head } else { nil }
}
