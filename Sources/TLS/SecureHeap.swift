import COpenSSL

/// Memory for private keys that is locked, fenced and wiped when it is given back.
public enum SecureHeap {
    /// Sets it up, before any key is read; false where the system gives none or does not lock it.
    @discardableResult
    public static func begin() -> Bool { isLocked }

    /// Made once for the process.
    private static let isLocked: Bool = {
        // The ephemeral key of each connection lies here too, with up to 64 bytes for as long as that lives, and OpenSSL
        // has none elsewhere. Memory that is not touched is not held.
        let verdict = CRYPTO_secure_malloc_init(8 << 20, 32)
        ERR_clear_error()
        // Two says that there is one, but not locked.
        return verdict == 1
    }()

    /// How many bytes are in use.
    public static var usedBytes: Int { CRYPTO_secure_used() }
}
