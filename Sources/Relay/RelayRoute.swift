package import TLS

/// Where the requests of one login go, and what is said there in place of a token.
package final class RelayRoute: Sendable {
    /// Which field carries a credential.
    package enum Field: Sendable, CaseIterable {
        /// `x-api-key`.
        case apiKey
        /// `authorization`, behind `Bearer`.
        case bearer
    }

    /// The vendor's host, a name or an address in digits without brackets.
    package let host: String
    /// Its port.
    package let port: UInt16
    /// Nil for plain HTTP.
    package let tls: TLSClientContext?
    /// What the paths of all requests begin with; empty for any.
    package let prefix: [UInt8]
    /// What the vendor is told in `Host`.
    let authority: [UInt8]
    private let credentials: [(field: Field, value: [UInt8])]

    /// A route with the login's credentials; a credential that a child does not show is not said either.
    package init(
        host: String, port: UInt16, tls: TLSClientContext?, prefix: String = "", credentials: [(field: Field, value: String)]
    ) {
        self.host = host
        self.port = port
        self.tls = tls
        self.prefix = Array(prefix.utf8)
        let isUsual = port == (tls == nil ? 80 : 443)
        authority = Array(((host.contains(":") ? "[\(host)]" : host) + (isUsual ? "" : ":\(port)")).utf8)
        self.credentials = credentials.map { ($0.field, Array($0.value.utf8)) }
    }

    /// The operator's credential for a field.
    func credential(_ field: Field) -> [UInt8]? { credentials.first { $0.field == field }?.value }

    /// What must be the same for a connection to be used again.
    var destination: Destination { Destination(host: host, port: port, tls: tls.map(ObjectIdentifier.init)) }

    struct Destination: Hashable {
        let host: String
        let port: UInt16
        let tls: ObjectIdentifier?
    }
}
