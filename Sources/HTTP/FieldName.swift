/// The name of a header field: a token in lower case, so that two names are equal when their bytes are.
public struct FieldName: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The name in lower case, as HTTP/2 sends it (RFC 9113 §8.2.1).
    public let description: String

    /// A name in the source text; it must be a lower-case token already.
    public init(stringLiteral literal: String) {
        precondition(
            !literal.isEmpty && literal.utf8.allSatisfy { isTokenByte($0) && lowercased($0) == $0 },
            "a field name in the source is a lower-case token")
        description = literal
    }

    /// A name from elsewhere, in any letter case; nil when it is not a token (RFC 9110 §5.1).
    public init?(parsing name: some StringProtocol) {
        let bytes = name.utf8.map(lowercased)
        guard !bytes.isEmpty, bytes.allSatisfy(isTokenByte) else { return nil }
        description = String(decoding: bytes, as: UTF8.self)
    }

    private init(known name: String) {
        description = name
    }

    // MARK: The names a gateway meets, made without the check above

    public static let accept = FieldName(known: "accept")
    public static let accessControlAllowHeaders = FieldName(known: "access-control-allow-headers")
    public static let accessControlAllowMethods = FieldName(known: "access-control-allow-methods")
    public static let accessControlAllowOrigin = FieldName(known: "access-control-allow-origin")
    public static let accessControlExposeHeaders = FieldName(known: "access-control-expose-headers")
    public static let accessControlMaxAge = FieldName(known: "access-control-max-age")
    public static let accessControlRequestHeaders = FieldName(known: "access-control-request-headers")
    public static let allow = FieldName(known: "allow")
    public static let anthropicVersion = FieldName(known: "anthropic-version")
    public static let authorization = FieldName(known: "authorization")
    public static let cacheControl = FieldName(known: "cache-control")
    public static let connection = FieldName(known: "connection")
    public static let contentEncoding = FieldName(known: "content-encoding")
    public static let contentLength = FieldName(known: "content-length")
    public static let contentType = FieldName(known: "content-type")
    public static let cookie = FieldName(known: "cookie")
    public static let date = FieldName(known: "date")
    public static let host = FieldName(known: "host")
    public static let keepAlive = FieldName(known: "keep-alive")
    public static let origin = FieldName(known: "origin")
    public static let retryAfter = FieldName(known: "retry-after")
    public static let trailer = FieldName(known: "trailer")
    public static let transferEncoding = FieldName(known: "transfer-encoding")
    public static let upgrade = FieldName(known: "upgrade")
    public static let vary = FieldName(known: "vary")
    public static let xAPIKey = FieldName(known: "x-api-key")
    public static let xRequestID = FieldName(known: "x-request-id")
}
