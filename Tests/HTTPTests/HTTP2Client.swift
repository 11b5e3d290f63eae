import CNGHTTP2
import Testing

/// What a client has received on one stream.
final class Answer {
    var status: [Int] = []
    var fields: [String: String] = [:]
    var body: [UInt8] = []
    /// The code that the stream was closed with.
    var code: UInt32?
    fileprivate var outgoing: [UInt8] = []
    fileprivate var hasMore = false
}

/// nghttp2 as a client, bytes in and bytes out.
@safe final class HTTP2Client {
    private var session: OpaquePointer?
    private(set) var answers: [Int32: Answer] = [:]
    private(set) var goAways: [(last: Int32, code: UInt32)] = []
    private(set) var pongs = 0

    /// - Parameter isPatient: received bytes open no window until `consume`.
    init(isPatient: Bool = false) throws {
        var callbacks: OpaquePointer?
        unsafe nghttp2_session_callbacks_new(&callbacks)
        defer { unsafe nghttp2_session_callbacks_del(callbacks) }
        unsafe nghttp2_session_callbacks_set_on_header_callback(callbacks, Self.header)
        unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Self.data)
        unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Self.frame)
        unsafe nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Self.close)
        var option: OpaquePointer?
        unsafe nghttp2_option_new(&option)
        defer { unsafe nghttp2_option_del(option) }
        unsafe nghttp2_option_set_no_auto_window_update(option, isPatient ? 1 : 0)
        let me = unsafe Unmanaged.passUnretained(self).toOpaque()
        let made = unsafe nghttp2_session_client_new2(&session, callbacks, me, option)
        try #require(made == 0)
        unsafe nghttp2_submit_settings(session, 0, nil, 0)
    }

    deinit { unsafe nghttp2_session_del(session) }

    // MARK: - Sending

    /// Sends a request; `isOpen` leaves its body without an end.
    @discardableResult
    func request(
        _ method: String = "GET", _ path: String = "/", _ fields: [(String, String)] = [], body: [UInt8] = [],
        isOpen: Bool = false
    ) throws -> Int32 {
        let pseudo = [(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path)]
        var bytes: [UInt8] = []
        let ranges = (pseudo + fields).map { name, value in
            let start = bytes.count
            bytes += Array(name.utf8) + Array(value.utf8)
            return (start, name.utf8.count, value.utf8.count)
        }
        let answer = Answer()
        (answer.outgoing, answer.hasMore) = (body, isOpen)
        var provider = unsafe nghttp2_data_provider()
        unsafe provider.source.ptr = Unmanaged.passUnretained(answer).toOpaque()
        unsafe provider.read_callback = Self.read
        let hasBody = !body.isEmpty || isOpen
        let id = unsafe bytes.withUnsafeMutableBufferPointer { buffer -> Int32 in
            guard let base = buffer.baseAddress else { return -1 }
            let list = unsafe ranges.map { start, name, value in
                unsafe nghttp2_nv(
                    name: base + start, value: base + start + name, namelen: name, valuelen: value, flags: 0)
            }
            if hasBody { return unsafe nghttp2_submit_request(session, nil, list, list.count, &provider, nil) }
            return unsafe nghttp2_submit_request(session, nil, list, list.count, nil, nil)
        }
        try #require(id > 0)
        answers[id] = answer
        return id
    }

    /// Adds to a body that was left open.
    func send(_ bytes: [UInt8], on id: Int32, isLast: Bool = false) {
        answers[id]?.outgoing += bytes
        if isLast { answers[id]?.hasMore = false }
        unsafe nghttp2_session_resume_data(session, id)
    }

    func reset(_ id: Int32) { unsafe nghttp2_submit_rst_stream(session, 0, id, 8) }
    func ping() { unsafe nghttp2_submit_ping(session, 0, nil) }

    /// Opens the windows for so many bytes that were received.
    func consume(_ count: Int, on id: Int32) { unsafe nghttp2_session_consume(session, id, count) }

    // MARK: - Bytes

    func receive(_ bytes: [UInt8]) {
        let taken = unsafe nghttp2_session_mem_recv(session, bytes, bytes.count)
        #expect(taken == bytes.count)
    }

    func output() -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            var piece: UnsafePointer<UInt8>?
            let count = unsafe nghttp2_session_mem_send(session, &piece)
            guard count > 0 else { return bytes }
            unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: piece, count: count))
        }
    }

    // MARK: - Callbacks

    private static func me(_ context: UnsafeMutableRawPointer?) -> HTTP2Client? {
        unsafe context.map { unsafe Unmanaged<HTTP2Client>.fromOpaque($0).takeUnretainedValue() }
    }

    private static let header: nghttp2_on_header_callback = { _, frame, name, nameCount, value, valueCount, _, context in
        guard let id = unsafe frame?.pointee.hd.stream_id, let answer = unsafe me(context)?.answers[id] else { return 0 }
        let name = unsafe String(decoding: UnsafeBufferPointer(start: name, count: nameCount), as: UTF8.self)
        let value = unsafe String(decoding: UnsafeBufferPointer(start: value, count: valueCount), as: UTF8.self)
        if name == ":status" { answer.status.append(Int(value) ?? 0) } else { answer.fields[name] = value }
        return 0
    }

    private static let data: nghttp2_on_data_chunk_recv_callback = { _, _, id, bytes, count, context in
        unsafe me(context)?.answers[id]?.body.append(contentsOf: UnsafeBufferPointer(start: bytes, count: count))
        return 0
    }

    private static let frame: nghttp2_on_frame_recv_callback = { _, frame, context in
        guard let frame = unsafe frame?.pointee, let me = unsafe me(context) else { return 0 }
        switch unsafe UInt32(frame.hd.type) {
        case NGHTTP2_GOAWAY.rawValue:
            unsafe me.goAways.append((frame.goaway.last_stream_id, frame.goaway.error_code))
        case NGHTTP2_PING.rawValue: me.pongs += 1
        default: break
        }
        return 0
    }

    private static let close: nghttp2_on_stream_close_callback = { _, id, code, context in
        unsafe me(context)?.answers[id]?.code = code
        return 0
    }

    private static let read: nghttp2_data_source_read_callback = { _, _, buffer, length, flags, source, _ in
        guard let held = unsafe source?.pointee.ptr, let buffer = unsafe buffer, let flags = unsafe flags else { return -1 }
        let answer = unsafe Unmanaged<Answer>.fromOpaque(held).takeUnretainedValue()
        let count = min(length, answer.outgoing.count)
        if count == 0, answer.hasMore { return Int(NGHTTP2_ERR_DEFERRED.rawValue) }
        for index in 0..<count { unsafe buffer[index] = answer.outgoing[index] }
        answer.outgoing.removeFirst(count)
        if answer.outgoing.isEmpty, !answer.hasMore {
            unsafe flags.pointee |= UInt32(NGHTTP2_DATA_FLAG_EOF.rawValue)
        }
        return count
    }
}
