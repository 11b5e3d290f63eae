import CNGHTTP2

/// What nghttp2 calls back, and the options of every session. One for the process, never changed.
@safe final class HTTP2Callbacks: @unchecked Sendable {
    // `@unchecked Sendable`: filled in `init` and only read by nghttp2 afterwards.
    static let shared = HTTP2Callbacks()

    private(set) var callbacks: OpaquePointer?
    private(set) var options: OpaquePointer?

    private init() {
        unsafe nghttp2_session_callbacks_new(&callbacks)
        unsafe nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Self.beginHeaders)
        unsafe nghttp2_session_callbacks_set_on_header_callback(callbacks, Self.header)
        unsafe nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, Self.beginFrame)
        unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Self.frameReceived)
        unsafe nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, Self.invalidFrame)
        unsafe nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, Self.frameSent)
        unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Self.dataReceived)
        unsafe nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Self.streamClosed)
        unsafe nghttp2_option_new(&options)
        // Windows open only as bodies are consumed: back pressure reaches the client.
        unsafe nghttp2_option_set_no_auto_window_update(options, 1)
        unsafe nghttp2_option_set_no_closed_streams(options, 1)
        unsafe nghttp2_option_set_max_outbound_ack(options, 100)
        unsafe nghttp2_option_set_max_settings(options, 32)
    }

    deinit {
        unsafe nghttp2_session_callbacks_del(callbacks)
        unsafe nghttp2_option_del(options)
    }

    private static func connection(_ context: UnsafeMutableRawPointer?) -> HTTP2Connection? {
        guard let context = unsafe context else { return nil }
        return unsafe Unmanaged<HTTP2Connection>.fromOpaque(context).takeUnretainedValue()
    }

    private static func isRequest(_ header: nghttp2_frame_hd) -> Bool {
        header.type == UInt8(NGHTTP2_HEADERS.rawValue)
    }

    private static func endsStream(_ header: nghttp2_frame_hd) -> Bool {
        header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
    }

    private static let beginHeaders: nghttp2_on_begin_headers_callback = { _, frame, context in
        guard let frame = unsafe frame else { return 0 }
        let isNew = unsafe frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST
        if isNew { unsafe connection(context)?.beginHead(frame.pointee.hd.stream_id) }
        return 0
    }

    private static let header: nghttp2_on_header_callback = { _, frame, name, nameCount, value, valueCount, _, context in
        guard let frame = unsafe frame, let connection = unsafe connection(context) else { return 0 }
        let name = unsafe UnsafeBufferPointer(start: name, count: nameCount)
        let value = unsafe UnsafeBufferPointer(start: value, count: valueCount)
        unsafe connection.addField(frame.pointee.hd.stream_id, name: name.span, value: value.span)
        return 0
    }

    private static let beginFrame: nghttp2_on_begin_frame_callback = { _, header, context in
        guard let header = unsafe header?.pointee, let connection = unsafe connection(context) else { return 0 }
        let isData = header.type == UInt8(NGHTTP2_DATA.rawValue)
        if isRequest(header) {
            connection.checkStream(header.stream_id, dataBytes: nil, endsStream: endsStream(header))
        } else if !(isData && header.length > 0) {
            connection.noteIdleFrame()
        }
        return 0
    }

    private static let frameReceived: nghttp2_on_frame_recv_callback = { _, frame, context in
        guard let header = unsafe frame?.pointee.hd, let connection = unsafe connection(context) else { return 0 }
        if isRequest(header) {
            connection.endHead(header.stream_id, endsStream: endsStream(header))
        } else if header.type == UInt8(NGHTTP2_DATA.rawValue), endsStream(header) {
            connection.endBody(header.stream_id)
        } else if header.type == UInt8(NGHTTP2_RST_STREAM.rawValue) {
            connection.noteReset(byClientOn: header.stream_id)
        }
        return 0
    }

    /// nghttp2 will reset the stream of a head that it cannot take, and may never have opened it.
    private static let invalidFrame: nghttp2_on_invalid_frame_recv_callback = { _, frame, _, context in
        guard let header = unsafe frame?.pointee.hd, isRequest(header) else { return 0 }
        unsafe connection(context)?.noteRefusal(of: header.stream_id)
        return 0
    }

    private static let frameSent: nghttp2_on_frame_send_callback = { _, frame, context in
        guard let header = unsafe frame?.pointee.hd, let connection = unsafe connection(context) else { return 0 }
        if header.type == UInt8(NGHTTP2_RST_STREAM.rawValue) {
            connection.noteReset(byServerOn: header.stream_id)
        } else if header.type == UInt8(NGHTTP2_DATA.rawValue) || isRequest(header) {
            connection.noteProgress()
        }
        return 0
    }

    private static let dataReceived: nghttp2_on_data_chunk_recv_callback = { _, _, id, bytes, count, context in
        let bytes = unsafe UnsafeBufferPointer(start: bytes, count: count)
        unsafe connection(context)?.receiveBody(id, bytes.span)
        return 0
    }

    private static let streamClosed: nghttp2_on_stream_close_callback = { _, id, code, context in
        unsafe connection(context)?.closeStream(id, code: code)
        return 0
    }

    /// Fills a DATA frame; puts the stream to rest when it has nothing to send yet.
    static let readOutput: nghttp2_data_source_read_callback = { _, _, buffer, length, flags, source, _ in
        guard let held = unsafe source?.pointee.ptr, let buffer = unsafe buffer, let flags = unsafe flags else {
            return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
        }
        let stream = unsafe Unmanaged<HTTP2Stream>.fromOpaque(held).takeUnretainedValue()
        if stream.pendingBytes == 0, !stream.isFinished {
            stream.isDeferred = true
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        }
        let count = unsafe stream.moveOutput(to: UnsafeMutableRawBufferPointer(start: buffer, count: length))
        if stream.pendingBytes == 0, stream.isFinished {
            unsafe flags.pointee |= UInt32(NGHTTP2_DATA_FLAG_EOF.rawValue)
        }
        return count
    }
}
