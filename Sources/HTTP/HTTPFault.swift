/// A request that cannot be read as HTTP: what to answer, and how much of the connection it spoils.
public struct HTTPFault: Error, Equatable, Sendable {
    /// How far the damage goes.
    public enum Scope: Sendable {
        /// Only this request; an HTTP/2 connection goes on with its other streams.
        case stream
        /// The whole connection: where the next request begins is no longer certain, so it must be closed.
        case connection
    }

    /// The status to answer with: 400, 405, 408, 413, 414, 417, 421, 431, 501, 502 or 505.
    public let status: Int
    /// A short English sentence for the client; it never repeats what the client sent.
    public let reason: String
    /// What ends with this request.
    public let scope: Scope

    /// Makes a fault; `reason` should be a literal, so that nothing from the wire comes back.
    public init(status: Int, reason: String, scope: Scope) {
        self.status = status
        self.reason = reason
        self.scope = scope
    }

    /// The same fault with another reach: HTTP/2 frames its messages apart from their content.
    func reaching(_ scope: Scope) -> HTTPFault {
        HTTPFault(status: status, reason: reason, scope: scope)
    }

    /// A 400 that ends the connection.
    static func malformed(_ reason: String) -> HTTPFault {
        HTTPFault(status: 400, reason: reason, scope: .connection)
    }

    /// A 431 that ends the connection (RFC 6585 §5).
    static func headTooLarge(_ reason: String) -> HTTPFault {
        HTTPFault(status: 431, reason: reason, scope: .connection)
    }

    /// A 431 for one field.
    static var fieldTooLarge: HTTPFault { .headTooLarge("a header field is too large") }

    /// A 431 for the number of fields.
    static var tooManyFields: HTTPFault { .headTooLarge("the request has too many header fields") }

    /// CONNECT asks for a tunnel, in any version; there is none here (RFC 9110 §9.3.6).
    static let noTunnels = HTTPFault(
        status: 501, reason: "the CONNECT method is not implemented", scope: .connection)

    /// An expectation other than `100-continue` (RFC 9110 §10.1.1).
    static let unmetExpectation = HTTPFault(
        status: 417, reason: "only the expectation 100-continue is supported", scope: .connection)
}
