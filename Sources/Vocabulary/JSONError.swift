/// Why bytes are not the JSON that was expected, and where.
public struct JSONError: Error, Equatable, Sendable {
    /// What is wrong with the text.
    public enum Reason: Equatable, Sendable {
        /// Not JSON by RFC 8259.
        case syntax
        /// Bytes that are not UTF-8.
        case encoding
        /// More open objects and arrays than the limit allows.
        case tooDeep
        /// More values than the limit allows.
        case tooManyValues
    }

    /// What is wrong.
    public let reason: Reason
    /// The byte at which it was noticed, from 0.
    public let offset: Int

    /// An error with its place.
    public init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }
}

/// Bounds that keep hostile JSON from costing memory or stack.
public struct JSONLimits: Sendable {
    /// Objects and arrays open at once.
    public var depth: Int
    /// Values and keys in one document.
    public var values: Int

    /// The defaults allow every request an SDK makes.
    public init(depth: Int = 64, values: Int = 100_000) {
        self.depth = depth
        self.values = values
    }
}
