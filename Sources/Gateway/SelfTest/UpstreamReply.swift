import Vocabulary

/// What the upstream of a self-test answers: whole streams of the Messages API.
struct UpstreamReply {
    private var bytes: [UInt8] = []
    private var index = 0

    /// A text that ends for `reason`.
    static func text(_ text: String, reason: StopReason, id: String = "msg_selftest") -> [UInt8] {
        var reply = UpstreamReply(id)
        reply.block("{\"type\":\"text\",\"text\":\"\"}", delta: "text_delta", "text", text)
        return reply.end(reason)
    }

    /// Calls of tools, all in one message.
    static func calls(
        _ calls: [(id: String, name: String, arguments: String)], id: String = "msg_selftest"
    ) -> [UInt8] {
        var reply = UpstreamReply(id)
        for call in calls {
            let start = "{\"type\":\"tool_use\",\"id\":\"\(call.id)\",\"name\":\"\(call.name)\",\"input\":{}}"
            reply.block(start, delta: "input_json_delta", "partial_json", call.arguments)
        }
        return reply.end(.toolUse)
    }

    private init(_ id: String) {
        event(
            "message_start",
            "\"message\":{\"id\":\"\(id)\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"selftest\","
                + "\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"
                + "\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}")
    }

    private mutating func block(_ start: String, delta: String, _ key: String, _ text: String) {
        event("content_block_start", "\"index\":\(index),\"content_block\":\(start)")
        let escaped = String(decoding: JSONText(text).escaped, as: UTF8.self)
        event(
            "content_block_delta",
            "\"index\":\(index),\"delta\":{\"type\":\"\(delta)\",\"\(key)\":\"\(escaped)\"}")
        event("content_block_stop", "\"index\":\(index)")
        index += 1
    }

    private consuming func end(_ reason: StopReason) -> [UInt8] {
        event(
            "message_delta",
            "\"delta\":{\"stop_reason\":\"\(reason.rawValue)\",\"stop_sequence\":null},"
                + "\"usage\":{\"output_tokens\":1}")
        event("message_stop", nil)
        return bytes
    }

    private mutating func event(_ name: String, _ members: String?) {
        let rest = members.map { "," + $0 } ?? ""
        bytes += "event: \(name)\ndata: {\"type\":\"\(name)\"\(rest)}\n\n".utf8
    }
}
