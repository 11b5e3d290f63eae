/// The parameters behind a path's `?`.
enum QueryParameters {
    /// `a=b&c=d`, with `%` escapes and `+` for a space (WHATWG URL §5.1); what has no `=` has an empty value.
    static func parse(_ query: ArraySlice<UInt8>) -> [(name: String, value: String)] {
        query.split(separator: UInt8(ascii: "&")).map { pair in
            let parts = pair.map { $0 == UInt8(ascii: "+") ? 0x20 : $0 }
                .split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            return (String(percentDecoding: parts[0]), parts.count > 1 ? String(percentDecoding: parts[1]) : "")
        }
    }
}

extension String {
    /// `%5B` as `[` (RFC 3986 §2.1); a `%` without two digits behind it stands for itself.
    init(percentDecoding bytes: ArraySlice<UInt8>) {
        var decoded: [UInt8] = []
        var rest = bytes
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let high = Self.digit(rest.first),
                let low = Self.digit(rest.dropFirst().first)
            {
                decoded.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else {
                decoded.append(byte)
            }
        }
        self.init(decoding: decoded, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8?) -> UInt8? {
        byte.flatMap { Character(Unicode.Scalar($0)).hexDigitValue }.map(UInt8.init)
    }
}
