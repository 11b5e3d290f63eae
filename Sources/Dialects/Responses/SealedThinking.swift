import Vocabulary

/// How thinking travels in `encrypted_content`: what the vendor sealed, behind a mark of ours, so that a
/// later request's items can be told from another vendor's.
enum SealedThinking {
    static let signaturePrefix: StaticString = "thinking:"
    static let redactedPrefix: StaticString = "redacted:"

    /// The thinking block of a reasoning item; nil for what is not ours and so could not be verified.
    static func block(sealed: JSONText, summary: JSONText) -> Block? {
        if let signature = strip(signaturePrefix, from: sealed) {
            return .thinking(summary, signature: signature)
        }
        if let data = strip(redactedPrefix, from: sealed) { return .redactedThinking(data) }
        return nil
    }

    private static func strip(_ prefix: StaticString, from text: JSONText) -> JSONText? {
        let mark = prefix.description.utf8
        guard text.escaped.starts(with: mark) else { return nil }
        return JSONText(escaped: text.escaped.dropFirst(mark.count), hasEscapes: text.hasEscapes)
    }
}
