/// What the log tells of one request: who asked what in which dialect, how it ended, and what it took.
///
/// It has no room for a key or a word of a prompt. Times are microseconds from the request's first byte, on a
/// clock that does not jump.
struct AuditRecord: Sendable, Equatable {
    /// The request's id, as the client was told.
    var id = ""
    /// The key's name; nil when none was accepted.
    var keyID: String?
    /// The peer's address without its port.
    var address: String?
    /// The dialect; nil for endpoints that have none.
    var dialect: String?
    /// The request method.
    var method = ""
    /// The template of the path, as `/models/{id}`: the path itself might hold anything.
    var path = ""
    /// The model the client named.
    var model: String?
    /// The names of the MCP servers that were switched on.
    var servers: [String] = []
    /// The status of the answer.
    var status = 0
    /// Bytes of the request body.
    var bytesIn = 0
    /// Bytes of the response body.
    var bytesOut = 0
    /// Tokens of the prompt, cached or not.
    var inputTokens: Int?
    /// Tokens of the answer.
    var outputTokens: Int?
    /// Where the CLI's process came from: `fresh`, `waiting`, `rewound` or `kept`.
    var process: String?
    /// How often the turn was begun again because it had failed before the client was told anything.
    var retries = 0
    /// How often the CLI asked its vendor again by itself.
    var cliRetries = 0
    /// When a permit was had.
    var admittedMicroseconds: Int?
    /// When the CLI was ready.
    var spawnedMicroseconds: Int?
    /// When the first event of the answer came.
    var firstEventMicroseconds: Int?
    /// When all was over.
    var endMicroseconds: Int?
    /// What went wrong, in words for the operator.
    var fault: String?
    /// True for requests of monitors, which are logged at debug level only.
    var isMonitoring = false

    /// How important the line is.
    var level: LogLevel {
        if isMonitoring, status < 500 { return .debug }
        return status >= 500 || fault != nil ? .warning : .info
    }
}

extension Log {
    /// Writes the line of a request.
    func audit(_ record: AuditRecord) {
        write(record.level) { line in
            line.add("event", "request")
            line.add("id", record.id)
            line.add("key", record.keyID)
            line.add("addr", record.address)
            line.add("dialect", record.dialect)
            line.add("method", record.method)
            line.add("path", record.path)
            line.add("model", record.model)
            if !record.servers.isEmpty { line.add("mcp", record.servers.joined(separator: ",")) }
            line.add("status", record.status)
            line.add("in", record.bytesIn)
            line.add("out", record.bytesOut)
            line.add("input_tokens", record.inputTokens)
            line.add("output_tokens", record.outputTokens)
            line.add("process", record.process)
            if record.retries > 0 { line.add("retries", record.retries) }
            if record.cliRetries > 0 { line.add("cli_retries", record.cliRetries) }
            line.add("admitted_ms", milliseconds: record.admittedMicroseconds)
            line.add("spawned_ms", milliseconds: record.spawnedMicroseconds)
            line.add("first_event_ms", milliseconds: record.firstEventMicroseconds)
            line.add("end_ms", milliseconds: record.endMicroseconds)
            line.add("fault", record.fault)
        }
    }
}
