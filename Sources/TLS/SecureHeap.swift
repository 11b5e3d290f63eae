import COpenSSL

/// Memory for private keys that is locked, fenced and wiped when it is given back.
public enum SecureHeap {
    /// Sets it up, before any key is read; false where the system gives none, and then keys lie with everything else.
    @discardableResult
    public static func begin() -> Bool {
        if CRYPTO_secure_malloc_initialized() == 1 { return true }
        // A key takes a few hundred bytes, and a reload holds the old ones and the new ones.
        let isMade = CRYPTO_secure_malloc_init(256 << 10, 32) != 0
        ERR_clear_error()
        return isMade
    }

    /// How many bytes are in use.
    public static var usedBytes: Int { CRYPTO_secure_used() }
}
