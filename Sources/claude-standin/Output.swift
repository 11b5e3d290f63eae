import Glibc

/// The values that the templates are filled with.
struct TurnState {
    var model: [UInt8]
    /// Escaped as in JSON.
    var text: [UInt8] = []
    var stopReason = "end_turn"
    var terminalReason = "completed"
    var call = Call()
    /// The name of the hook that is asked.
    var hook: [UInt8] = []
    /// The names of the tools there are, quoted and with commas between.
    var tools: [UInt8] = []
    var usage = (input: 25, created: 0, read: 0)
    var deltas = 0
    var messages = 0
    /// How many messages earlier turns had.
    var messagesBefore = 0
    var resultIndex = 0
    var commandUUID: [UInt8] = []
    var requestID: [UInt8] = []
    var failure = Failure(0)
    var resetsAt = Int(time(nil)) + 3_600
    private let processID = Int(getpid())
    private var serial = 0

    init(model: String) { self.model = TurnState.resolve(model) }

    /// The full name of a model alias, and any other name as it is.
    static func resolve(_ model: String) -> [UInt8] {
        switch model {
        case "sonnet", "default", "opusplan", "sonnet[1m]": Array("claude-sonnet-5-5".utf8)
        case "opus", "best": Array("claude-opus-5-5".utf8)
        case "haiku": Array("claude-haiku-5-5".utf8)
        case "fable": Array("claude-fable-5-2".utf8)
        default: Array(model.utf8)
        }
    }

    /// Appends the value a letter stands for.
    mutating func append(_ letter: UInt8, to bytes: inout [UInt8]) {
        switch letter {
        case UInt8(ascii: "g"): Output.render(Template.eventTail, &self, to: &bytes)
        case UInt8(ascii: "A"): Output.render(Template.resultAccount, &self, to: &bytes)
        case UInt8(ascii: "N"): Output.render(Template.noUsage, &self, to: &bytes)
        case UInt8(ascii: "U"): Output.render(Template.modelUsage, &self, to: &bytes)
        case UInt8(ascii: "s"): appendUUID(0, to: &bytes)
        case UInt8(ascii: "u"):
            serial += 1
            appendUUID(serial, to: &bytes)
        case UInt8(ascii: "m"): bytes.append(contentsOf: model)
        case UInt8(ascii: "t"): bytes.append(contentsOf: text)
        case UInt8(ascii: "c"): bytes.append(contentsOf: commandUUID)
        case UInt8(ascii: "v"), UInt8(ascii: "V"):
            guard !commandUUID.isEmpty else { return }
            let name = String(decoding: commandUUID, as: UTF8.self)
            if letter == UInt8(ascii: "V") {
                bytes.append(contentsOf: ",\"user_message_uuid\":\"\(name)\"".utf8)
            }
            bytes.append(contentsOf: ",\"user_message_uuids\":[\"\(name)\"]".utf8)
        case UInt8(ascii: "Q"): bytes.append(contentsOf: requestID)
        case UInt8(ascii: "i"): bytes.append(contentsOf: "msg_standin\(messages)".utf8)
        case UInt8(ascii: "a"): bytes.append(contentsOf: call.id(messages).utf8)
        case UInt8(ascii: "f"): bytes.append(contentsOf: call.name)
        case UInt8(ascii: "j"): bytes.append(contentsOf: call.input)
        case UInt8(ascii: "S"): bytes.append(contentsOf: call.server.utf8)
        case UInt8(ascii: "H"): bytes.append(contentsOf: hook)
        case UInt8(ascii: "l"): bytes.append(contentsOf: tools)
        case UInt8(ascii: "E"): bytes.append(contentsOf: terminalReason.utf8)
        case UInt8(ascii: "r"): bytes.append(contentsOf: stopReason.utf8)
        case UInt8(ascii: "q"):
            bytes.append(contentsOf: (stopReason == "stop_sequence" ? "\"STOP\"" : "null").utf8)
        case UInt8(ascii: "w"): appendTime(to: &bytes)
        case UInt8(ascii: "e"): bytes.append(contentsOf: failure.error.utf8)
        case UInt8(ascii: "h"): bytes.append(contentsOf: failure.status.utf8)
        case UInt8(ascii: "k"): bytes.append(contentsOf: failure.resultFields.utf8)
        case UInt8(ascii: "K"): bytes.append(contentsOf: failure.assistantFields.utf8)
        case UInt8(ascii: "T"): bytes.append(contentsOf: failure.terminalReason.utf8)
        default: bytes.append(contentsOf: String(number(letter)).utf8)
        }
    }

    private func number(_ letter: UInt8) -> Int {
        switch letter {
        case UInt8(ascii: "I"): usage.input
        case UInt8(ascii: "C"): usage.created
        case UInt8(ascii: "R"): usage.read
        case UInt8(ascii: "n"): deltas
        case UInt8(ascii: "b"): call.index
        case UInt8(ascii: "M"): messages - messagesBefore
        case UInt8(ascii: "x"): resultIndex
        case UInt8(ascii: "z"): resetsAt
        case UInt8(ascii: "Z"): resetsAt + 255_600
        default: processID
        }
    }

    /// Puts the next serial number into a line that is used again; `offset` is where its UUID begins.
    mutating func patchSerial(in line: inout [UInt8], at offset: Int) {
        serial += 1
        for digit in 0..<12 { line[offset + 24 + digit] = TurnState.hex(serial >> (4 * (11 - digit))) }
    }

    /// A UUID that is unique within this process; number 0 names the session.
    private func appendUUID(_ number: Int, to bytes: inout [UInt8]) {
        for shift in (0..<8).reversed() { bytes.append(TurnState.hex(processID >> (4 * shift))) }
        bytes.append(contentsOf: "-0000-4000-8000-".utf8)
        for shift in (0..<12).reversed() { bytes.append(TurnState.hex(number >> (4 * shift))) }
    }

    private static func hex(_ value: Int) -> UInt8 {
        let digit = UInt8(value & 15)
        return digit + (digit < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10)
    }

    private func appendTime(to bytes: inout [UInt8]) {
        var now = time(nil)
        var parts = unsafe tm()
        _ = unsafe gmtime_r(&now, &parts)
        let text = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { buffer in
            let count = unsafe strftime(buffer.baseAddress, 32, "%Y-%m-%dT%H:%M:%S.000Z", &parts)
            return unsafe buffer[..<count].map { UInt8(bitPattern: $0) }
        }
        bytes.append(contentsOf: text)
    }
}

/// Bytes on their way to a descriptor; whoever ends a line says when it leaves.
struct Output {
    private var bytes: [UInt8] = []
    private let descriptor: Int32

    init(descriptor: Int32 = 1) {
        self.descriptor = descriptor
        bytes.reserveCapacity(4_096)
    }

    var count: Int { bytes.count }

    mutating func append(_ text: StaticString) {
        unsafe bytes.append(
            contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func append(bytes more: [UInt8]) { bytes.append(contentsOf: more) }

    /// Appends one line of the protocol.
    mutating func line(_ template: StaticString, _ state: inout TurnState) {
        Output.render(template, &state, to: &bytes)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// Writes everything out; a reader that is gone ends the process, as it ends the real one.
    mutating func flush() {
        var start = 0
        while start < bytes.count {
            let wrote = unsafe bytes.withUnsafeBytes { buffer in
                unsafe write(descriptor, buffer.baseAddress.map { unsafe $0 + start }, buffer.count - start)
            }
            if wrote < 0 && errno == EINTR { continue }
            if wrote < 0 { exit(1) }
            start += wrote
        }
        bytes.removeAll(keepingCapacity: true)
    }

    /// Fills a template in.
    static func render(_ template: StaticString, _ state: inout TurnState, to bytes: inout [UInt8]) {
        let text = unsafe UnsafeBufferPointer(start: template.utf8Start, count: template.utf8CodeUnitCount)
        var start = 0
        while let mark = unsafe text[start...].firstIndex(of: UInt8(ascii: "$")) {
            unsafe bytes.append(contentsOf: text[start..<mark])
            state.append(unsafe text[mark + 1], to: &bytes)
            start = mark + 2
        }
        unsafe bytes.append(contentsOf: text[start...])
    }
}

/// How the real program words an upstream failure.
struct Failure {
    let status: String
    let error: String
    let kind: String
    let text: String
    let isUsageLimit: Bool

    /// The failure for an HTTP status; 0 is a missing login, 1 a used-up quota.
    init(_ code: Int) {
        isUsageLimit = code == 1
        status = code == 0 ? "null" : code == 1 ? "429" : String(code)
        let detail = "This is a server-side issue, usually temporary \u{2014} try again in a moment."
        (error, kind, text) =
            switch code {
            case 0: ("authentication_failed", "", "Not logged in \u{B7} Please run /login")
            case 1: ("rate_limit", "rate_limit_error", "You've hit your 5-hour limit \u{B7} resets soon")
            case 400: ("unknown", "invalid_request_error", "API Error: 400 error")
            case 401:
                ("authentication_failed", "authentication_error",
                    "Failed to authenticate. API Error: 401 OAuth token has expired.")
            case 403:
                ("authentication_failed", "permission_error",
                    "Failed to authenticate. API Error: 403 OAuth token does not meet scope requirement")
            case 404:
                ("model_not_found", "not_found_error",
                    "There's an issue with the selected model. It may not exist or you may not have access.")
            case 413: ("invalid_request", "request_too_large", "Request too large (max 32MB).")
            case 429:
                ("rate_limit", "rate_limit_error",
                    "API Error: Server is temporarily limiting requests (not your usage limit)")
            case 529: ("server_error", "overloaded_error", "API Error: 529 Overloaded. \(detail)")
            default: ("server_error", "api_error", "API Error: \(code) Internal server error. \(detail)")
            }
    }

    var terminalReason: String { status == "413" ? "image_error" : "api_error" }

    /// What the synthetic assistant row says after `error`.
    var assistantFields: String {
        guard !kind.isEmpty else { return ",\"is_api_error_message\":true" }
        let limit = isUsageLimit ? ",\"api_error\":\"usage_limit_reached\"" : ""
        return ",\"request_id\":\"req_standin\",\"is_api_error_message\":true,\"api_error_status\":\(status)"
            + "\(limit),\"api_error_type\":\"\(kind)\""
    }

    /// What the result says after `api_error_status`.
    var resultFields: String {
        guard !kind.isEmpty else { return "" }
        let limit = isUsageLimit ? ",\"api_error\":\"usage_limit_reached\"" : ""
        return ",\"api_error_type\":\"\(kind)\"\(limit)"
    }
}
