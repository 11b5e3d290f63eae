/// Writes HTTP/1.1 responses behind whatever the output already holds.
public enum HTTP1Encoder {
    /// What the request and the state of the connection settle about the form of its response.
    public struct Conditions: Sendable {
        /// The client's version; 1.0 knows no chunks.
        public let version: Request.Version
        /// Whether the request was HEAD, so that no body may follow the head (RFC 9110 §9.3.2).
        public let isHead: Bool
        /// Whether the connection stays open after the response.
        public let keepAlive: Bool

        /// For the answer to a request that was read; `keepAlive` may only take away what the client allows.
        public init(answering request: Request, keepAlive: Bool = true) {
            version = request.version
            isHead = request.method == .head
            self.keepAlive = keepAlive && request.keepAlive
        }

        /// For the answer to a request that could not be read: the connection closes behind it.
        public static let unreadable = Conditions()

        private init() {
            version = .http11
            isHead = false
            keepAlive = false
        }
    }

    /// How the pieces of a streamed body are delimited.
    public enum BodyForm: Equatable, Sendable {
        /// Each piece is a chunk.
        case chunked
        /// Pieces are sent as they are and closing the connection ends them (HTTP/1.0).
        case untilClose
        /// No body may be sent.
        case none
    }

    // MARK: Whole responses

    /// Appends a whole response with its length.
    ///
    /// - Parameter date: the time in the form of `HTTPDate.imfFixdate`, from the caller's cache.
    public static func append(
        _ response: Response, under conditions: Conditions, date: [UInt8], to output: inout [UInt8]
    ) {
        makeRoom(for: response.fields.lines.count + response.body.count, in: &output)
        appendStart(of: response, date, to: &output)
        let bodyless = hasNoBody(response.status)
        // RFC 9110 §8.6: no length with 204; with 304 it would have to be that of another response.
        if !bodyless {
            output.append(literal: "content-length: ")
            output.append(decimal: response.body.count)
            output.append(literal: "\r\n")
        }
        appendEnd(
            under: conditions, closing: !conditions.keepAlive, isUpgradeRequired: response.status == 426, to: &output)
        if !bodyless, !conditions.isHead { output.append(span: response.body.span) }
    }

    // MARK: Streamed responses

    /// Appends the head of a response whose body follows in pieces, and tells how they are delimited.
    ///
    /// With `.untilClose` the head says `connection: close`, and the caller must close after the last piece.
    public static func appendStreamHead(
        _ response: Response, under conditions: Conditions, date: [UInt8], to output: inout [UInt8]
    ) -> BodyForm {
        appendStart(of: response, date, to: &output)
        if hasNoBody(response.status) {
            appendEnd(under: conditions, closing: !conditions.keepAlive, to: &output)
            return .none
        }
        let isChunked = conditions.version != .http10
        if isChunked { output.append(literal: "transfer-encoding: chunked\r\n") }
        let ends = conditions.isHead || isChunked
        appendEnd(under: conditions, closing: !conditions.keepAlive || !ends, to: &output)
        return conditions.isHead ? .none : isChunked ? .chunked : .untilClose
    }

    /// What may stand around a piece: a chunk's size and its two line ends.
    public static let pieceFrameBytes = 12

    /// Appends one piece of a streamed body; nothing when it is empty, as an empty chunk would end the body.
    public static func appendPiece(_ bytes: Span<UInt8>, as form: BodyForm, to output: inout [UInt8]) {
        guard form != .none, !bytes.isEmpty else { return }
        if form == .chunked {
            // Eight digits whatever the size: leading zeros are legal (RFC 9112 §7.1).
            for shift in stride(from: 28, through: 0, by: -4) {
                let digit = UInt8(truncatingIfNeeded: bytes.count >> shift & 15)
                output.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
            }
            output.append(literal: "\r\n")
        }
        output.append(span: bytes)
        if form == .chunked { output.append(literal: "\r\n") }
    }

    /// Appends what ends a streamed body that is complete; a body cut short must go without it.
    public static func appendEnd(as form: BodyForm, to output: inout [UInt8]) {
        if form == .chunked { output.append(literal: "0\r\n\r\n") }
    }

    /// Appends the interim response that lets a waiting client send its body (RFC 9110 §15.2.1).
    public static func appendContinue(to output: inout [UInt8]) {
        output.append(literal: "HTTP/1.1 100 Continue\r\n\r\n")
    }

    // MARK: Pieces of a head

    /// Room for a response at once: growing with each of its pieces took as long as all the rest of encoding.
    private static func makeRoom(for bytes: Int, in output: inout [UInt8]) {
        let needed = output.count + bytes + ownBytes
        if output.capacity < needed { output.reserveCapacity(max(needed, 2 * output.capacity)) }
    }

    /// The most that a head has beside the fields: the status line, the date, the length and what is said of the
    /// connection.
    private static let ownBytes = 192

    private static func appendStart(of response: Response, _ date: [UInt8], to output: inout [UInt8]) {
        if let line = statusLine(response.status) {
            output.append(literal: line)
        } else {
            // RFC 9112 §4: the reason may be empty, the space before it may not be missing.
            output.append(literal: "HTTP/1.1 ")
            output.append(decimal: response.status)
            output.append(literal: " \r\n")
        }
        output.append(literal: "date: ")
        output.append(span: date.span)
        output.append(literal: "\r\n")
        output.append(span: response.fields.lines.span)
    }

    private static func appendEnd(
        under conditions: Conditions, closing: Bool, isUpgradeRequired: Bool = false, to output: inout [UInt8]
    ) {
        // RFC 9110 §15.5.22: the protocols that are spoken here must be named, and §7.8: `connection` names the field.
        if isUpgradeRequired {
            output.append(literal: "upgrade: HTTP/1.1\r\n")
            output.append(literal: closing ? "connection: close, upgrade\r\n\r\n" : "connection: upgrade\r\n\r\n")
        } else if closing {
            output.append(literal: "connection: close\r\n\r\n")
        } else if conditions.version == .http10 {
            output.append(literal: "connection: keep-alive\r\n\r\n")
        } else {
            output.append(literal: "\r\n")
        }
    }

    private static func hasNoBody(_ status: Int) -> Bool {
        status == 204 || status == 304
    }

    /// The status lines in use, ready to be copied.
    private static func statusLine(_ status: Int) -> StaticString? {
        switch status {
        case 200: "HTTP/1.1 200 OK\r\n"
        case 204: "HTTP/1.1 204 No Content\r\n"
        case 304: "HTTP/1.1 304 Not Modified\r\n"
        case 400: "HTTP/1.1 400 Bad Request\r\n"
        case 401: "HTTP/1.1 401 Unauthorized\r\n"
        case 402: "HTTP/1.1 402 Payment Required\r\n"
        case 403: "HTTP/1.1 403 Forbidden\r\n"
        case 404: "HTTP/1.1 404 Not Found\r\n"
        case 405: "HTTP/1.1 405 Method Not Allowed\r\n"
        case 408: "HTTP/1.1 408 Request Timeout\r\n"
        case 409: "HTTP/1.1 409 Conflict\r\n"
        case 413: "HTTP/1.1 413 Content Too Large\r\n"
        case 414: "HTTP/1.1 414 URI Too Long\r\n"
        case 415: "HTTP/1.1 415 Unsupported Media Type\r\n"
        case 417: "HTTP/1.1 417 Expectation Failed\r\n"
        case 421: "HTTP/1.1 421 Misdirected Request\r\n"
        case 422: "HTTP/1.1 422 Unprocessable Content\r\n"
        case 426: "HTTP/1.1 426 Upgrade Required\r\n"
        case 429: "HTTP/1.1 429 Too Many Requests\r\n"
        case 431: "HTTP/1.1 431 Request Header Fields Too Large\r\n"
        case 500: "HTTP/1.1 500 Internal Server Error\r\n"
        case 501: "HTTP/1.1 501 Not Implemented\r\n"
        case 502: "HTTP/1.1 502 Bad Gateway\r\n"
        case 503: "HTTP/1.1 503 Service Unavailable\r\n"
        case 504: "HTTP/1.1 504 Gateway Timeout\r\n"
        case 505: "HTTP/1.1 505 HTTP Version Not Supported\r\n"
        case 529: "HTTP/1.1 529 Overloaded\r\n"
        default: nil
        }
    }
}
