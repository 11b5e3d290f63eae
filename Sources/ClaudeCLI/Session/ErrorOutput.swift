import Platform

/// The last of what the CLI says outside of its protocol.
struct ErrorOutput {
    private(set) var bytes: [UInt8] = []

    /// Reads what is there and keeps the last `limit` bytes.
    mutating func receive(from errors: borrowing FileDescriptor, limit: Int) -> IOResult {
        var chunk = [UInt8](repeating: 0, count: 4096)
        let result = unsafe chunk.withUnsafeMutableBytes { unsafe errors.read(into: $0) }
        guard case .bytes(let count) = result else { return result }
        bytes += chunk[..<count]
        if bytes.count > limit { bytes.removeFirst(bytes.count - limit) }
        return result
    }

    /// At most 500 bytes on one line, without secrets.
    var text: String { Redaction.clean(String(decoding: bytes.suffix(500), as: UTF8.self)) }
}
