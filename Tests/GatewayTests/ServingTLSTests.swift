import COpenSSL
import Glibc
import Testing

@testable import Gateway

/// A blocking TLS client over a raw one; trusts everybody.
@safe private final class TLSClient {
    private let raw: RawClient
    private let context: OpaquePointer
    private let session: OpaquePointer
    private var received: [UInt8] = []

    init(_ service: TestService, offering name: String) throws {
        raw = try RawClient(service)
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
private enum Frames {
    static let opening = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(4, 0, 0, [])

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

@Suite("Serving over TLS", .timeLimit(.minutes(2)))
struct ServingTLSTests {
    /// A service with a certificate as `certs/make-dev-certificate` makes it.
    private func service(_ change: (inout ServiceOptions) -> Void = { _ in }) async throws -> TestService {
        let pem = try DevelopmentCertificate.pem.get()
        return try await TestService {
            $0.pem = pem
            change(&$0)
        }
    }

    @Test("HTTP/1.1 is served over TLS, pipelined turns and all")
    func http1() async throws {
        let client = try TLSClient(try await service(), offering: "http/1.1")
        client.send(Array(RawClient.request("GET", "/health").utf8))
        #expect(try client.read(until: #""status":"ok""#).hasPrefix("HTTP/1.1 200 OK\r\n"))
        client.send(Array((RawClient.chat("standin:words 50", streams: true) + RawClient.chat("standin:echo second")).utf8))
        let all = try client.read(until: #""content":"second"#)
        #expect(all.contains("w50"))
        #expect(all.contains("data: [DONE]\n\n"))
    }

    @Test("HTTP/2 serves several streams of one connection at once")
    func http2() async throws {
        let client = try TLSClient(try await service(), offering: "h2")
        client.send(Frames.opening + Frames.get("/health", on: 1))
        #expect(try client.read(until: #""status":"ok""#).contains(#""cli_version":"0.0.0""#))
        client.send(Frames.chat("standin:words 40", on: 3) + Frames.chat("standin:echo beside it", on: 5))
        let all = try client.read(until: "data: [DONE]\n\n", times: 2)
        #expect(all.contains("w40"))
        #expect(all.contains("beside "))
    }

    @Test("a head that never ends is not waited for longer than for any request, nor does it hold up the others")
    func http2UnfinishedHead() async throws {
        let service = try await service { $0.limits.http2IdleSeconds = 1 }
        let client = try TLSClient(service, offering: "h2")
        client.send(Frames.opening + Frames.unfinishedHead(on: 1))
        #expect(client.isEnded())
        let other = try TLSClient(service, offering: "h2")
        other.send(Frames.opening + Frames.get("/health", on: 1))
        #expect(try other.read(until: #""status":"ok""#).contains("uptime_seconds"))
    }

    @Test("a stream that the client resets takes its process with it and leaves the others alone")
    func http2Reset() async throws {
        let watch = try ChildWatch()
        let path = watch.path
        let client = try TLSClient(
            try await service {
                $0.maxRunning = 1
                $0.script = "exec 9>\(path)\necho >&9\nexec \"$STANDIN\" \"$@\""
            }, offering: "h2")
        client.send(Frames.opening + Frames.chat("standin:stall", on: 1))
        _ = try client.read(until: "d0")
        #expect(watch.hasBegun())
        client.send(Frames.reset(1))
        #expect(watch.isGone())
        client.send(Frames.chat("standin:echo next one", on: 3))
        #expect(try client.read(until: "data: [DONE]").contains("next "))
    }
}
