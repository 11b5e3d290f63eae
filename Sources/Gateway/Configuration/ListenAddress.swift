import Glibc
import Platform

/// How operators write the addresses to listen on.
extension ListenAddress {
    /// The longest path of a Unix socket: `sun_path` less its terminating zero.
    static let maxPathBytes = 107

    /// Parses `HOST:PORT`, `[IPv6]:PORT` or `unix:/path`; names other than `localhost` are not resolved.
    init?(_ text: String) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard path.hasPrefix("/"), path.utf8.count <= Self.maxPathBytes, !path.hasSuffix("/") else {
                return nil
            }
            self = .unix(path: path)
            return
        }
        guard let colon = text.lastIndex(of: ":") else { return nil }
        self.init(host: text[..<colon], port: text[text.index(after: colon)...])
    }

    /// Parses a host and a port; an IPv6 address needs its brackets.
    init?(host: Substring, port: Substring) {
        guard let number = DecimalText.parse(port.utf8), let port = UInt16(exactly: number) else {
            return nil
        }
        var host = host == "localhost" ? "127.0.0.1" : host
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
        } else if host.contains(":") {
            return nil
        }
        guard let canonical = Self.canonical(String(host)) else { return nil }
        self = .tcp(host: canonical, port: port)
    }

    /// True when only this machine can connect.
    var isLocal: Bool {
        switch self {
        case .unix: true
        case .tcp: isLoopback
        }
    }

    /// True for 127.0.0.0/8, ::1 and ::ffff:127.0.0.0/104.
    var isLoopback: Bool {
        guard case .tcp(let host, _) = self else { return false }
        return host == "::1" || (host.hasPrefix("127.") && !host.contains(":"))
            || host.hasPrefix("::ffff:127.")
    }

    /// The address in the kernel's own spelling; nil when it is no literal address.
    private static func canonical(_ host: String) -> String? {
        let family = host.contains(":") ? AF_INET6 : AF_INET
        var address = in6_addr()  // the larger of the two
        guard unsafe inet_pton(family, host, &address) == 1 else { return nil }
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) {
            unsafe inet_ntop(family, &address, $0.baseAddress, socklen_t(INET6_ADDRSTRLEN)).map {
                unsafe String(cString: $0)
            }
        }
    }
}
