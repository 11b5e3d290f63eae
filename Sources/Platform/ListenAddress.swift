/// Where a service listens.
public enum ListenAddress: Sendable, Equatable, CustomStringConvertible {
    /// A TCP port on a numeric address or host name; an empty host or `*` means every address.
    case tcp(host: String, port: UInt16)
    /// A Unix socket.
    case unix(path: String)

    /// `HOST:PORT`, `[IPv6]:PORT` or `unix:/path`.
    public var description: String {
        switch self {
        case .unix(let path): "unix:\(path)"
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }
}
