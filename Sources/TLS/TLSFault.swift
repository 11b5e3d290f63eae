import COpenSSL

/// A TLS operation that failed, with what OpenSSL says of it.
public struct TLSFault: Error, Equatable, Sendable {
    /// What kind of fault it is, as far as a handshake can have one.
    public enum Kind: Sendable {
        /// The peer does not speak TLS.
        case notTLS
        /// There is no version, cipher, group, signature or application protocol that both sides take.
        case noAgreement
        /// The peer has sent an alert: it does not take us, as when it does not know our certificate.
        case alert
        /// The peer has ended the connection in the middle.
        case cut
        /// Anything else.
        case other
    }

    /// For the log: never holds key material.
    public let message: String
    /// What kind of fault it is.
    public let kind: Kind

    /// A fault in our own words.
    public init(_ message: String) { self.init(message, .other) }

    private init(_ message: String, _ kind: Kind) {
        self.message = message
        self.kind = kind
    }

    /// A fault with OpenSSL's oldest queued reason; empties this thread's error queue.
    static func last(_ what: String) -> TLSFault {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0, let reason = unsafe ERR_reason_error_string(code) else { return TLSFault(what) }
        return unsafe TLSFault("\(what): \(String(cString: reason))", Kind(reason: ERR_GET_REASON(code)))
    }
}

extension TLSFault.Kind {
    /// The kind of OpenSSL's reason (sslerr.h).
    init(reason: Int32) {
        switch reason {
        case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST, SSL_R_WRONG_VERSION_NUMBER, SSL_R_UNKNOWN_PROTOCOL,
            SSL_R_PACKET_LENGTH_TOO_LONG, SSL_R_BAD_RECORD_TYPE:
            self = .notTLS
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW, SSL_R_VERSION_TOO_HIGH, SSL_R_NO_PROTOCOLS_AVAILABLE,
            SSL_R_NO_SHARED_CIPHER, SSL_R_NO_SHARED_GROUPS, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS,
            SSL_R_NO_SUITABLE_KEY_SHARE, SSL_R_NO_SUITABLE_GROUPS, SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM,
            SSL_R_NO_SUITABLE_DIGEST_ALGORITHM, SSL_R_NO_APPLICATION_PROTOCOL:
            self = .noAgreement
        case SSL_R_UNEXPECTED_EOF_WHILE_READING: self = .cut
        // What an alert says is told as a reason of its own.
        case SSL_AD_REASON_OFFSET...(SSL_AD_REASON_OFFSET + 255): self = .alert
        default: self = .other
        }
    }
}
