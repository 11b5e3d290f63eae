internal import COpenSSL

/// HMAC-SHA256 (RFC 2104) under one key.
///
/// The key is prepared once and its state copied for each digest: to prepare it each time costs several
/// times as much, and takes locks that all loops share.
// Unchecked: the prepared state is only ever copied from after init, which the library allows to threads.
@safe final class KeyedHash: @unchecked Sendable {
    static let digestBytes = 32

    private let prepared: OpaquePointer?

    init(key: [UInt8]) {
        let algorithm = unsafe EVP_MAC_fetch(nil, "HMAC", nil)
        let context = unsafe EVP_MAC_CTX_new(algorithm)
        // The context holds a reference of its own.
        unsafe EVP_MAC_free(algorithm)
        let isReady = unsafe key.withUnsafeBufferPointer { key in
            unsafe portcullis_mac_init_sha256(context, key.baseAddress, key.count) == 1
        }
        if !isReady { unsafe EVP_MAC_CTX_free(context) }
        unsafe prepared = isReady ? context : nil
    }

    deinit { unsafe EVP_MAC_CTX_free(prepared) }

    /// The digest; nil when the library fails.
    func digest(of data: Span<UInt8>) -> [UInt8]? {
        guard let prepared = unsafe prepared, let context = unsafe EVP_MAC_CTX_dup(prepared) else {
            return nil
        }
        defer { unsafe EVP_MAC_CTX_free(context) }
        var isDone = false
        let digest = unsafe [UInt8](unsafeUninitializedCapacity: Self.digestBytes) { buffer, count in
            let isTaken = unsafe data.withUnsafeBufferPointer { data in
                unsafe EVP_MAC_update(context, data.baseAddress, data.count) == 1
            }
            isDone =
                unsafe isTaken
                && EVP_MAC_final(context, buffer.baseAddress, &count, Self.digestBytes) == 1
        }
        return isDone && digest.count == Self.digestBytes ? digest : nil
    }
}
