import COpenSSL
import Glibc

/// A blocking TLS 1.3 client for 127.0.0.1 that trusts any certificate.
///
/// Owns its `SSL*` and descriptor and frees both when it ends.
@safe final class TLSClient {
    private let descriptor: Int32
    private let session: OpaquePointer
    private var buffer = [UInt8](repeating: 0, count: 16_384)

    /// Connects and shakes hands in full; ALPN says `http/1.1`.
    init(port: Int, context: TLSClientContext) throws(BenchFault) {
        descriptor = try connectLoopback(port)
        guard let session = unsafe SSL_new(context.pointer) else {
            throw BenchFault(message: "no TLS session")
        }
        unsafe self.session = session
        unsafe SSL_set_fd(session, descriptor)
        let protocols: [UInt8] = [8] + Array("http/1.1".utf8)
        unsafe SSL_set_alpn_protos(session, protocols, UInt32(protocols.count))
        guard unsafe SSL_connect(session) == 1 else {
            throw BenchFault(message: "the TLS handshake with port \(port) failed")
        }
    }

    deinit {
        unsafe SSL_shutdown(session)
        unsafe SSL_free(session)
        close(descriptor)
    }

    /// Sends one request.
    func send(_ request: [UInt8]) throws(BenchFault) {
        guard unsafe SSL_write(session, request, Int32(request.count)) == Int32(request.count) else {
            throw BenchFault(message: "the server closed the connection")
        }
    }

    /// Appends what arrives next.
    func receive(into bytes: inout [UInt8]) throws(BenchFault) {
        let count = unsafe SSL_read(session, &buffer, Int32(buffer.count))
        guard count > 0 else { throw BenchFault(message: "the server closed the connection") }
        bytes += buffer[..<Int(count)]
    }

    /// Sends a request and reads its answer, which must be 200 and tell its length.
    func exchange(_ request: [UInt8]) throws(BenchFault) {
        try send(request)
        var answer: [UInt8] = []
        var end = answer.find("\r\n\r\n")
        while end == nil {
            try receive(into: &answer)
            end = answer.find("\r\n\r\n")
        }
        let head = Array(answer[..<(end ?? 0)]).map { $0 &- 65 < 26 ? $0 | 0x20 : $0 }
        guard head.starts(with: "http/1.1 200".utf8), let field = head.find("content-length: ") else {
            throw BenchFault(message: "not the answer hoped for: \(String(decoding: head, as: UTF8.self))")
        }
        let length = head[(field + 16)...].prefix { $0 &- 48 < 10 }.reduce(0) { $0 * 10 + Int($1 - 48) }
        while answer.count < (end ?? 0) + 4 + length { try receive(into: &answer) }
    }
}

/// A connected socket to a port of 127.0.0.1.
private func connectLoopback(_ port: Int) throws(BenchFault) -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var one: Int32 = 1
    unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port).bigEndian)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let connected = unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
    guard connected == 0 else {
        close(descriptor)
        throw BenchFault(message: "cannot connect to port \(port)")
    }
    return descriptor
}

/// What the connections of one run share. Sessions are never resumed: each handshake is a full one.
///
/// Owns its `SSL_CTX*`.
@safe final class TLSClientContext: Sendable {
    // Immutable after init; OpenSSL locks what SSL_new touches.
    nonisolated(unsafe) let pointer: OpaquePointer

    init() throws(BenchFault) {
        guard let context = unsafe SSL_CTX_new(TLS_client_method()) else {
            throw BenchFault(message: "no TLS context")
        }
        unsafe pointer = context
        // Spelt out because these two are macros in C.
        unsafe SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_3_VERSION), nil)
        unsafe SSL_CTX_ctrl(context, SSL_CTRL_SET_SESS_CACHE_MODE, 0, nil)
    }

    deinit { unsafe SSL_CTX_free(pointer) }
}

extension [UInt8] {
    /// Where `text` begins at or after `start`, or nil.
    func find(_ text: StaticString, from start: Int = 0) -> Int? {
        let length = text.utf8CodeUnitCount
        guard count - start >= length else { return nil }
        for index in start...(count - length) {
            var matched = 0
            while matched < length, unsafe self[index + matched] == text.utf8Start[matched] { matched += 1 }
            if matched == length { return index }
        }
        return nil
    }
}
