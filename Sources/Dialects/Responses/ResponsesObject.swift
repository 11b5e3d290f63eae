import Vocabulary

extension StopReason {
    /// True when the answer ends before the model has said all.
    var cutsOff: Bool {
        switch self {
        case .maxTokens, .contextWindowExceeded, .maxTurns, .refusal: true
        case .endTurn, .stopSequence, .toolUse, .pauseTurn, .other: false
        }
    }
}

/// The response object, which streams and bodies share.
struct ResponsesObject: Sendable {
    /// How a response stands.
    enum Status: Sendable {
        case inProgress
        case completed(Usage)
        case incomplete(reason: StaticString, Usage)
        case failed(Fault)
    }

    let identity: ReplyIdentity
    /// The request's own values, as members.
    private let echo: [UInt8]
    private let isCodex: Bool
    /// The model that answers; until it is known the one that was asked for.
    var model: String
    /// True once the model has begun to answer.
    var hasBegun = false

    init(_ conversation: Conversation, _ identity: ReplyIdentity) {
        self.identity = identity
        model = conversation.model
        isCodex = conversation.isCodex
        var writer = JSONWriter()
        for (key, value) in conversation.echo {
            writer.member(key, value)
        }
        echo = writer.bytes
    }

    /// How a response ends that the model ended so.
    static func status(_ end: ReplyEnd) -> Status {
        switch end.reason {
        case .maxTokens, .contextWindowExceeded, .maxTurns: .incomplete(reason: "max_output_tokens", end.usage)
        case .refusal: .incomplete(reason: "content_filter", end.usage)
        case .endTurn, .stopSequence, .toolUse, .pauseTurn, .other: .completed(end.usage)
        }
    }

    /// Appends the object with its output items.
    func append(to out: inout [UInt8], _ status: Status, items: [[UInt8]], completedAt: Int?) {
        var writer = JSONWriter(out)
        out = []
        writer.object { writer in
            writer.member("id", ItemID.response(suffix: identity.suffix))
            writer.raw("\"object\":\"response\"")
            writer.member("created_at", identity.created)
            progress(&writer, status, completedAt)
            writer.member("model", model)
            writer.key("output")
            writer.beginArray()
            for item in items where !item.isEmpty { writer.fragment(JSONFragment(validated: item[...])) }
            writer.endArray()
            if !echo.isEmpty { writer.fragment(JSONFragment(validated: echo[...])) }
            writer.key("usage")
            switch status {
            case .completed(let usage), .incomplete(_, let usage): Self.usage(&writer, usage)
            case .inProgress, .failed: writer.null()
            }
        }
        out = writer.bytes
    }

    private func progress(_ writer: inout JSONWriter, _ status: Status, _ completedAt: Int?) {
        writer.key("completed_at")
        if case .completed = status, let completedAt { writer.integer(completedAt) } else { writer.null() }
        writer.key("status")
        switch status {
        case .inProgress: writer.string(literal: "in_progress")
        case .completed: writer.string(literal: "completed")
        case .incomplete: writer.string(literal: "incomplete")
        case .failed: writer.string(literal: "failed")
        }
        writer.raw("\"background\":false")
        writer.key("error")
        if case .failed(let fault) = status { error(&writer, fault) } else { writer.null() }
        writer.key("incomplete_details")
        if case .incomplete(let reason, _) = status {
            writer.object { writer in
                writer.member("reason", literal: reason)
            }
        } else {
            writer.null()
        }
    }

    private func error(_ writer: inout JSONWriter, _ fault: Fault) {
        writer.object { writer in
            if isCodex {
                writer.member("code", literal: Codex.code(of: fault, hasBegun: hasBegun))
                return writer.member("message", Codex.message(of: fault))
            }
            writer.key("code")
            switch fault.kind {
            case .rateLimited, .shareSpent: writer.string(literal: "rate_limit_exceeded")
            case .invalidRequest, .tooLarge: writer.string(literal: "invalid_prompt")
            default: writer.string(literal: "server_error")
            }
            writer.member("message", fault.message)
            if let resetsAt = fault.resetsAt {
                writer.member("reset_at", Timestamp.rfc3339(resetsAt))
            }
        }
    }

    private static func usage(_ writer: inout JSONWriter, _ usage: Usage) {
        writer.object { writer in
            writer.member("input_tokens", usage.promptTokens)
            writer.key("input_tokens_details")
            writer.object { writer in
                writer.member("cached_tokens", usage.cacheReadTokens)
                writer.member("cache_write_tokens", usage.cacheCreationTokens)
            }
            writer.member("output_tokens", usage.outputTokens)
            writer.key("output_tokens_details")
            writer.object { writer in
                writer.member("reasoning_tokens", usage.thinkingTokens)
            }
            writer.member("total_tokens", usage.promptTokens + usage.outputTokens)
        }
    }
}
