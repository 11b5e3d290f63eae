import COpenSSL
import Glibc
import TLS
import Testing

/// Two connected sockets that do not block, closed with their last reference.
final class Wire {
    let server: Int32
    let client: Int32
    private var isClientOpen = true

    init() throws {
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [0, 0]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let result = unsafe socketpair(AF_UNIX, kind, 0, &ends)
        try #require(result == 0)
        (server, client) = (ends[0], ends[1])
    }

    deinit {
        close(server)
        closeClient()
    }

    /// The client goes without a word.
    func closeClient() {
        if isClientOpen { close(client) }
        isClientOpen = false
    }
}

/// What one step of the client came to.
enum ClientResult: Equatable {
    case bytes([UInt8])
    case done
    case waits
    case closed
    /// OpenSSL's reason; 1000 and the number for an alert that was received.
    case failed(Int32)
}

/// A session that a client kept.
@safe final class KeptSession {
    fileprivate let pointer: OpaquePointer
    fileprivate init(_ pointer: OpaquePointer) { unsafe self.pointer = pointer }
    deinit { unsafe SSL_SESSION_free(pointer) }
}

/// How a client behaves.
struct ClientOptions {
    var protocols: [String] = []
    var serverName: String?
    var newest = TLS1_3_VERSION
    var oldest = TLS1_2_VERSION
    var signatures: String?
    var session: KeptSession?
    var asksForStaple = false
}

/// OpenSSL as a client on one end of a wire; trusts everybody.
@safe final class Client {
    private let context: OpaquePointer
    private let ssl: OpaquePointer

    init(on socket: Int32, _ options: ClientOptions = ClientOptions()) throws {
        let context = unsafe try #require(SSL_CTX_new(TLS_client_method()))
        unsafe self.context = context
        // Level 0 lets it offer what the server must refuse.
        unsafe SSL_CTX_set_security_level(context, 0)
        unsafe SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(options.oldest), nil)
        unsafe SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(options.newest), nil)
        unsafe SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0")
        if let signatures = options.signatures {
            var text = Array(signatures.utf8CString)
            unsafe SSL_CTX_ctrl(context, SSL_CTRL_SET_SIGALGS_LIST, 0, &text)
        }
        let ssl = unsafe try #require(SSL_new(context))
        unsafe self.ssl = ssl
        unsafe SSL_set_fd(ssl, socket)
        unsafe SSL_set_connect_state(ssl)
        if !options.protocols.isEmpty {
            let list = options.protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
            unsafe SSL_set_alpn_protos(ssl, list, UInt32(list.count))
        }
        if let name = options.serverName {
            var text = Array(name.utf8CString)
            unsafe SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, Int(TLSEXT_NAMETYPE_host_name), &text)
        }
        if options.asksForStaple {
            unsafe SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_STATUS_REQ_TYPE, Int(TLSEXT_STATUSTYPE_ocsp), nil)
        }
        if let session = options.session { unsafe SSL_set_session(ssl, session.pointer) }
    }

    deinit {
        // OpenSSL forgets the session of a connection that was not ended; nothing is sent.
        unsafe SSL_set_quiet_shutdown(ssl, 1)
        unsafe SSL_shutdown(ssl)
        unsafe SSL_free(ssl)
        unsafe SSL_CTX_free(context)
        ERR_clear_error()
    }

    func handshake() -> ClientResult {
        ERR_clear_error()
        let result = unsafe SSL_do_handshake(ssl)
        return result == 1 ? .done : outcome(result)
    }

    func read() -> ClientResult {
        ERR_clear_error()
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let result = unsafe SSL_read(ssl, &bytes, Int32(bytes.count))
        return result > 0 ? .bytes(Array(bytes[..<Int(result)])) : outcome(result)
    }

    func write(_ bytes: [UInt8]) -> ClientResult {
        ERR_clear_error()
        let result = unsafe SSL_write(ssl, bytes, Int32(bytes.count))
        return result > 0 ? .done : outcome(result)
    }

    /// Everything that can be read now.
    func drain() -> (bytes: [UInt8], last: ClientResult) {
        var bytes: [UInt8] = []
        while true {
            let result = read()
            guard case .bytes(let more) = result else { return (bytes, result) }
            bytes += more
        }
    }

    func sayGoodbye() {
        ERR_clear_error()
        unsafe SSL_shutdown(ssl)
    }

    /// Asks for a second handshake on the same connection (TLS 1.2).
    func renegotiate() -> ClientResult {
        unsafe SSL_renegotiate(ssl)
        return handshake()
    }

    var version: Int32 { unsafe SSL_version(ssl) }
    var wasResumed: Bool { unsafe SSL_session_reused(ssl) == 1 }
    var isTicketed: Bool {
        let session = unsafe SSL_get_session(ssl)
        return unsafe SSL_SESSION_has_ticket(session) == 1 && SSL_SESSION_is_resumable(session) == 1
    }
    var session: KeptSession? { unsafe SSL_get1_session(ssl).map { unsafe KeptSession($0) } }
    var cipher: String { unsafe String(cString: SSL_CIPHER_get_name(SSL_get_current_cipher(ssl))) }

    /// The OCSP response that the server sent.
    var staple: [UInt8] {
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = unsafe withUnsafeMutablePointer(to: &bytes) {
            unsafe SSL_ctrl(ssl, SSL_CTRL_GET_TLSEXT_STATUS_REQ_OCSP_RESP, 0, $0)
        }
        return count > 0 ? unsafe Array(UnsafeBufferPointer(start: bytes, count: count)) : []
    }

    /// How many certificates the server sent.
    var chainLength: Int32 { unsafe OPENSSL_sk_num(SSL_get_peer_cert_chain(ssl)) }

    /// The subject of the server's certificate and whether its key is RSA.
    var server: (name: String, isRSA: Bool) {
        guard let certificate = unsafe SSL_get1_peer_certificate(ssl) else { return ("", false) }
        defer { unsafe X509_free(certificate) }
        var name = [CChar](repeating: 0, count: 256)
        let subject = unsafe X509_get_subject_name(certificate)
        let count = unsafe X509_NAME_get_text_by_NID(subject, NID_commonName, &name, 256)
        let text = String(decoding: name.prefix(Int(max(0, count))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return unsafe (text, EVP_PKEY_get_base_id(X509_get0_pubkey(certificate)) == EVP_PKEY_RSA)
    }

    private func outcome(_ result: Int32) -> ClientResult {
        switch unsafe SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .waits
        case SSL_ERROR_ZERO_RETURN: return .closed
        default: return .failed(Int32(ERR_GET_REASON(ERR_get_error())))
        }
    }
}

/// The server's side, which macros can look at: they copy what they are given.
final class Server {
    private var session: TLSSession

    init(_ context: TLSContext, on socket: Int32) throws { session = try TLSSession(context, socket: socket) }

    func handshake() -> TLSResult { session.handshake() }
    func shutdown() { session.shutdown() }
    var applicationProtocol: ApplicationProtocol { session.applicationProtocol }
    func write(_ bytes: ArraySlice<UInt8>) -> TLSResult { session.write(bytes.span) }

    /// Everything that can be read now.
    func drain() -> (bytes: [UInt8], last: TLSResult) {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let result = unsafe buffer.withUnsafeMutableBytes { unsafe session.read(into: $0) }
            guard case .bytes(let count) = result else { return (bytes, result) }
            bytes += buffer[..<count]
        }
    }
}

/// A wire with both its ends.
struct Connection {
    let wire: Wire
    let server: Server
    let client: Client

    init(_ context: TLSContext, _ options: ClientOptions = ClientOptions()) throws {
        wire = try Wire()
        server = try Server(context, on: wire.server)
        client = try Client(on: wire.client, options)
    }

    /// Lets both sides shake hands until neither can go on.
    func shakeHands() -> (server: TLSResult, client: ClientResult) {
        var results = (server: TLSResult.needsRead, client: ClientResult.waits)
        for _ in 0..<20 {
            if results.client == .waits { results.client = client.handshake() }
            switch results.server {
            case .needsRead, .needsWrite: results.server = server.handshake()
            default: break
            }
        }
        return results
    }

    /// Shakes hands, which must succeed.
    func open(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let results = shakeHands()
        try #require(results.server == .bytes(0), sourceLocation: sourceLocation)
        try #require(results.client == .done, sourceLocation: sourceLocation)
    }
}

extension TLSContext {
    /// A context with these certificates.
    static func with(
        _ certificates: [Certificate], _ change: (inout Policy) -> Void = { _ in }
    ) throws -> TLSContext {
        var policy = Policy()
        change(&policy)
        return try TLSContext(
            identities: try certificates.map { try TLSIdentity(certificatePEM: $0.certificate, keyPEM: $0.key) },
            policy: policy)
    }

    /// A context with one certificate for `a.test`.
    static func plain(_ change: (inout Policy) -> Void = { _ in }) throws -> TLSContext {
        try with([try Certificate(name: "plain", names: ["a.test"])], change)
    }
}
