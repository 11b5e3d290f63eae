import COpenSSL
import Glibc
import Platform
import Synchronization
import TLS
import TestSupport
import Testing

@testable import Server

@Suite("What becomes of connections is counted", .timeLimit(.minutes(1)))
struct EventTests {
    private static func encrypted(_ deadlines: Deadlines = Deadlines()) async throws -> ParrotService {
        let pem = try DevelopmentCertificate.pem.get()
        let context = try TLSContext(identities: [try TLSIdentity(certificatePEM: pem.chain, keyPEM: pem.key)])
        return try await ParrotService(Parrot(WireLimits(deadlines), tls: context))
    }

    @Test("those that are taken, served and refused")
    func connections() async throws {
        let service = try await ParrotService(Parrot(connections: 1))
        let first = try Client(service)
        first.send("GET /at-once HTTP/1.1\r\nhost: x\r\n\r\n")
        #expect(first.take(4) == "HTTP")
        #expect(try Client(service).rest() == "")
        var counts = service.parrot.events.counts
        #expect(counts.accepted == 2 && counts.open == 1)
        #expect(counts.refused == [.total: 1, .network: 0, .unauthenticated: 0, .exhausted: 0])
        first.finish()
        _ = first.rest()
        let worker = service.worker
        await withCheckedContinuation { continuation in
            // Unstructured: the call back resumes who waits here.
            Task { await worker.drain { continuation.resume() } }
        }
        counts = service.parrot.events.counts
        #expect(counts.accepted == 2 && counts.open == 0)
    }

    @Test("strangers who wait in vain for others of their network to show a key")
    func strangers() async throws {
        var deadlines = Deadlines()
        deadlines.handshakeSeconds = 1
        let service = try await ParrotService(Parrot(WireLimits(deadlines), strangers: 1))
        let first = try Client(service)
        first.send("GET /at-once HTTP/1.1\r\nhost: x\r\n\r\n")
        #expect(first.take(4) == "HTTP")
        #expect(try Client(service).rest() == "")
        #expect(service.parrot.events.counts.refused[.unauthenticated] == 1)
    }

    @Test("what cannot be read, by its status")
    func unreadable() async throws {
        let service = try await ParrotService()
        for text in ["garbage\r\n\r\n", "GET / HTTP/3.0\r\n\r\n", "GET /\(String(repeating: "a", count: 9000)) HTTP/1.1\r\n"] {
            let client = try Client(service)
            client.send(text)
            #expect(client.rest().hasPrefix("HTTP/1.1 "))
        }
        let counts = service.parrot.events.counts.unreadable.filter { $0.value > 0 }
        #expect(counts == [400: 1, 505: 1, 414: 1])
    }

    @Test("handshakes with who speaks no TLS, goes, says nothing, takes no certificate of ours or no version")
    func handshakes() async throws {
        var deadlines = Deadlines()
        deadlines.handshakeSeconds = 1
        let service = try await Self.encrypted(deadlines)
        let plain = try Client(service)
        plain.send("GET / HTTP/1.1\r\n\r\n")
        _ = plain.rest()
        let gone = try Client(service)
        gone.finish()
        #expect(gone.rest() == "")
        #expect(try Client(service).rest() == "")  // says nothing
        try TLSCaller.call(service, verifies: true)
        try TLSCaller.call(service, newest: TLS1_1_VERSION)
        let counts = service.parrot.events.counts.handshakesFailed
        #expect(counts == [.notTLS: 1, .cut: 1, .timeout: 1, .alert: 1, .noAgreement: 1, .proxyHeader: 0, .other: 0])
        let heard = service.parrot.heard.withLock { $0.joined(separator: "\n") }
        #expect(heard.contains("http request") && heard.contains("unknown ca") && heard.contains("unsupported protocol"))
    }
}

/// A TLS client whose handshake is to fail.
private enum TLSCaller {
    /// Tries to shake hands and waits until the server has ended the connection.
    static func call(_ service: ParrotService, verifies: Bool = false, newest: Int32 = TLS1_3_VERSION) throws {
        let client = try Client(service)
        let context = unsafe try #require(SSL_CTX_new(TLS_client_method()))
        defer { unsafe SSL_CTX_free(context) }
        if verifies { unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil) }
        _ = unsafe SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(newest), nil)
        _ = unsafe SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0")
        let session = unsafe try #require(SSL_new(context))
        defer { unsafe SSL_free(session) }
        unsafe SSL_set_fd(session, client.number)
        #expect(unsafe SSL_connect(session) != 1)
        ERR_clear_error()
        client.finish()
        _ = client.rest()
    }
}
