import COpenSSL
import Testing

@testable import TLS

@Suite("OCSP staples")
struct StapleTests {
    private let made: Certificate
    /// The certificate is its own issuer.
    private let identity: TLSIdentity

    init() throws {
        made = try Certificate(name: "x", names: ["a.test"])
        identity = try TLSIdentity(certificatePEM: made.certificate + made.certificate, keyPEM: made.key)
    }

    /// A response about the certificate, signed by it, that holds from and until so many seconds from now.
    private func response(status: Int32 = V_OCSP_CERTSTATUS_GOOD, _ times: ClosedRange<Int>, by other: TLSIdentity? = nil) throws -> [UInt8] {
        let basic = unsafe try #require(OCSP_BASICRESP_new())
        defer { unsafe OCSP_BASICRESP_free(basic) }
        let id = unsafe try #require(OCSP_cert_to_id(nil, identity.certificate, identity.certificate))
        defer { unsafe OCSP_CERTID_free(id) }
        let begin = unsafe X509_gmtime_adj(nil, times.lowerBound)
        let end = unsafe X509_gmtime_adj(nil, times.upperBound)
        defer {
            unsafe ASN1_TIME_free(begin)
            unsafe ASN1_TIME_free(end)
        }
        let hasRevocation = status == V_OCSP_CERTSTATUS_REVOKED
        let single = unsafe OCSP_basic_add1_status(basic, id, status, 0, hasRevocation ? begin : nil, begin, end)
        let isAdded = unsafe single != nil
        try #require(isAdded)
        let signer = other ?? identity
        let signed = unsafe OCSP_basic_sign(basic, signer.certificate, signer.key, EVP_sha256(), nil, 0)
        try #require(signed == 1)
        let whole = unsafe try #require(OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic))
        defer { unsafe OCSP_RESPONSE_free(whole) }
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = unsafe i2d_OCSP_RESPONSE(whole, &bytes)
        defer { unsafe CRYPTO_free(bytes, nil, 0) }
        return unsafe Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
    }

    private func fault(_ bytes: [UInt8], for identity: TLSIdentity? = nil) -> String? {
        do throws(TLSFault) {
            _ = try OCSPStaple(bytes, for: identity ?? self.identity)
            return nil
        } catch { return error.message }
    }

    @Test("a response that is good is sent to who asks for it, in both versions", arguments: [TLS1_3_VERSION, TLS1_2_VERSION])
    func sent(version: Int32) throws {
        let bytes = try response(-60...3600)
        var policy = TLSContext.Policy()
        policy.staples = [try OCSPStaple(bytes, for: identity)]
        let context = try TLSContext(identities: [identity], policy: policy)
        for asks in [true, false] {
            let connection = try Connection(context, ClientOptions(newest: version, asksForStaple: asks))
            try connection.open()
            #expect(connection.client.staple == (asks ? bytes : []))
        }
    }

    @Test("one says something until its end and no longer")
    func end() throws {
        let staple = try OCSPStaple(try response(-60...3600), for: identity)
        let now = portcullis_unix_time()
        #expect(staple.isInForce())
        #expect(staple.isInForce(at: now + 3590))
        #expect(!staple.isInForce(at: now + 3601))
    }

    @Test("one that is out of date, says nothing good, or is another's is refused")
    func refused() throws {
        #expect(fault(try response(-7200 ... -3600)) == "is out of date")
        #expect(fault(try response(3600...7200)) == "is out of date")
        #expect(fault(try response(status: V_OCSP_CERTSTATUS_REVOKED, -60...3600)) == "says that the certificate is revoked")
        #expect(fault(try response(status: V_OCSP_CERTSTATUS_UNKNOWN, -60...3600))?.contains("does not know") == true)
        let stranger = try Certificate(name: "y", names: ["a.test"])
        let other = try TLSIdentity(certificatePEM: stranger.certificate + stranger.certificate, keyPEM: stranger.key)
        #expect(fault(try response(-60...3600), for: other) == "is not about the certificate")
        #expect(fault(try response(-60...3600, by: other)) == "is not signed by the certificate's issuer")
        #expect(fault([]) == "is no OCSP response in DER")
        #expect(fault(Array(try response(-60...3600).dropLast(9))) == "is no OCSP response in DER")
    }

    @Test("without the issuer nothing can be judged")
    func issuer() throws {
        let alone = try TLSIdentity(certificatePEM: made.certificate, keyPEM: made.key)
        #expect(fault(try response(-60...3600), for: alone)?.contains("does not hold the certificate's issuer") == true)
    }
}
