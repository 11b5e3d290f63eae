import COpenSSL

/// What a certificate's issuer says of it, to be sent with it so that clients need not ask (RFC 6066 §8).
public final class OCSPStaple: Sendable {
    let identity: TLSIdentity
    let bytes: [UInt8]
    /// When it ceases to say anything, in Unix seconds; nil when it does not tell.
    private let end: Int64?

    /// Takes a response in DER that is in force, signed by the issuer, and says that the certificate is good.
    public init(_ bytes: [UInt8], for identity: TLSIdentity) throws(TLSFault) {
        guard let issuer = unsafe identity.intermediates.first else {
            throw TLSFault("cannot be judged: the chain does not hold the certificate's issuer")
        }
        var left: Int64 = -1
        if let problem = unsafe portcullis_ocsp_problem(bytes, bytes.count, identity.certificate, issuer, &left) {
            throw unsafe TLSFault(String(cString: problem))
        }
        self.identity = identity
        self.bytes = bytes
        end = left < 0 ? nil : portcullis_unix_time() + left
    }

    /// True for a fault that a newer response, or a look at the newer certificate, would not have.
    public static func isPassing(_ fault: TLSFault) -> Bool {
        ["is out of date", "is not about the certificate"].contains(fault.message)
    }

    /// False once it is out of date: clients refuse a certificate with such a staple, and take one without.
    func isInForce(at now: Int64 = portcullis_unix_time()) -> Bool { end.map { now < $0 } ?? true }
}
