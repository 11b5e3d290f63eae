/// Finds the heads of frames in received bytes (RFC 9113 §4.1), however these are cut.
///
/// nghttp2 tells nothing of DATA frames on streams that it has closed.
struct HTTP2FrameScanner {
    /// What stands before a frame's payload.
    struct Head: Equatable {
        var length: Int
        var type: UInt8
        var flags: UInt8
        var stream: Int32
    }

    private static let prefaceBytes = 24
    private static let headBytes = 9

    /// Bytes of the preface, or of a payload, that are still to come.
    private var left = HTTP2FrameScanner.prefaceBytes
    /// How much of a head has come, and its first eight bytes as a number.
    private var count = 0
    private var first: UInt64 = 0

    /// The next head that is complete; `index` is then behind its last byte. Nil once all bytes are passed.
    @inline(__always)
    mutating func next(in bytes: Span<UInt8>, from index: inout Int) -> Head? {
        while index < bytes.count {
            if left > 0 {
                let skipped = min(left, bytes.count - index)
                left -= skipped
                index += skipped
                continue
            }
            let byte = bytes[index]
            index += 1
            count += 1
            guard count == Self.headBytes else {
                first = first << 8 | UInt64(byte)
                continue
            }
            let head = Head(
                length: Int(first >> 40), type: UInt8(truncatingIfNeeded: first >> 32),
                flags: UInt8(truncatingIfNeeded: first >> 24),
                stream: Int32(truncatingIfNeeded: (first & 0x7F_FFFF) << 8 | UInt64(byte)))
            (left, count, first) = (head.length, 0, 0)
            return head
        }
        return nil
    }
}
