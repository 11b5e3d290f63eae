import Vocabulary

/// Which names clients may call the service by.
struct HostPolicy: Sendable, Equatable {
    /// In lower case, without ports; `*.` in front stands for one or more labels. Empty for any.
    var allowed: [String] = []

    /// True when any name will do.
    var allowsAll: Bool { allowed.isEmpty }

    /// Whether a request for this authority, `host[:port]`, is meant for this service.
    func allows(_ authority: ArraySlice<UInt8>?) -> Bool {
        guard !allowsAll else { return true }
        guard let authority else { return false }
        var host = Self.withoutPort(String(decoding: authority, as: UTF8.self).lowercased()[...])
        // A name with the root's dot is the same name.
        if host.last == ".", host.count > 1 { host.removeLast() }
        return allowed.contains { entry in
            guard entry.hasPrefix("*.") else { return host == entry[...] }
            return host.count > entry.count - 1 && host.hasSuffix(entry.dropFirst())
        }
    }

    /// One word of the setting.
    static func entry(_ text: String) throws(ValueProblem) -> String {
        var host = text.lowercased()
        if host.contains(":"), !host.hasPrefix("["), host.filter({ $0 == ":" }).count > 1 { host = "[\(host)]" }
        guard withoutPort(host[...]) == host[...] else {
            throw ValueProblem("\(quoted(text)) has a port; any port is meant, write the name alone")
        }
        let name = host.hasPrefix("*.") ? host.dropFirst(2) : host[...]
        let isAddress = name.first == "[" && name.last == "]" && name.count > 2
        let letters = isAddress ? "0123456789abcdef:." : "abcdefghijklmnopqrstuvwxyz0123456789-_."
        guard !name.isEmpty, name.first != ".", name.last != ".",
            (isAddress ? name.dropFirst().dropLast() : name).allSatisfy({ letters.contains($0) }),
            !isAddress || !host.hasPrefix("*")
        else { throw ValueProblem("\(quoted(text)) is no host name as example.com or *.example.com, and no address") }
        return host
    }

    private static func withoutPort(_ text: Substring) -> Substring {
        guard let colon = text.lastIndex(of: ":"), text.last != "]" else { return text }
        return text[..<colon]
    }
}
