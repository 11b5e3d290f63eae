import CNGHTTP2

/// The server's side of one HTTP/2 connection (RFC 9113): bytes in, streams and bytes out.
///
/// Framing, HPACK and flow control are nghttp2's. It does no I/O and reads no clock: the caller passes received
/// bytes and the time, and takes what is to be sent. Confined to one loop.
@safe public final class HTTP2Connection {
    /// Why a stream or connection is ended (RFC 9113 §7).
    enum ErrorCode: UInt32 {
        case none = 0, protocolError = 1, internalError = 2, streamClosed = 5, enhanceYourCalm = 11
    }

    let limits: HTTP2Limits
    let requestLimits: HTTPLimits
    /// Requests whose heads have arrived since they were last taken.
    private var arrived: [HTTP2Stream] = []
    private var streams: [Int32: HTTP2Stream] = [:]
    /// The head that is being received; HTTP/2 allows one at a time.
    private var builder: HTTP2RequestBuilder?
    private var builderStream: Int32 = 0
    private var builderFault: HTTPFault?
    private var head = HTTP2ResponseHead()
    private var session: OpaquePointer?
    private var resets: HTTP2Budget
    private var idleFrames: HTTP2Budget
    private var milliseconds = 0
    private var isTerminated = false
    private var lastStream: Int32 = 0
    /// A frame that had no place in the last output.
    private var heldFrame: [UInt8] = []
    private var resetMemory: HTTP2ResetStreams
    private var scanner = HTTP2FrameScanner()
    /// The last stream that GOAWAY let pass; frames of later ones mean nothing.
    private var lastAllowed = Int32.max

    /// How many streams either side has reset.
    public private(set) var resetStreams = 0
    /// How many streams are open.
    public var openStreams: Int { streams.count }

    /// Begins a connection; its SETTINGS are the first bytes to send. Nil when memory is short.
    public init?(limits: HTTP2Limits = HTTP2Limits(), requestLimits: HTTPLimits = HTTPLimits()) {
        self.limits = limits
        self.requestLimits = requestLimits
        resets = HTTP2Budget(allowance: limits.resetsPerTenSeconds)
        idleFrames = HTTP2Budget(allowance: limits.idleFramesPerTenSeconds)
        resetMemory = HTTP2ResetStreams(window: limits.streamWindowBytes)
        let me = unsafe Unmanaged.passUnretained(self).toOpaque()
        guard
            unsafe nghttp2_session_server_new2(
                &session, HTTP2Callbacks.shared.callbacks, me, HTTP2Callbacks.shared.options) == 0
        else { return nil }
        guard submitSettings() else { return nil }
    }

    deinit { unsafe nghttp2_session_del(session) }

    /// Takes received bytes; false when the connection is beyond saving once `collectOutput` has been sent.
    ///
    /// - Parameter milliseconds: the time on any steady clock, for the budgets.
    public func receive(_ bytes: Span<UInt8>, at milliseconds: Int) -> Bool {
        self.milliseconds = milliseconds
        var (index, passed) = (0, 0)
        while let head = scanner.next(in: bytes, from: &index) {
            guard head.type == UInt8(NGHTTP2_DATA.rawValue) else { continue }
            // Without the head's last byte nghttp2 has dealt with all that came before, and with nothing of the frame.
            guard pass(bytes.extracting(passed..<(index - 1))) else { return false }
            passed = index - 1
            let endsStream = head.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
            checkStream(head.stream, dataBytes: head.length, endsStream: endsStream)
        }
        return pass(bytes.extracting(passed..<bytes.count))
    }

    private func pass(_ bytes: Span<UInt8>) -> Bool {
        let result = unsafe bytes.withUnsafeBufferPointer { buffer in
            unsafe nghttp2_session_mem_recv(session, buffer.baseAddress, buffer.count)
        }
        return result >= 0
    }

    /// The requests that have arrived since the last call, in order.
    public func takeRequests() -> [HTTP2Stream] {
        guard !arrived.isEmpty else { return [] }
        defer { arrived.removeAll(keepingCapacity: true) }
        return arrived
    }

    /// Appends whole frames to send until the next would make `output` longer than `bytes`, or there are no more.
    public func collectOutput(into output: inout [UInt8], upTo bytes: Int) {
        output += heldFrame
        heldFrame.removeAll()
        while output.count < bytes {
            var piece: UnsafePointer<UInt8>?
            let count = unsafe nghttp2_session_mem_send(session, &piece)
            guard count > 0 else { return }
            if !output.isEmpty, output.count + count > bytes {
                unsafe heldFrame.append(contentsOf: UnsafeBufferPointer(start: piece, count: count))
                return
            }
            unsafe output.append(contentsOf: UnsafeBufferPointer(start: piece, count: count))
        }
    }

    /// True when both sides are done and the connection can be closed.
    public var isDone: Bool {
        unsafe nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0
    }

    /// Refuses every stream after those already seen.
    public func goAway() {
        let last = unsafe nghttp2_session_get_last_proc_stream_id(session)
        lastAllowed = min(lastAllowed, last)
        unsafe nghttp2_submit_goaway(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, 0, nil, 0)
    }

    /// The connection is lost: every stream still open learns of it.
    public func close() {
        for stream in streams.values { end(stream, isReset: true) }
        streams.removeAll()
    }

    // MARK: - For streams

    func submit(_ response: Response, date: [UInt8], length: Int?, hasBody: Bool, on stream: HTTP2Stream) {
        guard !stream.isClosed else { return }
        var provider = unsafe nghttp2_data_provider()
        unsafe provider.source.ptr = Unmanaged.passUnretained(stream).toOpaque()
        unsafe provider.read_callback = HTTP2Callbacks.readOutput
        unsafe head.withFields(of: response, date: date, length: length) { fields in
            if hasBody {
                unsafe _ = nghttp2_submit_response(session, stream.id, fields.baseAddress, fields.count, &provider)
            } else {
                unsafe _ = nghttp2_submit_response(session, stream.id, fields.baseAddress, fields.count, nil)
            }
        }
    }

    func submitContinue(on stream: HTTP2Stream) {
        guard !stream.isClosed else { return }
        unsafe head.withContinue { fields in
            unsafe _ = nghttp2_submit_headers(
                session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.id, nil, fields.baseAddress, fields.count, nil)
        }
    }

    func resume(_ stream: HTTP2Stream) {
        guard stream.isDeferred else { return }
        stream.isDeferred = false
        unsafe nghttp2_session_resume_data(session, stream.id)
    }

    func reset(_ stream: HTTP2Stream, _ code: ErrorCode) {
        unsafe nghttp2_submit_rst_stream(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.id, code.rawValue)
    }

    func consumed(_ count: Int, of stream: HTTP2Stream) {
        unsafe nghttp2_session_consume(session, stream.id, count)
    }

    // MARK: - From nghttp2

    /// Checks the stream of a HEADERS frame, or of a DATA frame with so many bytes, before nghttp2 does.
    ///
    /// nghttp2 ends the connection for a frame on an idle stream, and with STREAM_CLOSED for one on a stream that is half
    /// closed. It passes over frames on closed streams: a client that is in error would never learn of it, and one that
    /// counts backwards would wait for an answer that never comes.
    func checkStream(_ id: Int32, dataBytes: Int?, endsStream: Bool) {
        guard id <= lastStream else {
            guard dataBytes == nil else { return }
            resetMemory.noteOpening(id, after: lastStream)
            lastStream = id
            return
        }
        // nghttp2 judges frames on the connection itself.
        guard id > 0, id <= lastAllowed, streams[id] == nil else { return }
        switch resetMemory.judge(id, dataBytes: dataBytes, endsStream: endsStream) {
        case .discard:
            if dataBytes == 0 { noteIdleFrame() }
        case .resetAgain:
            unsafe nghttp2_submit_rst_stream(
                session, UInt8(NGHTTP2_FLAG_NONE.rawValue), id, ErrorCode.streamClosed.rawValue)
        case .end(let code): terminate(code)
        }
    }

    func beginHead(_ id: Int32) {
        idleFrames.refill()
        builder = HTTP2RequestBuilder(limits: requestLimits)
        builderStream = id
        builderFault = nil
    }

    func addField(_ id: Int32, name: Span<UInt8>, value: Span<UInt8>) {
        guard builderStream == id, builderFault == nil else { return }
        do throws(HTTPFault) {
            try builder?.add(name: name, value: value)
        } catch {
            builderFault = error
        }
    }

    func endHead(_ id: Int32, endsStream: Bool) {
        guard builderStream == id, let builder = builder.take() else {
            if let open = streams[id], endsStream { endBody(of: open) }  // trailers
            return
        }
        let head: Result<Request, HTTPFault>
        do throws(HTTPFault) {
            if let builderFault { throw builderFault }
            head = .success(try builder.finish(endsStream: endsStream))
        } catch {
            head = .failure(error)
        }
        let fresh = HTTP2Stream(id: id, head: head, endsStream: endsStream, of: self)
        streams[id] = fresh
        arrived.append(fresh)
    }

    func receiveBody(_ id: Int32, _ bytes: Span<UInt8>) {
        idleFrames.refill()
        guard let stream = streams[id] else {
            unsafe nghttp2_session_consume(session, id, bytes.count)
            return
        }
        guard stream.isFinished else {
            stream.received.append(span: bytes)
            stream.onChange?()
            return
        }
        // Answered early: a client that writes its whole body before it reads would otherwise wait for ever.
        consumed(bytes.count, of: stream)
        stream.discarded += bytes.count
        if stream.discarded > limits.discardedBodyBytes { reset(stream, .none) }
    }

    func endBody(_ id: Int32) {
        if let stream = streams[id] { endBody(of: stream) }
    }

    func closeStream(_ id: Int32, code: UInt32) {
        if builderStream == id { builder = nil }
        guard let stream = streams.removeValue(forKey: id) else { return }
        // Else the connection's window would shrink by what nobody has read.
        unsafe nghttp2_session_consume_connection(session, stream.received.count)
        stream.received = []
        end(stream, isReset: code != ErrorCode.none.rawValue)
    }

    /// Counts a frame that carries neither request nor body.
    func noteIdleFrame() {
        if !idleFrames.spend(at: milliseconds) { terminate() }
    }

    /// The client has reset a stream.
    func noteReset(byClientOn id: Int32) {
        resetMemory.noteReset(byClientOn: id)
        countReset()
    }

    /// A stream of ours has been reset.
    func noteReset(byServerOn id: Int32) {
        noteRefusal(of: id)
        countReset()
    }

    /// A stream is to be reset: what the client has sent by then may still come.
    func noteRefusal(of id: Int32) {
        guard streams[id]?.hasEndedBody != true else { return }
        resetMemory.noteReset(byServerOn: id)
    }

    private func countReset() {
        resetStreams += 1
        if !resets.spend(at: milliseconds) { terminate() }
    }

    /// Answer bytes were sent: what the peer says meanwhile is part of useful work.
    func noteProgress() { idleFrames.refill() }

    private func endBody(of stream: HTTP2Stream) {
        stream.hasEndedBody = true
        stream.onChange?()
    }

    private func end(_ stream: HTTP2Stream, isReset: Bool) {
        stream.isClosed = true
        stream.isReset = isReset
        stream.connection = nil
        stream.onChange?()
    }

    private func terminate(_ code: ErrorCode = .enhanceYourCalm) {
        guard !isTerminated else { return }
        isTerminated = true
        unsafe nghttp2_session_terminate_session(session, code.rawValue)
    }

    private func submitSettings() -> Bool {
        func entry(_ id: nghttp2_settings_id, _ value: Int) -> nghttp2_settings_entry {
            nghttp2_settings_entry(settings_id: Int32(id.rawValue), value: UInt32(clamping: value))
        }
        let settings = [
            entry(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.concurrentStreams),
            entry(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.streamWindowBytes),
            entry(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, requestLimits.headBytes),
        ]
        let flags = UInt8(NGHTTP2_FLAG_NONE.rawValue)
        guard unsafe nghttp2_submit_settings(session, flags, settings, settings.count) == 0 else { return false }
        return unsafe nghttp2_session_set_local_window_size(
            session, flags, 0, Int32(clamping: limits.connectionWindowBytes)) == 0
    }
}
