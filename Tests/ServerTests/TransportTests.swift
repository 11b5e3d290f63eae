import COpenSSL
import Glibc
import Platform
import TLS
import TestSupport
import Testing

@testable import Server

@Suite("A transport tells when it has emptied its socket")
struct TransportTests {
    // The test macros cannot look into a value that cannot be copied.

    @Test("a read that OpenSSL serves from what it had read before says nothing about the socket")
    func readsFromMemory() throws {
        let pem = try DevelopmentCertificate.pem.get()
        let context = try TLSContext(
            identities: [try TLSIdentity(certificatePEM: pem.chain, keyPEM: pem.key)])
        let client = try BlockingClient()
        var transport = try Transport(FileDescriptor(adopting: client.serverEnd), context: context)
        try client.shakeHands(with: &transport)

        // Both records are in the socket before the first is read: one recv takes them together.
        client.send("first")
        client.send("second")
        #expect(Self.read(&transport) == "first")
        var isEmptied = transport.hasEmptiedSocket
        #expect(!isEmptied, "the second record waits in OpenSSL")
        // Had an edge told of a third record by now, forgetting it after this read would lose it for ever.
        #expect(Self.read(&transport) == "second")
        isEmptied = transport.hasEmptiedSocket
        #expect(!isEmptied, "this read did not look at the socket")

        client.send("third")
        #expect(Self.read(&transport) == "third")
        isEmptied = transport.hasEmptiedSocket
        #expect(isEmptied, "this read took all that the socket held")
    }

    @Test("a plain read that does not fill its buffer has emptied the socket")
    func readsPlain() throws {
        var ends: [Int32] = [0, 0]
        let isMade = unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends) == 0
        try #require(isMade)
        let peer = FileDescriptor(adopting: ends[0])
        var transport = try Transport(FileDescriptor(adopting: ends[1]), context: nil)
        #expect(peer.write(Array("text".utf8).span) == .bytes(4))
        #expect(Self.read(&transport) == "text")
        let isEmptied = transport.hasEmptiedSocket
        #expect(isEmptied)
    }

    private static func read(_ transport: inout Transport) -> String? {
        unsafe withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 16) { buffer in
            guard case .bytes(let count) = unsafe transport.read(into: buffer) else { return nil }
            return unsafe String(decoding: buffer.prefix(count), as: UTF8.self)
        }
    }
}

/// The client's end of a socket pair under TLS; neither end blocks.
@safe private final class BlockingClient {
    /// The other end; whoever takes it closes it.
    let serverEnd: Int32
    private let own: FileDescriptor
    private let context: OpaquePointer
    private let session: OpaquePointer

    init() throws {
        var ends: [Int32] = [0, 0]
        let isMade = unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends) == 0
        try #require(isMade)
        own = FileDescriptor(adopting: ends[0])
        serverEnd = ends[1]
        let context = unsafe try #require(SSL_CTX_new(TLS_client_method()))
        unsafe self.context = context
        let session = unsafe try #require(SSL_new(context))
        unsafe self.session = session
        unsafe SSL_set_fd(session, ends[0])
        unsafe SSL_set_connect_state(session)
    }

    deinit {
        unsafe SSL_free(session)
        unsafe SSL_CTX_free(context)
        ERR_clear_error()
    }

    func shakeHands(with transport: inout Transport) throws {
        for _ in 0..<10 {
            let isDone = unsafe SSL_do_handshake(session) == 1
            if case .bytes = transport.handshake(), isDone { return }
        }
        Issue.record("the handshake does not end")
    }

    func send(_ text: String) {
        let bytes = Array(text.utf8)
        let count = unsafe SSL_write(session, bytes, Int32(bytes.count))
        #expect(count == bytes.count)
    }
}
