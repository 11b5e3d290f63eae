import COpenSSL

/// What every connection of a service has in common: certificates, versions, ciphers, protocols.
///
/// Immutable once made. To change anything make a new one: connections keep the one they began with.
@safe public final class TLSContext: @unchecked Sendable {
    // `@unchecked Sendable`: an SSL_CTX may be shared by threads once it is no longer configured (ssl(7)).

    /// What is negotiable.
    public struct Policy: Sendable {
        /// False allows TLS 1.3 only.
        public var allowsTLS12 = true
        /// False offers HTTP/1.1 only.
        public var offersHTTP2 = true
        /// Asks clients for a certificate of one of these; those that show none are served too.
        public var clientAuthorities: TLSAuthorities?
        /// What is stapled to the certificates.
        public var staples: [OCSPStaple] = []

        /// TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
        public init() {}
    }

    /// One SSL_CTX for each set of names; the first serves clients that name none or an unknown one.
    private let contexts: [OpaquePointer]
    private let identities: [TLSIdentity]
    private let ticketKeys = TicketKeys()
    private let protocols: ProtocolList
    private let staples: [OCSPStaple]
    /// True when clients are asked for a certificate.
    let asksForCertificates: Bool

    /// Builds the contexts; the first identity is the default.
    public init(identities: [TLSIdentity], policy: Policy = Policy()) throws(TLSFault) {
        guard !identities.isEmpty else { throw TLSFault("no certificate") }
        var leaders: [TLSIdentity] = []
        var made: [OpaquePointer] = unsafe []
        self.protocols = ProtocolList(offersHTTP2: policy.offersHTTP2)
        staples = policy.staples
        asksForCertificates = policy.clientAuthorities != nil
        do {
            for identity in identities {
                // An EC and an RSA certificate for the same names share a context: OpenSSL picks by the client's wish.
                if let index = leaders.firstIndex(where: { $0.names == identity.names }) {
                    unsafe try Self.add(identity, to: unsafe made[index])
                } else {
                    let context = unsafe try Self.make(policy)
                    unsafe made.append(context)
                    leaders.append(identity)
                    unsafe try Self.add(identity, to: context)
                }
            }
        } catch {
            for unsafe context in unsafe made { unsafe SSL_CTX_free(context) }
            unsafe contexts = []
            self.identities = []
            throw error
        }
        unsafe contexts = made
        self.identities = leaders
        install()
    }

    deinit { for unsafe context in unsafe contexts { unsafe SSL_CTX_free(context) } }

    /// Seals new session tickets with a new key; call it a few times a day.
    public func rotateTicketKeys() { ticketKeys.rotate() }

    var defaultContext: OpaquePointer { unsafe contexts[0] }

    // MARK: - Building

    private static func make(_ policy: Policy) throws(TLSFault) -> OpaquePointer {
        ERR_clear_error()
        guard let context = unsafe SSL_CTX_new(TLS_server_method()) else { throw .last("SSL_CTX_new") }
        unsafe SSL_CTX_set_security_level(context, 2)
        unsafe portcullis_ctx_set_server_modes(context)
        let minimum = policy.allowsTLS12 ? TLS1_2_VERSION : TLS1_3_VERSION
        // Forward secrecy and AEAD alone: nothing here needs a server's preference (RFC 9325 §4.2).
        let ciphers =
            "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
            + "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
        var isSet = unsafe portcullis_ctx_set_min_version(context, minimum) == 1
        isSet = unsafe SSL_CTX_set_cipher_list(context, ciphers) == 1 && isSet
        // OpenSSL before 3.5 refuses the whole list for the one name it does not know.
        isSet =
            (unsafe portcullis_ctx_set_groups(context, "X25519MLKEM768:X25519:P-256:P-384") == 1
                || portcullis_ctx_set_groups(context, "X25519:P-256:P-384") == 1) && isSet
        // Early data can be replayed, and a POST must not be.
        isSet = unsafe SSL_CTX_set_max_early_data(context, 0) == 1 && isSet
        isSet = unsafe SSL_CTX_set_num_tickets(context, 2) == 1 && isSet
        let scope = Array("portcullis".utf8)
        isSet = unsafe SSL_CTX_set_session_id_context(context, scope, UInt32(scope.count)) == 1 && isSet
        guard isSet else {
            unsafe SSL_CTX_free(context)
            throw .last("the TLS policy cannot be set")
        }
        do throws(TLSFault) { unsafe try policy.clientAuthorities?.ask(for: context) } catch {
            unsafe SSL_CTX_free(context)
            throw error
        }
        ERR_clear_error()
        return unsafe context
    }

    private static func add(_ identity: TLSIdentity, to context: OpaquePointer) throws(TLSFault) {
        ERR_clear_error()
        guard unsafe SSL_CTX_use_certificate(context, identity.certificate) == 1 else {
            throw .last("the certificate is refused")
        }
        guard unsafe SSL_CTX_use_PrivateKey(context, identity.key) == 1 else {
            throw .last("the private key is refused")
        }
        for unsafe intermediate in unsafe identity.intermediates
        where unsafe portcullis_ctx_add_chain_certificate(context, intermediate) != 1 {
            throw .last("an intermediate certificate is refused")
        }
    }

    /// Hangs the callbacks on the contexts; `self` and the keys outlive them, so nothing is retained.
    private func install() {
        let me = unsafe Unmanaged.passUnretained(self).toOpaque()
        for unsafe context in unsafe contexts {
            unsafe SSL_CTX_set_ex_data(context, 0, Unmanaged.passUnretained(ticketKeys).toOpaque())
            unsafe portcullis_ctx_on_ticket_key(context, TicketKeys.callback)
            if !staples.isEmpty { unsafe portcullis_ctx_on_status(context, Self.staple, me) }
            unsafe SSL_CTX_set_alpn_select_cb(
                context, ProtocolList.select, Unmanaged.passUnretained(protocols).toOpaque())
        }
        unsafe portcullis_ctx_on_server_name(defaultContext, Self.chooseByName, me)
    }

    /// Sends the OCSP response of the certificate that was chosen, as long as it says anything (RFC 6066 §8).
    private static let staple: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = { ssl, argument in
        guard let argument = unsafe argument, let chosen = unsafe SSL_get_certificate(ssl) else { return SSL_TLSEXT_ERR_NOACK }
        let me = unsafe Unmanaged<TLSContext>.fromOpaque(argument).takeUnretainedValue()
        let staple = me.staples.first { unsafe $0.identity.certificate == chosen }
        guard let staple, staple.isInForce() else { return SSL_TLSEXT_ERR_NOACK }
        let isGiven = unsafe portcullis_staple(ssl, staple.bytes, staple.bytes.count)
        return isGiven == 1 ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK
    }

    /// Moves a handshake to the context whose certificate covers the name the client sent (RFC 6066 §3).
    private static let chooseByName:
        @convention(c) (OpaquePointer?, UnsafeMutablePointer<Int32>?, UnsafeMutableRawPointer?) -> Int32 = {
            ssl, _, argument in
            guard let argument = unsafe argument,
                let name = unsafe SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)
            else { return SSL_TLSEXT_ERR_NOACK }
            let me = unsafe Unmanaged<TLSContext>.fromOpaque(argument).takeUnretainedValue()
            guard let index = me.identities.firstIndex(where: { unsafe $0.covers(name) }) else {
                return SSL_TLSEXT_ERR_NOACK
            }
            if index > 0 { unsafe SSL_set_SSL_CTX(ssl, me.contexts[index]) }
            return SSL_TLSEXT_ERR_OK
        }
}

/// The protocols offered by ALPN (RFC 7301), the preferred first.
@safe final class ProtocolList: Sendable {
    private let offered: [[UInt8]]

    init(offersHTTP2: Bool) {
        offered = (offersHTTP2 ? ["h2", "http/1.1"] : ["http/1.1"]).map { Array($0.utf8) }
    }

    /// OpenSSL's callback: the first of ours that the client has, else the alert `no_application_protocol`, which
    /// keeps other protocols' traffic from being redirected here (RFC 7301 §3.2).
    static let select:
        @convention(c) (
            OpaquePointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<UInt8>?,
            UnsafePointer<UInt8>?, UInt32, UnsafeMutableRawPointer?
        ) -> Int32 = { _, chosen, chosenCount, list, listCount, argument in
            guard let argument = unsafe argument, let list = unsafe list, let chosen = unsafe chosen,
                let chosenCount = unsafe chosenCount
            else { return SSL_TLSEXT_ERR_ALERT_FATAL }
            let me = unsafe Unmanaged<ProtocolList>.fromOpaque(argument).takeUnretainedValue()
            let client = unsafe UnsafeBufferPointer(start: list, count: Int(listCount))
            for name in me.offered {
                var at = 0
                while at < client.count {
                    let count = unsafe Int(client[at])
                    guard at + 1 + count <= client.count else { return SSL_TLSEXT_ERR_ALERT_FATAL }
                    if unsafe client[(at + 1)..<(at + 1 + count)].elementsEqual(name) {
                        // The answer points into the client's list, which outlives the callback.
                        unsafe chosen.pointee = list + at + 1
                        unsafe chosenCount.pointee = UInt8(count)
                        return SSL_TLSEXT_ERR_OK
                    }
                    at += 1 + count
                }
            }
            return SSL_TLSEXT_ERR_ALERT_FATAL
        }
}
