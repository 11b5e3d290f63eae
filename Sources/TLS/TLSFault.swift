import COpenSSL

/// A TLS operation that failed, with what OpenSSL says of it.
public struct TLSFault: Error, Equatable, Sendable {
    /// For the log: never holds key material.
    public let message: String

    /// A fault in our own words.
    public init(_ message: String) { self.message = message }

    /// A fault with OpenSSL's oldest queued reason; empties this thread's error queue.
    static func last(_ what: String) -> TLSFault {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0, let reason = unsafe ERR_reason_error_string(code) else { return TLSFault(what) }
        return unsafe TLSFault("\(what): \(String(cString: reason))")
    }
}
