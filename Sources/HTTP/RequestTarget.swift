/// The parts of a request target as ranges of the bytes it was read from (RFC 9112 §3.2).
struct RequestTarget: Sendable {
    let path: Range<Int>
    let query: Range<Int>?
    /// From the absolute form; else filled in from `Host`.
    var authority: Range<Int>?

    /// Reads the target in `range`, whose bytes are known to be visible ASCII.
    ///
    /// Origin form and absolute form are read for every method, `*` for OPTIONS alone. The absolute form only
    /// with `absolute`: HTTP/2 has the parts in fields of their own.
    init(_ bytes: Span<UInt8>, in range: Range<Int>, method: Method, absolute: Bool) throws(HTTPFault) {
        guard let first = range.first else { throw .malformed("the request target is empty") }
        // RFC 9112 §3.2: no form of the target has a fragment.
        for index in range where bytes[index] == UInt8(ascii: "#") {
            throw .malformed("the request target has a fragment")
        }
        var start = range.lowerBound
        if bytes[first] == UInt8(ascii: "*"), range.count == 1, method == .options {
            authority = nil
        } else if bytes[first] == UInt8(ascii: "/") {
            authority = nil
        } else if absolute, let host = RequestTarget.authority(bytes, in: range) {
            guard isAuthority(bytes, in: host) else {
                throw .malformed("the authority of the request target is malformed")
            }
            authority = host
            start = host.upperBound
        } else {
            throw .malformed("the request target is neither a path nor an absolute URI")
        }
        var end = start
        while end < range.upperBound, bytes[end] != UInt8(ascii: "?") { end += 1 }
        path = start..<end
        query = end < range.upperBound ? (end + 1)..<range.upperBound : nil
    }

    /// Where the authority of `http://authority/…` or `https://…` lies; nil when it is neither.
    private static func authority(_ bytes: Span<UInt8>, in range: Range<Int>) -> Range<Int>? {
        func begins(_ scheme: StaticString) -> Int? {
            let end = range.lowerBound + scheme.utf8CodeUnitCount
            guard end <= range.upperBound, spells(bytes, range.lowerBound..<end, scheme) else { return nil }
            return end
        }
        guard let start = begins("https://") ?? begins("http://") else { return nil }
        var end = start
        while end < range.upperBound, bytes[end] != UInt8(ascii: "/"), bytes[end] != UInt8(ascii: "?") {
            end += 1
        }
        return start..<end
    }
}

/// Whether the bytes in `range` are a host name, an IPv4 address or a bracketed IPv6 address, with or without
/// a port.
///
/// Stricter than RFC 3986 §3.2: no user information, which browsers and gateways read differently; no percent
/// escapes or sub-delimiters in the name, which no host in use has; a colon must be followed by a port below
/// 65536.
func isAuthority(_ bytes: Span<UInt8>, in range: Range<Int>) -> Bool {
    guard let first = range.first else { return false }
    var index = first
    if bytes[first] == UInt8(ascii: "[") {
        index += 1
        var colons = 0
        while index < range.upperBound, let kind = addressByte(bytes[index]) {
            colons += kind
            index += 1
        }
        // 45 characters are the longest form, with an IPv4 address at its end.
        guard colons >= 2, index - first <= 46 else { return false }
        guard index < range.upperBound, bytes[index] == UInt8(ascii: "]") else { return false }
        index += 1
    } else {
        while index < range.upperBound, isHostByte(bytes[index]) { index += 1 }
        guard 1...255 ~= index - first else { return false }
    }
    if index == range.upperBound { return true }
    guard bytes[index] == UInt8(ascii: ":"), range.upperBound - index <= 6 else { return false }
    guard let port = decimal(bytes, in: (index + 1)..<range.upperBound) else { return false }
    return port <= 65535
}

/// 1 for a colon, 0 for another byte of an IPv6 address, nil for every other byte.
private func addressByte(_ byte: UInt8) -> Int? {
    if byte == UInt8(ascii: ":") { return 1 }
    return byte == UInt8(ascii: ".") || hexValue(byte) != nil ? 0 : nil
}

private func isHostByte(_ byte: UInt8) -> Bool {
    if lowercased(byte) &- 0x61 < 26 || byte &- 0x30 < 10 { return true }
    return byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
}
