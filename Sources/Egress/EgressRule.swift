/// Where a run may connect to, by name and port; whether the address behind the name is public is asked apart from that.
package struct EgressRule: Sendable, Hashable {
    /// One host, or all below one.
    private struct Pattern: Sendable, Hashable {
        let name: String
        let isSuffix: Bool
        /// Nil for the usual ones.
        let port: UInt16?

        /// `name`, `*.name`, either with `:port` behind it.
        init(_ text: String) {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            port = parts.count == 2 ? UInt16(parts[1]) : nil
            let host = (parts.first ?? "").lowercased()
            isSuffix = host.hasPrefix("*.")
            name = isSuffix ? String(host.dropFirst()) : host
        }

        func matches(_ host: String, _ asked: UInt16) -> Bool {
            let isNamed = isSuffix ? host.hasSuffix(name) && host.utf8.count > name.utf8.count : host == name
            return isNamed && (port.map { $0 == asked } ?? EgressRule.usualPorts.contains(asked))
        }
    }

    /// Nil for any host.
    private let patterns: [Pattern]?

    /// Any host, at the usual ports.
    package static let anyHost = EgressRule(patterns: nil)

    /// These hosts alone: `example.org`, or `*.example.org` for all below it; with `:8443` at that port in place of the
    /// usual ones.
    package init(hosts: [String]) { self.init(patterns: hosts.map(Pattern.init)) }

    private init(patterns: [Pattern]?) { self.patterns = patterns }

    /// A host and its port as they stand in a URL.
    static func place(_ host: String, _ port: UInt16) -> String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    static let usualPorts: Set<UInt16> = [80, 443]

    /// Why a host is not reached, to be read by who asked; nil where it may be.
    func objection(to host: String, _ port: UInt16) -> String? {
        // A name that ends in a dot is the same one.
        let name = (host.hasSuffix(".") ? String(host.dropLast()) : host).lowercased()
        guard let patterns else {
            return Self.usualPorts.contains(port) ? nil : "port \(port) is not open: only 80 and 443 are"
        }
        if patterns.contains(where: { $0.matches(name, port) }) { return nil }
        return "\(Self.place(host, port)) is not among the hosts of this workspace"
    }
}
