/// How the length of a request's body is told.
public enum BodyFraming: Equatable, Sendable {
    /// There is no body; also when a length of zero was declared.
    case none
    /// A body of exactly that many bytes; more than zero, and not yet compared with any limit.
    case length(Int)
    /// HTTP/1.1 chunks, to be read by a `ChunkedDecoder`.
    case chunked
    /// HTTP/2 without a declared length: the body ends where the stream does.
    case untilEnd
}

/// The head of a request, read and checked: what no later room needs to doubt again.
public struct Request: Sendable {
    /// The version of HTTP the request came in.
    public enum Version: Sendable {
        /// HTTP/1.0, HTTP/1.1 and HTTP/2.
        case http10, http11, http2
    }

    /// What is asked for; never CONNECT.
    public let method: Method
    /// The version of HTTP the request came in.
    public let version: Version
    /// The fields; HTTP/2's pseudo-fields are not among them.
    public let fields: Fields
    /// How the length of the body is told.
    public let body: BodyFraming
    /// Whether the client allows another request after this one; for HTTP/2 always.
    public let keepAlive: Bool
    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1).
    public let expectsContinue: Bool

    private let target: RequestTarget

    init(
        method: Method, target: RequestTarget, version: Version, fields: Fields, body: BodyFraming,
        keepAlive: Bool, expectsContinue: Bool
    ) {
        self.method = method
        self.target = target
        self.version = version
        self.fields = fields
        self.body = body
        self.keepAlive = keepAlive
        self.expectsContinue = expectsContinue
    }

    /// The path: it begins with `/`, or is `*` for OPTIONS; visible ASCII, percent escapes left as sent.
    public var path: ArraySlice<UInt8> {
        // Only `https://host` and `https://host?query` have an empty path, which means the root (RFC 9110
        // §4.2.3).
        target.path.isEmpty ? Request.root : fields.storage[target.path]
    }

    /// What follows the first `?`, as sent; nil without one.
    public var query: ArraySlice<UInt8>? {
        target.query.map { fields.storage[$0] }
    }

    /// Host and port the client believes to talk to, from `Host` or `:authority`; nil only for HTTP/1.0.
    public var authority: ArraySlice<UInt8>? {
        target.authority.map { fields.storage[$0] }
    }

    private static let root: ArraySlice<UInt8> = [0x2F]
}
