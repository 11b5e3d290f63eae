import COpenSSL

/// A certificate chain with its private key, parsed and found to belong together.
@safe public final class TLSIdentity: @unchecked Sendable {
    // `@unchecked Sendable`: never changed after `init`, and OpenSSL counts references atomically.
    let certificate: OpaquePointer
    let intermediates: [OpaquePointer]
    let key: OpaquePointer

    /// Parses PEM texts: the leaf first, then its intermediates; the key unencrypted.
    ///
    /// What is made of the key lies on the ``SecureHeap``, where there is one; the text is the caller's.
    public convenience init(certificatePEM: [UInt8], keyPEM: [UInt8]) throws(TLSFault) {
        unsafe try self.init(certificatePEM: certificatePEM, parsing: { unsafe keyPEM.withUnsafeBytes { unsafe Self.privateKey($0) } })
    }

    /// Parses a key that lies in memory of the caller's, which is not copied.
    public convenience init(certificatePEM: [UInt8], key: UnsafeRawBufferPointer) throws(TLSFault) {
        unsafe try self.init(certificatePEM: certificatePEM, parsing: { unsafe Self.privateKey(key) })
    }

    private init(certificatePEM: [UInt8], parsing parse: () -> OpaquePointer?) throws(TLSFault) {
        ERR_clear_error()
        let chain = unsafe try Self.certificates(certificatePEM)
        guard let leaf = unsafe chain.first else { throw TLSFault("no certificate in the PEM text") }
        let parsed = unsafe parse()
        unsafe certificate = leaf
        unsafe intermediates = Array(chain.dropFirst())
        guard let parsed = unsafe parsed else {
            for unsafe item in unsafe chain { unsafe X509_free(item) }
            throw .last("the private key cannot be read")
        }
        unsafe key = parsed
        guard unsafe X509_check_private_key(leaf, parsed) == 1 else {
            throw .last("the private key does not belong to the certificate")
        }
    }

    deinit {
        unsafe X509_free(certificate)
        for unsafe item in unsafe intermediates { unsafe X509_free(item) }
        unsafe EVP_PKEY_free(key)
    }

    /// The DNS names the certificate is for.
    public var names: [String] { unsafe Self.names(of: certificate, kinds: [GEN_DNS]) }

    /// The alternative names of these kinds, all of which are text.
    static func names(of certificate: OpaquePointer, kinds: [Int32]) -> [String] {
        var names: [String] = []
        guard let list = unsafe X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) else { return [] }
        let stack = OpaquePointer(list)
        defer { unsafe GENERAL_NAMES_free(stack) }
        for index in 0..<(unsafe OPENSSL_sk_num(stack)) {
            guard let item = unsafe OPENSSL_sk_value(stack, index) else { continue }
            let name = unsafe item.assumingMemoryBound(to: GENERAL_NAME.self)
            guard unsafe kinds.contains(name.pointee.type), let text = unsafe name.pointee.d.dNSName else { continue }
            let bytes = unsafe UnsafeBufferPointer(
                start: ASN1_STRING_get0_data(text), count: Int(ASN1_STRING_length(text)))
            names.append(unsafe String(decoding: bytes, as: UTF8.self))
        }
        return names
    }

    /// When the certificate's validity ends relative to now, in seconds; negative once it has expired.
    public var secondsUntilExpiry: Int { unsafe Self.seconds(from: nil, to: X509_get0_notAfter(certificate)) }

    /// How long the certificate is valid in all, in seconds.
    public var lifetimeSeconds: Int {
        unsafe Self.seconds(from: X509_get0_notBefore(certificate), to: X509_get0_notAfter(certificate))
    }

    /// True when the certificate's validity has begun.
    public var hasBegun: Bool { unsafe X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0 }

    /// True when the certificate is for this host name (RFC 6125).
    func covers(_ name: UnsafePointer<CChar>) -> Bool { unsafe X509_check_host(certificate, name, 0, 0, nil) == 1 }

    /// The distance of two times; nil is now, and what cannot be read is no distance.
    private static func seconds(from start: UnsafePointer<ASN1_TIME>?, to end: UnsafePointer<ASN1_TIME>?) -> Int {
        var days: Int32 = 0
        var seconds: Int32 = 0
        guard unsafe ASN1_TIME_diff(&days, &seconds, start, end) == 1 else { return 0 }
        return Int(days) * 86_400 + Int(seconds)
    }

    private static func privateKey(_ pem: UnsafeRawBufferPointer) -> OpaquePointer? {
        guard let bio = unsafe portcullis_bio_over(pem.baseAddress, Int32(clamping: pem.count)) else { return nil }
        defer { unsafe BIO_free(bio) }
        // An empty pass phrase instead of OpenSSL's prompt, which would wait for a terminal.
        return unsafe PEM_read_bio_PrivateKey(bio, nil, { _, _, _, _ in 0 }, nil)
    }

    static func certificates(_ pem: [UInt8]) throws(TLSFault) -> [OpaquePointer] {
        let chain = unsafe pem.withUnsafeBytes { bytes -> [OpaquePointer] in
            var chain: [OpaquePointer] = unsafe []
            guard let bio = unsafe portcullis_bio_over(bytes.baseAddress, Int32(bytes.count)) else { return unsafe [] }
            defer { unsafe BIO_free(bio) }
            while let certificate = unsafe PEM_read_bio_X509(bio, nil, nil, nil) {
                unsafe chain.append(certificate)
            }
            return unsafe chain
        }
        guard unsafe !chain.isEmpty else { throw .last("no certificate can be read from the PEM text") }
        ERR_clear_error()  // the end of the file is reported as an error
        return unsafe chain
    }
}
