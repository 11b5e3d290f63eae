/// How much of a request is read before it is refused; every number is in the unit its name ends with.
public struct HTTPLimits: Equatable, Sendable {
    /// The request line without its line end; beyond it 414.
    public var requestLineBytes = 8192
    /// One field line without its line end; beyond it 431.
    public var fieldBytes = 8192
    /// The whole head with all line ends (HTTP/2: as RFC 9113 §6.5.2 counts it); beyond it 431.
    public var headBytes = 32768
    /// Field lines in a head; beyond it 431.
    public var fieldCount = 100
    /// The body without its framing; beyond it 413.
    public var bodyBytes = 32 << 20
    /// The extensions of one chunk; beyond it 400.
    public var chunkExtensionBytes = 256
    /// The chunk extensions of one body; beyond it 400.
    public var chunkExtensionTotalBytes = 4096
    /// The trailer section of a chunked body with its line ends; beyond it 431.
    public var trailerBytes = 8192

    /// The defaults: those of common front servers for heads, the vendor's own limit for bodies.
    public init() {}
}
