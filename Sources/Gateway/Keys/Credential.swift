import Vocabulary

/// The key of a request head.
enum Credential {
    /// The key that the values of `authorization` and `x-api-key` present; nil when there is none.
    ///
    /// Takes all lines of both headers. A scheme other than Bearer (RFC 6750 §2.1) and an empty value count
    /// as none. Two different keys are refused: whoever stands between might have checked the other one.
    static func extract(
        authorization: [ArraySlice<UInt8>], apiKey: [ArraySlice<UInt8>]
    ) throws(Refusal) -> ArraySlice<UInt8>? {
        var found: ArraySlice<UInt8>?
        for value in authorization.compactMap(bearerToken) + apiKey.map(trimmed) where !value.isEmpty {
            if let found, found != value {
                throw Refusal(
                    .invalidRequest,
                    "Two different keys were sent; send one, as x-api-key or as Authorization: Bearer.")
            }
            found = value
        }
        return found
    }

    /// What follows `Bearer` and blanks; the scheme's case does not matter (RFC 9110 §11.1).
    private static func bearerToken(_ value: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let value = trimmed(value)
        let scheme = value.prefix(6)
        guard scheme.count == 6, zip(scheme, "bearer".utf8).allSatisfy({ $0 | 0x20 == $1 }),
            let blank = value.dropFirst(6).first, isBlank(blank)
        else { return nil }
        return trimmed(value.dropFirst(6))
    }

    private static func trimmed(_ value: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var value = value.drop(while: isBlank)
        while let last = value.last, isBlank(last) { value.removeLast() }
        return value
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}
