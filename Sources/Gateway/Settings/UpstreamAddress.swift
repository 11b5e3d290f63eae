import Platform

/// Where the vendor is asked, as `ANTHROPIC_BASE_URL` says it.
struct UpstreamAddress: Sendable, Equatable {
    /// False for plain HTTP.
    var isEncrypted = true
    /// A name, or an address in digits without brackets.
    var host = "api.anthropic.com"
    var port: UInt16 = 443
    /// What all paths begin with: empty, or beginning with `/` and not ending with one.
    var prefix = ""

    /// The vendor's own.
    init() {}

    /// Reads `http[s]://HOST[:PORT][/PATH]`; nil for anything else, such as an address with a name and a password.
    init?(_ text: String) {
        let parts = text.firstRange(of: "://").map { (text[..<$0.lowerBound].lowercased(), text[$0.upperBound...]) }
        guard let (scheme, rest) = parts, ["http", "https"].contains(scheme), !rest.contains(where: { "?#@ ".contains($0) })
        else { return nil }
        isEncrypted = scheme == "https"
        port = isEncrypted ? 443 : 80
        let authority = rest.prefix { $0 != "/" }
        guard let digits = readHost(authority) else { return nil }
        if let digits {
            guard digits.utf8.count <= 5, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt16(digits),
                number > 0
            else { return nil }
            port = number
        }
        var path = rest[authority.endIndex...]
        while path.hasSuffix("/") { path = path.dropLast() }
        guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }) else { return nil }
        prefix = String(path)
    }

    /// Takes the host; what follows it as a port, nil inside for none, nil for no host.
    private mutating func readHost(_ authority: Substring) -> Substring?? {
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            host = String(authority[authority.index(after: authority.startIndex)..<end])
            guard host.contains(":"), PeerAddress(host) != nil else { return nil }
            let rest = authority[authority.index(after: end)...]
            if rest.isEmpty { return .some(nil) }
            return rest.hasPrefix(":") ? .some(rest.dropFirst()) : nil
        }
        let name = authority.prefix { $0 != ":" }
        let isName = name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
            default: false
            }
        }
        guard !name.isEmpty, name.utf8.count <= 253, isName else { return nil }
        host = name.lowercased()
        let rest = authority[name.endIndex...]
        return rest.isEmpty ? .some(nil) : .some(rest.dropFirst())
    }
}
