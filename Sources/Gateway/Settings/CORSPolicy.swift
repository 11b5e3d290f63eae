/// Whose web pages may ask.
enum CORSPolicy: Sendable, Equatable {
    case nobody, everybody
    /// Pages of these origins, spelled as browsers send them: lower case, without a scheme's usual port.
    case origins([String])

    /// True when the answer to one origin is not the answer to another, so that caches must keep them apart.
    var dependsOnOrigin: Bool {
        if case .origins = self { true } else { false }
    }

    /// What `access-control-allow-origin` tells a page of `origin`; nil for those that may not ask.
    func allowed(_ origin: String) -> String? {
        switch self {
        case .nobody: nil
        case .everybody: "*"
        // As the browser wrote it: it compares byte by byte.
        case .origins(let known): known.contains(origin.lowercased()) ? origin : nil
        }
    }

    /// Takes one more word of the setting; `*` and `none` stand alone.
    mutating func add(_ text: String) throws(ValueProblem) {
        let single: CORSPolicy? = text == "*" ? .everybody : text.lowercased() == "none" ? .nobody : nil
        if case .origins(let before) = self, single == nil || before.isEmpty {
            if let single { self = single } else { self = .origins(before + [try Self.origin(text)]) }
        } else {
            // What follows is told no fault of its own.
            self = .origins([])
            throw ValueProblem("'*' and 'none' stand alone; list origins, or give one of the two")
        }
    }

    /// `scheme://host[:port]` (RFC 6454 §6.2), with any scheme that apps serve their pages under.
    private static func origin(_ text: String) throws(ValueProblem) -> String {
        let lower = text.lowercased()
        guard lower != "null" else {
            throw ValueProblem("'null' is what any sandboxed page calls itself; name an origin, or '*' for all")
        }
        guard let mark = lower.firstRange(of: "://") else { throw noOrigin(text) }
        let (scheme, authority) = (lower[..<mark.lowerBound], lower[mark.upperBound...])
        guard scheme != "file" else {
            throw ValueProblem("pages of files call themselves 'null', as any page may; serve them over http")
        }
        guard isScheme(scheme), let end = endOfHost(authority) else { throw noOrigin(text) }
        let (host, rest) = (authority[..<end], authority[end...])
        guard !rest.isEmpty else { return "\(scheme)://\(host)" }
        guard rest.first == ":", let port = DecimalText.parse(rest.dropFirst().utf8), 1...65_535 ~= port else {
            if rest.first == "/" { throw ValueProblem("an origin has no path; write \(quoted("\(scheme)://\(host)"))") }
            throw noOrigin(text)
        }
        let isUsual = scheme == "https" && port == 443 || scheme == "http" && port == 80
        return "\(scheme)://\(host)" + (isUsual ? "" : ":\(port)")
    }

    private static func isScheme(_ text: Substring) -> Bool {
        text.utf8.first.map { 0x61...0x7A ~= $0 } == true
            && text.utf8.allSatisfy { isLetterOrDigit($0) || "+-.".utf8.contains($0) }
    }

    /// Where a host name, an app's identifier or a bracketed IPv6 address ends; nil when there is none.
    private static func endOfHost(_ text: Substring) -> Substring.Index? {
        if text.first == "[" {
            guard let close = text.firstIndex(of: "]"),
                text[..<close].dropFirst().utf8.allSatisfy({ "0123456789abcdef:.".utf8.contains($0) })
            else { return nil }
            return text.index(after: close)
        }
        let host = text.utf8.prefix { isLetterOrDigit($0) || "-._".utf8.contains($0) }
        return host.isEmpty ? nil : host.endIndex
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool { 0x61...0x7A ~= byte || 0x30...0x39 ~= byte }

    private static func noOrigin(_ text: String) -> ValueProblem {
        ValueProblem("\(quoted(text)) is not '*', 'none' or an origin as https://example.com or app://obsidian.md")
    }
}
