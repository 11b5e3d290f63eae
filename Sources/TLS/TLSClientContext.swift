import COpenSSL

/// What connections to others have in common: whom they trust, which versions they speak.
///
/// The other side must show a certificate for its name that an authority has signed; there is no way to do without.
@safe public final class TLSClientContext: @unchecked Sendable {
    // `@unchecked Sendable`: an SSL_CTX may be shared by threads once it is no longer configured (ssl(7)).
    let context: OpaquePointer

    /// Trusts the authorities of the PEM text `authorities`, or the system's without one, and those of `more` as well.
    public init(authorities: [UInt8]? = nil, more: [UInt8]? = nil) throws(TLSFault) {
        ERR_clear_error()
        guard let made = unsafe SSL_CTX_new(TLS_client_method()) else { throw .last("SSL_CTX_new") }
        unsafe context = made
        unsafe SSL_CTX_set_security_level(made, 2)
        unsafe portcullis_ctx_set_client_modes(made)
        unsafe SSL_CTX_set_verify(made, SSL_VERIFY_PEER, nil)
        let protocols = [8] + Array("http/1.1".utf8)
        // 0 is what this call says where it has succeeded.
        guard unsafe portcullis_ctx_set_min_version(made, TLS1_2_VERSION) == 1,
            unsafe SSL_CTX_set_alpn_protos(made, protocols, UInt32(protocols.count)) == 0
        else { throw .last("the TLS policy cannot be set") }
        if authorities == nil, unsafe SSL_CTX_set_default_verify_paths(made) != 1 {
            throw .last("the system's authorities cannot be read")
        }
        for text in [authorities, more] {
            guard let text else { continue }
            let authorities = try TLSAuthorities(pem: text)
            unsafe try authorities.add(to: made)
        }
        ERR_clear_error()
    }

    deinit { unsafe SSL_CTX_free(context) }
}
