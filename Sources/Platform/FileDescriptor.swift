import Glibc

/// What a read or write on a descriptor that does not block came to.
public enum IOResult: Equatable, Sendable {
    /// So many bytes were moved; at least one.
    case bytes(Int)
    /// Nothing can be moved now.
    case wouldBlock
    /// The other side has ended the stream.
    case end
    /// The call failed with this `errno`.
    case failed(Int32)
}

/// The one owner of an open descriptor: closes it when it goes.
public struct FileDescriptor: ~Copyable, Sendable {
    /// The descriptor's number, valid as long as this value lives.
    public let number: Int32

    /// Takes over a descriptor that nobody else closes.
    public init(adopting number: Int32) { self.number = number }

    deinit { close(number) }

    /// Reads what is there, at most `buffer.count` bytes.
    public func read(into buffer: UnsafeMutableRawBufferPointer) -> IOResult {
        while true {
            let count = unsafe Glibc.read(number, buffer.baseAddress, buffer.count)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .end }
            if errno == EINTR { continue }
            return errno == EAGAIN ? .wouldBlock : .failed(errno)
        }
    }

    /// Writes as much as fits now.
    public func write(_ bytes: Span<UInt8>) -> IOResult {
        while true {
            let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(number, $0.baseAddress, $0.count) }
            if count >= 0 { return .bytes(count) }
            if errno == EINTR { continue }
            return errno == EAGAIN ? .wouldBlock : .failed(errno)
        }
    }

    /// Ends the sending side of a socket (`shutdown(2)`); without effect on anything else.
    public func shutdownWriting() { _ = shutdown(number, Int32(SHUT_WR)) }
}
