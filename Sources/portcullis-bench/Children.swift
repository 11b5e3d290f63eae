import Glibc

/// The rows that the gateway writes for a request with one user message.
private func rows(_ text: String) -> [UInt8] {
    Array(
        """
        {"type":"control_request","request_id":"r1","request":{"subtype":"initialize","systemPrompt":[]}}
        {"type":"control_request","request_id":"r2","request":{"subtype":"apply_flag_settings","settings":\
        {"model":"sonnet"}}}
        {"type":"user","message":{"role":"user","content":[{"type":"text","text":"\(text)"}]},\
        "client_composed":true}

        """.utf8)
}

/// The flags that the gateway gives a `claude`; a stand-in reads past them.
private let flags = [
    "--print", "--verbose", "--input-format", "stream-json", "--output-format", "stream-json",
    "--include-partial-messages", "--tools", "", "--setting-sources", "", "--strict-mcp-config",
    "--no-session-persistence", "--disable-slash-commands", "--permission-mode", "dontAsk",
]

/// How many bare turns a second this core can do: the most that a process per request could reach.
func measureSpawn(standin: String, count: Int, text: String) throws(BenchFault) {
    let rows = rows(text)
    for _ in 0..<min(count, 20) { try bareTurn(standin, rows) }
    let start = now()
    for _ in 0..<count { try bareTurn(standin, rows) }
    report("turns", Double(count) / (now() - start), "1/s")
}

/// One turn without a gateway; returns the seconds from before the spawn to the first `stream_event`.
@discardableResult
private func bareTurn(_ standin: String, _ rows: [UInt8]) throws(BenchFault) -> Double {
    let start = now()
    let child = try Child([standin] + flags, input: true, output: true)
    child.write(rows)
    close(child.input)
    var seen: [UInt8] = []
    var first: Double?
    while let more = readSome(child.output) {
        if first == nil {
            seen += more
            if seen.find("\"stream_event\"") != nil { first = now() - start }
        }
    }
    close(child.output)
    guard child.wait() == 0, let first else { throw BenchFault(message: "\(standin) gave no answer") }
    return first
}

/// The gateway's share in the time to the first byte: the same turn with and without it, alternating.
func measureFirstByte(standin: String, port: Int, key: String, count: Int) throws(BenchFault) {
    let text = "standin:words 5"
    let body = """
        {"model":"sonnet","stream":true,"messages":[{"role":"user","content":"\(text)"}]}
        """
    let request = Array(
        """
        POST /v1/chat/completions HTTP/1.1\r
        Host: localhost\r
        Authorization: Bearer \(key)\r
        Content-Type: application/json\r
        Content-Length: \(body.utf8.count)\r
        \r
        \(body)
        """.utf8)
    let client = try TLSClient(port: port, context: try TLSClientContext())
    let rows = rows(text)
    var bare: [Double] = []
    var through: [Double] = []
    for turn in 0..<count + 10 {
        let direct = try bareTurn(standin, rows)
        let gateway = try streamedTurn(client, request)
        guard turn >= 10 else { continue }
        bare.append(direct)
        through.append(gateway)
    }
    for (share, name) in [(0.5, "p50"), (0.99, "p99")] {
        report("bare_\(name)", bare.quantile(share) * 1e3, "ms")
        report("gateway_\(name)", through.quantile(share) * 1e3, "ms")
        report("added_\(name)", (through.quantile(share) - bare.quantile(share)) * 1e3, "ms")
    }
}

/// One streamed answer; returns the seconds to its first event.
private func streamedTurn(_ client: TLSClient, _ request: [UInt8]) throws(BenchFault) -> Double {
    let start = now()
    try client.send(request)
    var answer: [UInt8] = []
    var first: Double?
    while answer.count < 5 || !answer.suffix(5).elementsEqual("0\r\n\r\n".utf8) {
        try client.receive(into: &answer)
        if first == nil, answer.find("\ndata:") != nil { first = now() - start }
        if first == nil, answer.count > 4_096 || !answer.starts(with: "HTTP/1.1 200".utf8) { break }
    }
    guard let first else {
        throw BenchFault(message: "no stream but: \(String(decoding: answer, as: UTF8.self))")
    }
    return first
}

extension [Double] {
    /// The value below which this share of all values lies.
    fileprivate func quantile(_ share: Double) -> Double {
        let sorted = self.sorted()
        return sorted[Swift.min(Int(Double(sorted.count) * share), sorted.count - 1)]
    }
}
