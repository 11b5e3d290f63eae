import Models

/// What the log tells of one request: who asked what in which dialect, how it ended, and what it took.
///
/// It has no room for a key or a word of a prompt. Times are microseconds from the request's first byte, on a
/// clock that does not jump.
struct RequestRecord: Sendable, Equatable {
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
    /// Of those, the ones that the vendor's cache brought.
    var cacheReadTokens: Int?
    /// Of those, the ones that the vendor wrote into its cache.
    var cacheWriteTokens: Int?
    /// Tokens of the answer.
    var outputTokens: Int?
    /// The account that it ran on; nil where there is one alone.
    var account: String?
    /// What it cost, in nano-dollars.
    var cost: Int?
    /// The family of the model that was asked; nil where it is not known.
    var family: ModelFamily?
    /// The kind of the client, one of a few words.
    var client: String?
    /// What the client calls its session, its chat and its user, where the operator wants that logged.
    var clientIDs: [ClientID] = []
    /// Why the request was not let in, where its status does not say so.
    var refusal: RefusalReason?
    /// Where the CLI's process came from: `fresh`, `waiting`, `rewound` or `kept`.
    var process: String?
    /// Calls of the CLI's own tools that were denied.
    var deniedCalls = 0
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
    /// True for a request that wants an answer of the model.
    var isTurn = false

    /// An id of the client's own: what it is of, and the id, bounded and printable.
    struct ClientID: Sendable, Equatable {
        let name: StaticString
        let text: String

        static func == (left: ClientID, right: ClientID) -> Bool {
            left.name.description == right.name.description && left.text == right.text
        }
    }

    /// How important the line is.
    var level: LogLevel {
        if isMonitoring { return .debug }
        return status >= 500 || fault != nil ? .warning : .info
    }
}

extension Log {
    /// Writes the line of a request.
    func audit(_ record: RequestRecord) {
        write(record.level) { line in
            line.add("event", "request")
            line.add("id", record.id)
            line.add("key", record.keyID)
            line.add("addr", record.address)
            line.add("dialect", record.dialect)
            line.add("method", record.method)
            line.add("path", record.path)
            line.add("model", record.model)
            line.add("client", record.client)
            if !record.servers.isEmpty { line.add("mcp", record.servers.joined(separator: ",")) }
            line.add("status", record.status)
            line.add("in", record.bytesIn)
            line.add("out", record.bytesOut)
            line.add("input_tokens", record.inputTokens)
            line.add("cache_read", record.cacheReadTokens)
            line.add("cache_write", record.cacheWriteTokens)
            line.add("output_tokens", record.outputTokens)
            if let cost = record.cost { line.add("cost", decimal: (cost + 500) / 1000, places: 6) }
            line.add("account", record.account)
            line.add("process", record.process)
            if record.deniedCalls > 0 { line.add("denied_calls", record.deniedCalls) }
            if record.retries > 0 { line.add("retries", record.retries) }
            if record.cliRetries > 0 { line.add("cli_retries", record.cliRetries) }
            line.add("admitted_ms", milliseconds: record.admittedMicroseconds)
            line.add("spawned_ms", milliseconds: record.spawnedMicroseconds)
            line.add("first_event_ms", milliseconds: record.firstEventMicroseconds)
            line.add("end_ms", milliseconds: record.endMicroseconds)
            for id in record.clientIDs { line.add(id.name, id.text) }
            line.add("fault", record.fault)
        }
    }
}
