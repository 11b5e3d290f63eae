import COpenSSL

/// The authorities whose certificates clients may show.
@safe public final class TLSAuthorities: @unchecked Sendable {
    // `@unchecked Sendable`: never changed after `init`, and OpenSSL counts references atomically.
    private let certificates: [OpaquePointer]

    /// Parses the PEM text of one or more.
    public init(pem: [UInt8]) throws(TLSFault) { unsafe certificates = try TLSIdentity.certificates(pem) }

    deinit { for unsafe certificate in unsafe certificates { unsafe X509_free(certificate) } }

    /// Lets a context trust them.
    func add(to context: OpaquePointer) throws(TLSFault) {
        let store = unsafe SSL_CTX_get_cert_store(context)
        for unsafe certificate in unsafe certificates where unsafe X509_STORE_add_cert(store, certificate) != 1 {
            throw .last("an authority is refused")
        }
    }

    /// Lets a context ask for certificates of these; one that is shown and does not hold ends the handshake.
    func ask(for context: OpaquePointer) throws(TLSFault) {
        unsafe try add(to: context)
        for unsafe certificate in unsafe certificates where unsafe SSL_CTX_add_client_CA(context, certificate) != 1 {
            throw .last("an authority is refused")
        }
        unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
    }
}

/// The certificate that a client has shown, and that one of our authorities has signed.
public struct ClientCertificate: Sendable, Equatable {
    /// The SHA-256 of its DER form, in small hexadecimal digits.
    public let sha256: String
    /// What it is for: DNS names, e-mail addresses and URIs.
    public let names: [String]

    /// A certificate of these.
    public init(sha256: String, names: [String]) {
        self.sha256 = sha256
        self.names = names
    }

    init?(_ certificate: OpaquePointer) {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        guard unsafe X509_digest(certificate, EVP_sha256(), &digest, &count) == 1, count == 32 else { return nil }
        let digits = Array("0123456789abcdef".utf8)
        sha256 = String(decoding: digest[..<32].flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
        names = unsafe TLSIdentity.names(of: certificate, kinds: [GEN_DNS, GEN_EMAIL, GEN_URI])
    }
}
