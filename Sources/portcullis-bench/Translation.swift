import CAllocations
import ClaudeCLI
import Dialects
import Glibc
import Vocabulary

/// What it costs to turn one delta of the CLI into one event of each dialect, in CPU time and allocations.
///
/// An answer has about 1,000 deltas of 128 bytes, which is long: the Responses dialect keeps its text for the closing events.
func measureTranslation(answers: Int) throws(BenchFault) {
    let delta = deltaLine
    // As many lines as one read of the pipe brings.
    let perRead = 65_536 / delta.count
    let reads = 1_000 / perRead
    let block = Array(repeatElement(delta, count: perRead).joined())
    for dialect in Dialect.allCases {
        var (seconds, allocations, written) = (0.0, 0 as UInt, 0)
        var buffer: [UInt8] = []
        for _ in 0..<answers {
            var answer = Translation(to: dialect)
            try answer.feed(opening, into: &buffer)
            let (began, allocated) = (cpuSeconds(), portcullis_allocation_count())
            for _ in 0..<reads {
                try answer.feed(block, into: &buffer)
                written += buffer.count
                buffer.removeAll(keepingCapacity: true)
            }
            seconds += cpuSeconds() - began
            allocations += portcullis_allocation_count() - allocated
        }
        let events = answers * reads * perRead
        guard written > events * 100 else { throw BenchFault(message: "nothing was translated") }
        report("translate-\(dialect)-cpu", seconds / Double(events) * 1e6, "us/event")
        report("translate-\(dialect)-allocations", Double(allocations) / Double(answers), "per answer")
    }
    report("translate-line", Double(delta.count), "bytes")
}

/// One answer on its way from the CLI's lines to a dialect's events.
private struct Translation: ~Copyable {
    private var output = RecordedOutput(limits: CLILimits())
    private var stream: ReplyStream

    init(to dialect: Dialect) {
        var conversation = Conversation(model: "claude-sonnet-5-5")
        conversation.turns = [Turn(.user, [.text("Hi")])]
        let identity = ReplyIdentity(requestID: "req_1", suffix: "0123456789", created: 1_700_000_000)
        stream = ReplyStream(dialect: dialect, conversation: conversation, identity: identity)
    }

    mutating func feed(_ bytes: [UInt8], into buffer: inout [UInt8]) throws(BenchFault) {
        do throws(Fault) {
            try output.take(bytes.span) { stream.encode($0, of: $1, into: &buffer) }
        } catch {
            throw BenchFault(message: error.message)
        }
    }
}

/// What it costs to decode a Messages request with one base64 image of about `megabytes`.
func measureDecoding(megabytes: Int) throws(BenchFault) {
    let image = String(repeating: "QUJDREVGR0hJSktMTU5PUFFS", count: megabytes * 1_000_000 / 24)
    let body = Array(
        """
        {"model":"sonnet","max_tokens":100,"messages":[{"role":"user","content":[{"type":"image","source":\
        {"type":"base64","media_type":"image/png","data":"\(image)"}},{"type":"text","text":"What is it?"}]}]}
        """.utf8)
    var times: [Double] = []
    for _ in 0..<20 {
        let began = cpuSeconds()
        do throws(Refusal) {
            let plan = try TurnPlan(answering: Dialect.anthropic.decode(body), model: "sonnet")
            withExtendedLifetime(plan) {}
        } catch {
            throw BenchFault(message: error.message)
        }
        times.append(cpuSeconds() - began)
    }
    report("decode-\(megabytes)MB", times.sorted()[times.count / 2] * 1e3, "ms")
}

private let opening =
    messageStart + line("content_block_start", "\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")

private let deltaLine = line(
    "content_block_delta",
    "\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"" + "the quick brown fox jumps over a lazy dog; "
        + "and \\\"so on\\\" it goes, word by word, until the line is as long as they are\"}")

private let messageStart = line(
    "message_start",
    """
    "message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-5-5","content":[],\
    "stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1}}
    """)

/// A line as the CLI prints them.
private func line(_ type: String, _ members: String) -> [UInt8] {
    Array(
        """
        {"type":"stream_event","event":{"type":"\(type)",\(members)},\
        "session_id":"7f1b8f0e-5d2a-4a0e-9d0b-0c9a2f6f3f10","parent_tool_use_id":null,\
        "uuid":"0d7d3bb5-40bb-4a1b-8a08-2d7b3a4d6a52","api_message_id":"msg_01ABCDEFGHIJKLMNOPQRSTUV"}

        """.utf8)
}

/// CPU time of this process so far, in seconds.
private func cpuSeconds() -> Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
