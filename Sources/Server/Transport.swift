import Platform
import TLS

/// The bytes of one connection, encrypted or plain.
struct Transport: ~Copyable {
    /// The socket, for watching.
    var number: Int32 { socket.number }

    private let socket: FileDescriptor
    private var session: TLSSession?

    /// A connection under TLS, or a plain one without a context.
    init(_ socket: consuming FileDescriptor, context: TLSContext?) throws(TLSFault) {
        session = if let context { try TLSSession(context, socket: socket.number) } else { nil }
        self.socket = socket
    }

    /// Goes on with the handshake; at once complete for a plain connection.
    mutating func handshake() -> TLSResult { session?.handshake() ?? .bytes(0) }

    /// What ALPN chose; a plain connection speaks HTTP/1.1.
    var applicationProtocol: ApplicationProtocol {
        mutating get { session?.applicationProtocol ?? .http1 }
    }

    /// The certificate that the client has shown.
    var clientCertificate: ClientCertificate? {
        mutating get { session?.clientCertificate }
    }

    /// True when the last read has itself met the end of what the socket held: the next one would find nothing.
    private(set) var hasEmptiedSocket = false

    /// Reads what is there before anything is encrypted, as long as the handshake has not begun.
    func readUnencrypted(into buffer: UnsafeMutableRawBufferPointer) -> IOResult { unsafe socket.read(into: buffer) }

    /// Reads what is there.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer) -> TLSResult {
        if session != nil { return unsafe readSession(into: buffer) }
        switch unsafe socket.read(into: buffer) {
        case .bytes(let count):
            hasEmptiedSocket = count < buffer.count
            return .bytes(count)
        case .wouldBlock: return .needsRead
        case .end, .failed: return .closed
        }
    }

    /// A read that is served from what OpenSSL had read before says nothing about the socket: more may have come since,
    /// and been told, and would then never be told again.
    private mutating func readSession(into buffer: UnsafeMutableRawBufferPointer) -> TLSResult {
        let hadPending = session?.hasPending ?? false
        let result = unsafe session?.read(into: buffer) ?? .closed
        hasEmptiedSocket = !hadPending && !(session?.hasPending ?? false)
        return result
    }

    /// Writes what fits.
    mutating func write(_ bytes: Span<UInt8>) -> TLSResult {
        if session != nil { return session?.write(bytes) ?? .closed }
        return switch socket.write(bytes) {
        case .bytes(let count): .bytes(count)
        case .wouldBlock: .needsWrite
        case .end, .failed: .closed
        }
    }

    /// Tells the peer that nothing more will be sent, while its own bytes can still be read.
    mutating func finishWriting() {
        session?.shutdown()
        socket.shutdownWriting()
    }
}
