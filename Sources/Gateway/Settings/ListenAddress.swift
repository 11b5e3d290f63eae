import Glibc
import Platform
import Vocabulary

/// How operators write the addresses to listen on.
extension ListenAddress {
    /// The longest path of a Unix socket: `sun_path` less its terminating zero.
    static let maxPathBytes = 107

    /// Parses `HOST:PORT`, `[IPv6]:PORT` or `unix:/path`.
    ///
    /// Where names are allowed the host may be one, which has to be looked up before anything is concluded from it.
    init?(_ text: String, allowsNames: Bool = false) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard path.hasPrefix("/"), path.utf8.count <= Self.maxPathBytes, !path.hasSuffix("/") else {
                return nil
            }
            self = .unix(path: path)
            return
        }
        guard let colon = text.lastIndex(of: ":") else { return nil }
        self.init(host: text[..<colon], port: text[text.index(after: colon)...], allowsNames: allowsNames)
    }

    /// Parses a host and a port; an IPv6 address needs its brackets.
    init?(host: Substring, port: Substring, allowsNames: Bool = false) {
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
        if let canonical = Self.canonical(String(host)) {
            self = .tcp(host: canonical, port: port)
        } else if allowsNames, Self.isHostName(host) {
            self = .tcp(host: host.lowercased(), port: port)
        } else {
            return nil
        }
    }

    /// The name that has to be looked up; nil for addresses and Unix sockets.
    var hostName: String? {
        guard case .tcp(let host, _) = self, Self.canonical(host) == nil else { return nil }
        return host
    }

    /// RFC 1123 §2.1, and underscores; a last label of digits would make it a misspelt address.
    private static func isHostName(_ text: Substring) -> Bool {
        let name = text.hasSuffix(".") ? text.dropLast() : text
        let labels = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard name.utf8.count <= 253, let last = labels.last, !Self.isNumber(last) else { return false }
        return labels.allSatisfy { label in
            (1...63).contains(label.count) && label.first != UInt8(ascii: "-") && label.last != UInt8(ascii: "-")
                && label.allSatisfy { Base62.isDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
        }
    }

    /// What inet_aton(3) would take for a part of an address: digits, also with `0x` in front.
    private static func isNumber(_ label: Substring.UTF8View) -> Bool {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        return label.allSatisfy(digits.contains)
            || label.starts(with: "0x".utf8) || label.starts(with: "0X".utf8)
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
        guard case .tcp(let host, _) = self, Self.canonical(host) != nil else { return false }  // no name
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
