/// The port that an address leads to.
public enum AddressPort {
    private static let known: [String: UInt16] = [
        "http": 80, "ws": 80, "https": 443, "wss": 443, "socks": 1080, "socks4": 1080, "socks5": 1080, "socks5h": 1080,
    ]

    /// The port of `scheme://host[:port]…`, or of `host:port` where the scheme may be left out; nil where there is none.
    public static func of(_ text: String, schemeIsOptional: Bool = false) -> UInt16? {
        var rest = Substring(text)
        var port: UInt16?
        if let end = text.firstRange(of: "://") {
            port = known[text[..<end.lowerBound].lowercased()]
            guard port != nil else { return nil }
            rest = text[end.upperBound...]
        } else if !schemeIsOptional {
            return nil
        }
        rest = rest.prefix { !"/?#".contains($0) }
        if let at = rest.lastIndex(of: "@") { rest = rest[rest.index(after: at)...] }
        // The colons of an IPv6 address stand in brackets.
        if let bracket = rest.lastIndex(of: "]") { rest = rest[bracket...] }
        guard let colon = rest.lastIndex(of: ":") else { return port }
        return UInt16(rest[rest.index(after: colon)...]) ?? port
    }
}
