/// The streams that a reset has closed, and what may still come for them (RFC 9113 §5.1).
///
/// A stream that both sides ended needs no entry: nothing but WINDOW_UPDATE, RST_STREAM and PRIORITY may follow. Holds the
/// newest `capacity` streams, which is more than the budget of resets lets either side end in ten seconds.
struct HTTP2ResetStreams {
    /// What a frame on a closed stream calls for.
    enum Verdict: Equatable {
        /// The client may have sent it before it heard of the reset: it is read and thrown away.
        case discard
        /// STREAM_CLOSED for the stream.
        case resetAgain
        /// An error of the connection.
        case end(HTTP2Connection.ErrorCode)
    }

    private enum Ending {
        case byClient
        /// By us; so many bytes of body the client may have sent before it heard of it, and whether it may still end.
        case byServer(bytesInFlight: Int, mayEnd: Bool)
    }

    private let window: Int
    private var endings: [(id: Int32, ending: Ending)] = []
    /// Numbers that the client has passed over, which closed them (RFC 9113 §5.1.1).
    private var skipped: [ClosedRange<Int32>] = []

    private static let capacity = 128
    private static let skippedCapacity = 16

    /// - Parameter window: the largest window a stream can have.
    init(window: Int) { self.window = window }

    /// The client has reset a stream.
    mutating func noteReset(byClientOn id: Int32) { remember(id, .byClient) }

    /// The server resets a stream whose body has not ended.
    mutating func noteReset(byServerOn id: Int32) {
        guard !endings.contains(where: { $0.id == id }) else { return }
        remember(id, .byServer(bytesInFlight: window, mayEnd: true))
    }

    /// The client opens a stream with this number after one with that.
    mutating func noteOpening(_ id: Int32, after last: Int32) {
        // nghttp2 judges numbers that are no client's.
        guard id > last + 2 else { return }
        if skipped.count == Self.skippedCapacity { skipped.removeFirst() }
        skipped.append((last + 1)...(id - 1))
    }

    /// Judges a HEADERS frame, or a DATA frame with so many bytes, on a stream that is closed.
    mutating func judge(_ id: Int32, dataBytes: Int?, endsStream: Bool) -> Verdict {
        if skipped.contains(where: { $0.contains(id) }) { return .end(.protocolError) }
        guard let index = endings.lastIndex(where: { $0.id == id }) else { return .end(.streamClosed) }
        switch endings[index].ending {
        case .byClient: return .resetAgain
        case .byServer(let bytesInFlight, let mayEnd):
            // Trailers end their stream, whatever its state (RFC 9113 §8.1).
            guard dataBytes != nil || endsStream else { return .end(.protocolError) }
            // The window did not open again after the reset, and after its end or its trailers a body has no more.
            let left = bytesInFlight - (dataBytes ?? 0)
            guard mayEnd, left >= 0 else { return .end(.streamClosed) }
            let goesOn = dataBytes != nil && !endsStream
            endings[index].ending = .byServer(bytesInFlight: left, mayEnd: goesOn)
            return .discard
        }
    }

    private mutating func remember(_ id: Int32, _ ending: Ending) {
        if endings.count == Self.capacity { endings.removeFirst() }
        endings.append((id, ending))
    }
}
