/// One request on an HTTP/2 connection and its answer. Confined to its connection's loop.
///
/// Lives as long as somebody holds it; once `isClosed`, everything done to it has no effect.
public final class HTTP2Stream {
    /// The stream's number (RFC 9113 §5.1.1).
    public let id: Int32
    /// The request's head, or why it cannot be read.
    public let head: Result<Request, HTTPFault>
    /// True once the stream is gone: answered and acknowledged, reset, or its connection lost.
    public internal(set) var isClosed = false
    /// True when the client ended it before its answer was complete.
    public internal(set) var isReset = false
    /// True once the whole request body has been received.
    public internal(set) var hasEndedBody: Bool
    /// Called after body has arrived, output has fallen to `lowWaterBytes`, or the stream has been closed.
    public var onChange: (() -> Void)?

    /// Below this much waiting output a writer that paused should go on; crossing it calls `onChange`.
    public static let lowWaterBytes = 32 << 10

    /// Output that waits for the peer's window.
    public var pendingBytes: Int { output.count - outputStart }

    var received: [UInt8] = []
    var output: [UInt8] = []
    var outputStart = 0
    var isFinished = false
    /// True when the body is a stream of events, which are not to be torn.
    private var hasEvents = false
    var isDeferred = false
    var discarded = 0
    /// Held until the stream is closed; a weak reference would cost a side table for every request.
    var connection: HTTP2Connection?

    init(id: Int32, head: Result<Request, HTTPFault>, endsStream: Bool, of connection: HTTP2Connection) {
        self.id = id
        self.head = head
        hasEndedBody = endsStream
        self.connection = connection
    }

    /// Moves the body received so far behind `bytes` and lets the client send as much again.
    public func takeBody(into bytes: inout [UInt8]) {
        guard !received.isEmpty else { return }
        bytes += received
        connection?.consumed(received.count, of: self)
        received.removeAll(keepingCapacity: true)
    }

    /// Sends a whole response.
    public func respond(_ response: Response, date: [UInt8]) {
        let isHead = (try? head.get())?.method == .head
        if !isHead { output = response.body }
        isFinished = true
        discardBody()
        connection?.submit(response, date: date, length: response.body.count, hasBody: !output.isEmpty, on: self)
    }

    /// Sends the head of a streamed response; follow with `write` and `finish`.
    public func respondStreaming(_ response: Response, date: [UInt8]) {
        hasEvents = response.fields[.contentType]?.starts(with: "text/event-stream".utf8) == true
        connection?.submit(response, date: date, length: nil, hasBody: true, on: self)
    }

    /// Adds to a streamed response and empties `bytes`; the caller watches `pendingBytes`.
    public func write(_ bytes: inout [UInt8]) {
        if isClosed || pendingBytes > 0 {
            if !isClosed { output += bytes }
            bytes.removeAll(keepingCapacity: true)
        } else {
            swap(&output, &bytes)
        }
        connection?.resume(self)
    }

    /// Ends a streamed response.
    public func finish() {
        guard !isClosed else { return }
        isFinished = true
        discardBody()
        connection?.resume(self)
    }

    /// Cuts a streamed response off, so that the client sees it is not whole (RFC 9113 §8.1).
    public func reset() {
        guard !isClosed else { return }
        connection?.reset(self, .internalError)
    }

    /// Tells that the body may be sent (RFC 9110 §10.1.1).
    public func sendContinue() { connection?.submitContinue(on: self) }

    /// Passes over body that nobody will read: while it is held, the window stays shut and the client never gets to
    /// the end of what it sends.
    private func discardBody() {
        guard !received.isEmpty else { return }
        connection?.consumed(received.count, of: self)
        discarded += received.count
        received = []
    }

    /// What fills a TLS record together with the frame's head.
    private static let frameBytes = 16_384 - 9

    private func wholeEvents(fitting count: Int) -> Int? {
        let bytes = output
        return EventCuts.lastEnd(in: bytes.span, from: outputStart, fitting: count)
    }

    /// Copies output into a DATA frame's buffer; returns how much.
    func moveOutput(to buffer: UnsafeMutableRawBufferPointer) -> Int {
        let before = pendingBytes
        var count = min(buffer.count, Self.frameBytes, before)
        if hasEvents, count < before {
            // Only an event that is longer than a frame, or than the window that is left, has to be torn.
            count = wholeEvents(fitting: count) ?? count
        }
        let start = outputStart
        unsafe output.withUnsafeBytes { source in
            unsafe buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[start..<(start + count)]))
        }
        outputStart += count
        if outputStart == output.count {
            output.removeAll(keepingCapacity: output.capacity <= 16 << 10)
            outputStart = 0
        }
        if before > Self.lowWaterBytes, pendingBytes <= Self.lowWaterBytes { onChange?() }
        return count
    }
}
