internal import COpenSSL
import Vocabulary

/// SHA-256 (FIPS 180-4) over a conversation's content as it becomes known; what it is at some point can be taken again
/// and again.
@safe final class ConversationHash {
    static let digestBytes = 32
    /// Small pieces are gathered: each call of the library costs more than some bytes' hashing.
    private static let gatheredBytes = 512

    private let context: OpaquePointer?
    private var gathered: [UInt8] = []
    private var hasFailed: Bool

    init() {
        let context = unsafe EVP_MD_CTX_new()
        hasFailed = unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil) != 1
        unsafe self.context = context
    }

    deinit { unsafe EVP_MD_CTX_free(context) }

    /// Adds bytes.
    func add(_ bytes: Span<UInt8>) {
        if bytes.count < Self.gatheredBytes {
            gathered.append(copying: bytes)
            if gathered.count >= Self.gatheredBytes { flush() }
        } else {
            flush()
            update(bytes)
        }
    }

    private func flush() {
        guard !gathered.isEmpty else { return }
        let bytes = gathered
        gathered = []
        update(bytes.span)
    }

    private func update(_ bytes: Span<UInt8>) {
        let isTaken = unsafe bytes.withUnsafeBufferPointer {
            unsafe EVP_DigestUpdate(context, $0.baseAddress, $0.count) == 1
        }
        if !isTaken { hasFailed = true }
    }

    /// The digest of everything so far, after which more may be added; nil when the library fails.
    func digest() -> [UInt8]? {
        flush()
        guard !hasFailed, let copy = unsafe EVP_MD_CTX_new() else { return nil }
        defer { unsafe EVP_MD_CTX_free(copy) }
        var isDone = false
        let digest = unsafe [UInt8](unsafeUninitializedCapacity: Self.digestBytes) { buffer, count in
            var length: UInt32 = 0
            isDone =
                unsafe EVP_MD_CTX_copy_ex(copy, context) == 1
                && EVP_DigestFinal_ex(copy, buffer.baseAddress, &length) == 1
            count = isDone ? Int(length) : 0
        }
        return isDone && digest.count == Self.digestBytes ? digest : nil
    }
}
