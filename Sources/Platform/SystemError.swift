import Glibc

/// A system call that failed.
public struct SystemError: Error, Equatable, Sendable {
    /// `errno`.
    public let code: Int32
    /// The call, for the log.
    public let call: String

    /// A failure with a given `errno`.
    public init(code: Int32, call: String) {
        self.code = code
        self.call = call
    }

    /// The failure of the call just made by this thread.
    public static func last(_ call: String) -> SystemError { SystemError(code: errno, call: call) }

    /// The call and what the system says of it.
    public var description: String { unsafe "\(call): \(String(cString: strerror(code)))" }
}
