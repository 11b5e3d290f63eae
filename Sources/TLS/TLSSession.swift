import COpenSSL

/// What one step of a TLS connection came to.
public enum TLSResult: Equatable, Sendable {
    /// So many bytes of plain text were moved; a finished handshake moves none.
    case bytes(Int)
    /// Go on when the socket can be read.
    case needsRead
    /// Go on when the socket can be written.
    case needsWrite
    /// The peer has ended the connection.
    case closed
    /// The connection is broken and must not be used again.
    case failed(TLSFault)
}

/// The application protocol that was agreed on.
public enum ApplicationProtocol: Sendable { case http1, http2 }

/// One TLS connection on a socket that does not block, of either side.
///
/// Owns the SSL object; the socket belongs to the caller and must outlive it.
@safe public struct TLSSession: ~Copyable {
    private let ssl: OpaquePointer
    /// Outlives the SSL object, whose callbacks refer to it.
    private let owner: AnyObject
    private let asksForCertificates: Bool
    private var isBroken = false

    /// Begins on an accepted socket.
    public init(_ context: TLSContext, socket: Int32) throws(TLSFault) {
        ERR_clear_error()
        guard let ssl = unsafe SSL_new(context.defaultContext) else { throw .last("SSL_new") }
        guard unsafe SSL_set_fd(ssl, socket) == 1 else {
            unsafe SSL_free(ssl)
            throw .last("SSL_set_fd")
        }
        unsafe SSL_set_accept_state(ssl)
        unsafe self.ssl = ssl
        owner = context
        asksForCertificates = context.asksForCertificates
    }

    /// Begins on a socket that was connected to `host`, a name or an address in digits, for which the other side's
    /// certificate must be.
    public init(_ context: TLSClientContext, connectedTo host: String, socket: Int32) throws(TLSFault) {
        ERR_clear_error()
        guard let ssl = unsafe SSL_new(context.context) else { throw .last("SSL_new") }
        guard unsafe SSL_set_fd(ssl, socket) == 1, unsafe portcullis_expect_host(ssl, host) == 1 else {
            unsafe SSL_free(ssl)
            throw .last("SSL_set_fd")
        }
        unsafe SSL_set_connect_state(ssl)
        unsafe self.ssl = ssl
        owner = context
        asksForCertificates = false
    }

    deinit {
        // A session whose connection was never shut down is dropped from resumption; quiet, nothing is sent.
        if unsafe !isBroken && SSL_is_init_finished(ssl) == 1 {
            unsafe SSL_set_quiet_shutdown(ssl, 1)
            unsafe SSL_shutdown(ssl)
        }
        unsafe SSL_free(ssl)
        ERR_clear_error()
    }

    /// Goes on with the handshake; `.bytes(0)` once it is complete.
    public mutating func handshake() -> TLSResult {
        Self.forgetErrors()
        let result = unsafe SSL_do_handshake(ssl)
        return result == 1 ? .bytes(0) : outcome(result)
    }

    /// The protocol agreed on by ALPN; HTTP/1.1 where the client offered none.
    public var applicationProtocol: ApplicationProtocol {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        unsafe SSL_get0_alpn_selected(ssl, &name, &count)
        return count == 2 ? .http2 : .http1
    }

    /// The certificate that the client has shown, once the handshake is complete; nil when it has shown none.
    public var clientCertificate: ClientCertificate? {
        guard asksForCertificates, let shown = unsafe SSL_get1_peer_certificate(ssl) else { return nil }
        defer { unsafe X509_free(shown) }
        // A resumed session brings the verdict of the handshake that it began with.
        guard unsafe SSL_get_verify_result(ssl) == Int(X509_V_OK) else { return nil }
        return unsafe ClientCertificate(shown)
    }

    /// Why the certificate that a server has shown does not hold; nil where it does, or was not looked at.
    public var certificateProblem: String? {
        let result = unsafe SSL_get_verify_result(ssl)
        guard result != Int(X509_V_OK), let text = unsafe X509_verify_cert_error_string(result) else { return nil }
        return unsafe String(cString: text)
    }

    /// Reads plain text.
    public mutating func read(into buffer: UnsafeMutableRawBufferPointer) -> TLSResult {
        Self.forgetErrors()
        let result = unsafe SSL_read(ssl, buffer.baseAddress, Int32(clamping: buffer.count))
        return result > 0 ? .bytes(Int(result)) : outcome(result)
    }

    /// True when received bytes wait in the session itself, so that the socket's readiness does not tell of them.
    public var hasPending: Bool { unsafe SSL_has_pending(ssl) == 1 }

    /// Encrypts and writes a part of `bytes`, which must not be empty: a record (16 KiB), or two after a stop.
    ///
    /// After `.needsWrite` call it again with the same bytes, at whatever address they are by then.
    public mutating func write(_ bytes: Span<UInt8>) -> TLSResult {
        Self.forgetErrors()
        let result = unsafe bytes.withUnsafeBytes { unsafe SSL_write(ssl, $0.baseAddress, Int32(clamping: $0.count)) }
        return result > 0 ? .bytes(Int(result)) : outcome(result)
    }

    /// Tells the peer that no more will be sent (close_notify, RFC 8446 §6.1), as far as the socket takes it.
    public mutating func shutdown() {
        guard !isBroken, unsafe SSL_is_init_finished(ssl) == 1 else { return }
        ERR_clear_error()
        unsafe SSL_shutdown(ssl)
    }

    /// Empties the thread's error queue, from which OpenSSL tells what became of a call. It is nearly always empty, and
    /// looking costs a fifth of clearing.
    private static func forgetErrors() {
        if ERR_peek_error() != 0 { ERR_clear_error() }
    }

    private mutating func outcome(_ result: Int32) -> TLSResult {
        switch unsafe SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ: return .needsRead
        case SSL_ERROR_WANT_WRITE: return .needsWrite
        case SSL_ERROR_ZERO_RETURN: return .closed
        case SSL_ERROR_SYSCALL:
            isBroken = true
            ERR_clear_error()
            return .closed
        default:
            isBroken = true
            return .failed(.last("TLS"))
        }
    }
}
