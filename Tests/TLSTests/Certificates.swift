import COpenSSL
import Testing

/// A certificate and its key as PEM texts, made on the spot and signed by its own key.
struct Certificate: Sendable {
    enum Kind: Sendable { case ec, rsa }

    let certificate: [UInt8]
    let key: [UInt8]
    /// The key under a pass phrase.
    let encryptedKey: [UInt8]

    /// - Parameters:
    ///   - name: the subject, by which a test tells certificates apart.
    ///   - names: the DNS names it is for.
    ///   - days: when its validity begins and ends, in days from now.
    init(_ kind: Kind = .ec, name: String, names: [String], days: ClosedRange<Int> = -1...30) throws {
        let pair = unsafe try #require(Self.makeKey(kind))
        defer { unsafe EVP_PKEY_free(pair) }
        let made = unsafe try #require(X509_new())
        defer { unsafe X509_free(made) }
        unsafe X509_set_version(made, 2)
        unsafe ASN1_INTEGER_set(X509_get_serialNumber(made), 1)
        unsafe X509_gmtime_adj(X509_getm_notBefore(made), days.lowerBound * 86_400)
        unsafe X509_gmtime_adj(X509_getm_notAfter(made), days.upperBound * 86_400)
        unsafe X509_set_pubkey(made, pair)
        let subject = unsafe X509_get_subject_name(made)
        let utf8: Int32 = 0x1000  // MBSTRING_UTF8, a macro
        unsafe X509_NAME_add_entry_by_txt(subject, "CN", utf8, Array(name.utf8), Int32(name.utf8.count), -1, 0)
        unsafe X509_set_issuer_name(made, subject)
        let list = names.map { "DNS:" + $0 }.joined(separator: ",")
        let alternatives = unsafe try #require(X509V3_EXT_conf_nid(nil, nil, NID_subject_alt_name, list))
        unsafe X509_add_ext(made, alternatives, -1)
        unsafe X509_EXTENSION_free(alternatives)
        let signed = unsafe X509_sign(made, pair, EVP_sha256())
        try #require(signed > 0)
        certificate = unsafe Self.pem { unsafe PEM_write_bio_X509($0, made) }
        key = unsafe Self.pem { unsafe PEM_write_bio_PrivateKey($0, pair, nil, nil, 0, nil, nil) }
        encryptedKey = unsafe Self.pem {
            unsafe PEM_write_bio_PKCS8PrivateKey($0, pair, EVP_aes_256_cbc(), "secret", 6, nil, nil)
        }
        try #require(!encryptedKey.isEmpty)
        try #require(!certificate.isEmpty && !key.isEmpty)
    }

    private static func makeKey(_ kind: Kind) -> OpaquePointer? {
        let context = unsafe EVP_PKEY_CTX_new_from_name(nil, kind == .ec ? "EC" : "RSA", nil)
        defer { unsafe EVP_PKEY_CTX_free(context) }
        unsafe EVP_PKEY_keygen_init(context)
        switch kind {
        case .ec: unsafe EVP_PKEY_CTX_set_group_name(context, "P-256")
        case .rsa: unsafe EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048)
        }
        var key: OpaquePointer?
        unsafe EVP_PKEY_generate(context, &key)
        return unsafe key
    }

    private static func pem(_ write: (OpaquePointer?) -> Int32) -> [UInt8] {
        let bio = unsafe BIO_new(BIO_s_mem())
        defer { unsafe BIO_free(bio) }
        guard unsafe write(bio) == 1 else { return [] }
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = unsafe BIO_read(bio, &bytes, Int32(bytes.count))
        return Array(bytes.prefix(Int(max(0, count))))
    }
}
