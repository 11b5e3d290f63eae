import COpenSSL
import Glibc
import TestSupport
import Testing

@testable import Gateway

/// A blocking TLS client over a raw one; trusts everybody.
@safe final class TLSClient {
    private let raw: RawClient
    private let context: OpaquePointer
    private let session: OpaquePointer
    private var received: [UInt8] = []

    /// With `bufferBytes` the socket takes no more than that before somebody reads.
    init(_ service: TestService, offering name: String, bufferBytes: Int32? = nil) throws {
        raw = try RawClient(service)
        if var bufferBytes {
            unsafe setsockopt(raw.descriptor, SOL_SOCKET, SO_RCVBUF, &bufferBytes, socklen_t(MemoryLayout<Int32>.size))
        }
        let context = unsafe try #require(SSL_CTX_new(TLS_client_method()))
        unsafe self.context = context
        let session = unsafe try #require(SSL_new(context))
        unsafe self.session = session
        unsafe SSL_set_fd(session, raw.descriptor)
        let list = [UInt8(name.utf8.count)] + Array(name.utf8)
        unsafe SSL_set_alpn_protos(session, list, UInt32(list.count))
        let result = unsafe SSL_connect(session)
        try #require(result == 1)
    }

    deinit {
        unsafe SSL_free(session)
        unsafe SSL_CTX_free(context)
        ERR_clear_error()
    }

    func send(_ bytes: [UInt8]) {
        let count = unsafe SSL_write(session, bytes, Int32(bytes.count))
        #expect(count == bytes.count)
    }

    /// Reads until the service ends the connection; false when it is silent for ten seconds first.
    func isEnded() -> Bool {
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        unsafe setsockopt(raw.descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var piece = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = unsafe SSL_read(session, &piece, Int32(piece.count))
            if count <= 0 { return unsafe SSL_get_error(session, count) == SSL_ERROR_ZERO_RETURN }
        }
    }

    /// Reads what one record holds.
    func record() throws -> [UInt8] {
        var piece = [UInt8](repeating: 0, count: 32_768)
        let count = unsafe SSL_read(session, &piece, Int32(piece.count))
        try #require(count > 0)
        return Array(piece[..<Int(count)])
    }

    /// Reads until `text` has come `times` times; everything that has come so far.
    func read(until text: String, times: Int = 1) throws -> String {
        while true {
            let all = String(decoding: received, as: UTF8.self)
            if all.split(separator: text, omittingEmptySubsequences: false).count > times { return all }
            var piece = [UInt8](repeating: 0, count: 16_384)
            let count = unsafe SSL_read(session, &piece, Int32(piece.count))
            try #require(count > 0, "waiting for \(text)")
            received += piece[..<Int(count)]
        }
    }
}

/// HTTP/2 frames by hand (RFC 9113 §4.1), with literal fields (RFC 7541 §6.2.2).
enum Frames {
    static let opening = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(4, 0, 0, [])

    /// The same for a client that lets the server send as much as it likes (RFC 9113 §6.9).
    static let generousOpening =
        Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(4, 0, 0, [0, 4, 0x7F, 0xFF, 0xFF, 0xFF])
        + frame(8, 0, 0, [0x7F, 0xFE, 0, 0])

    static func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt8, _ payload: [UInt8]) -> [UInt8] {
        [0, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF), type, flags, 0, 0, 0, stream] + payload
    }

    private static func text(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }

    static func get(_ path: String, on stream: UInt8) -> [UInt8] {
        frame(1, 0x5, stream, [0x82, 0x87, 0x04] + text(path) + [0x01] + text("localhost"))
    }

    static func chat(_ marker: String, on stream: UInt8) -> [UInt8] {
        let body = #"{"model":"sonnet","stream":true,"messages":[{"role":"user","content":"\#(marker)"}]}"#
        let key = [0x00] + text("authorization") + text("Bearer \(TestService.key)")
        let type = [0x00] + text("content-type") + text("application/json")
        let head = [0x83, 0x87, 0x04] + text("/v1/chat/completions") + [0x01] + text("localhost") + key + type
        return frame(1, 0x4, stream, head) + frame(0, 0x1, stream, Array(body.utf8))
    }

    /// A header block that says it goes on (RFC 9113 §6.2, without END_HEADERS).
    static func unfinishedHead(on stream: UInt8) -> [UInt8] { frame(1, 0x1, stream, [0x82, 0x87]) }

    static func reset(_ stream: UInt8) -> [UInt8] { frame(3, 0, stream, [0, 0, 0, 8]) }
}

extension TestService {
    /// A service with a certificate as `certs/make-dev-certificate` makes it.
    static func encrypted(_ change: (inout ServiceOptions) -> Void = { _ in }) async throws -> TestService {
        let pem = try DevelopmentCertificate.pem.get()
        return try await TestService {
            $0.pem = pem
            change(&$0)
        }
    }
}
