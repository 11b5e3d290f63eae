internal import COpenSSL
import Dialects

/// Seals the summary of a conversation for its caller alone (AES-256-GCM).
///
/// The key is made of the caller's API key, so that nothing has to be stored and several gateways with the same keys
/// understand each other's summaries. A new API key cannot open what was sealed under the old one.
struct SummarySealer: SummarySeal {
    private let key: [UInt8]

    /// A sealer for the caller of this key; nil when the library fails.
    init?(secret: [UInt8]) {
        guard let key = KeyedHash(key: secret).digest(of: Self.purpose.span) else { return nil }
        self.key = key
    }

    func seal(_ text: String) -> String? {
        var nonce = [UInt8](repeating: 0, count: Self.nonceBytes)
        guard unsafe RAND_bytes(&nonce, Int32(nonce.count)) == 1, let cipher = Cipher(key: key, nonce: nonce, seals: true),
            let sealed = cipher.pass(Array(text.utf8)), let tag = cipher.finishSealing()
        else { return nil }
        return Self.mark + Self.base64(nonce + sealed + tag)
    }

    func open(_ sealed: String) -> String? {
        guard sealed.hasPrefix(Self.mark), let bytes = Self.bytes(base64: sealed.dropFirst(Self.mark.count)),
            bytes.count >= Self.nonceBytes + Self.tagBytes
        else { return nil }
        let tag = Array(bytes.suffix(Self.tagBytes))
        let nonce = Array(bytes.prefix(Self.nonceBytes))
        guard let cipher = Cipher(key: key, nonce: nonce, seals: false),
            let text = cipher.pass(Array(bytes[Self.nonceBytes..<(bytes.count - Self.tagBytes)])),
            cipher.finishOpening(tag)
        else { return nil }
        return String(decoding: text, as: UTF8.self)
    }

    private static let purpose = Array("portcullis: summaries, 1".utf8)
    /// Tells what is ours from what another provider sealed.
    private static let mark = "summary:"
    fileprivate static let nonceBytes = 12
    fileprivate static let tagBytes = 16

    private static func base64(_ bytes: [UInt8]) -> String {
        let text = unsafe [UInt8](unsafeUninitializedCapacity: (bytes.count + 2) / 3 * 4 + 1) { buffer, count in
            count = unsafe Int(EVP_EncodeBlock(buffer.baseAddress, bytes, Int32(bytes.count)))
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func bytes(base64 text: Substring) -> [UInt8]? {
        let text = Array(text.utf8)
        guard text.count % 4 == 0, text.count >= 4, text.count <= Int(Int32.max) else { return nil }
        var decoded = -1
        var bytes = unsafe [UInt8](unsafeUninitializedCapacity: text.count / 4 * 3) { buffer, count in
            decoded = unsafe Int(EVP_DecodeBlock(buffer.baseAddress, text, Int32(text.count)))
            count = max(0, decoded)
        }
        guard decoded >= 0 else { return nil }
        // The library counts the padding as zeros.
        bytes.removeLast(text.suffix(2).count { $0 == UInt8(ascii: "=") })
        return bytes
    }
}

/// One sealing or opening.
// Used by one call alone, which frees it.
@safe private final class Cipher {
    private let context: OpaquePointer

    init?(key: [UInt8], nonce: [UInt8], seals: Bool) {
        guard let context = unsafe EVP_CIPHER_CTX_new() else { return nil }
        unsafe self.context = context
        guard unsafe EVP_CipherInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce, seals ? 1 : 0) == 1 else { return nil }
    }

    deinit { unsafe EVP_CIPHER_CTX_free(context) }

    /// The other form of the bytes; of sealed ones not to be trusted before `finishOpening`.
    func pass(_ bytes: [UInt8]) -> [UInt8]? {
        guard let whole = Int32(exactly: bytes.count) else { return nil }
        var isDone = false
        let passed = unsafe [UInt8](unsafeUninitializedCapacity: bytes.count) { buffer, count in
            var length: Int32 = 0
            isDone = unsafe EVP_CipherUpdate(context, buffer.baseAddress, &length, bytes, whole) == 1
            count = isDone ? Int(length) : 0
        }
        return isDone ? passed : nil
    }

    func finishSealing() -> [UInt8]? {
        var (rest, length): ([UInt8], Int32) = ([UInt8](repeating: 0, count: 16), 0)
        var tag = [UInt8](repeating: 0, count: SummarySealer.tagBytes)
        guard unsafe EVP_CipherFinal_ex(context, &rest, &length) == 1,
            unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, Int32(tag.count), &tag) == 1
        else { return nil }
        return tag
    }

    func finishOpening(_ tag: [UInt8]) -> Bool {
        var (rest, length): ([UInt8], Int32) = ([UInt8](repeating: 0, count: 16), 0)
        var tag = tag
        return unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, Int32(tag.count), &tag) == 1
            && EVP_CipherFinal_ex(context, &rest, &length) == 1
    }
}
