import TLS

extension KeyOptions {
    /// True where a certificate must be shown with it.
    var needsCertificate: Bool { certificateDigest != nil || certificateName != nil }

    /// True when the key may be used by whoever has shown this certificate; nil is none.
    func isAt(home certificate: ClientCertificate?) -> Bool {
        guard needsCertificate else { return true }
        guard let certificate else { return false }
        if let certificateDigest, certificate.sha256 != certificateDigest { return false }
        guard let certificateName else { return true }
        return certificate.names.contains { $0.lowercased() == certificateName }
    }
}
