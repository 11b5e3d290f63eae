public import Vocabulary

/// How Codex has to be told that there is no answer.
///
/// It asks again after nearly every status and every end that it takes for a passing one: up to thirty times for an
/// outage, six times for a refusal, and without a word until `retry-after` is over. What would come out the same is
/// therefore told in the stream, in one of the codes that it takes for final (measured with 0.147 and 0.163).
public enum Codex {
    /// The answer to a reached limit: it shows the time and asks no more. A `retry-after` would have it wait in silence.
    public static func limitReply(_ fault: Fault) -> ErrorReply? {
        guard isUsageLimit(fault) else { return nil }
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("error")
            writer.object { writer in
                writer.raw("\"type\":\"usage_limit_reached\"")
                writer.member("message", fault.message)
                writer.raw("\"param\":null,\"code\":\"rate_limit_exceeded\"")
                if let resetsAt = fault.resetsAt { writer.member("resets_at", resetsAt) }
            }
        }
        return ErrorReply(limitBody: writer.bytes, resetsAt: fault.resetsAt)
    }

    private static func isUsageLimit(_ fault: Fault) -> Bool {
        fault.kind == .shareSpent || fault.kind == .rateLimited && (fault.resetsAt != nil || fault.shouldRetry == false)
    }

    /// The code of a failure; `hasBegun` when a part of the answer is out.
    static func code(of fault: Fault, hasBegun: Bool) -> StaticString {
        if isContextOverflow(fault) { return "context_length_exceeded" }
        switch fault.kind {
        case .paymentRequired, .shareSpent: return "insufficient_quota"
        case .rateLimited, .overloaded, .unavailable:
            if fault.isMomentary { return "rate_limit_exceeded" }
            return fault.kind == .overloaded ? "server_is_overloaded" : "invalid_prompt"
        // A torn answer is worth another try; before it began the CLI has tried for us.
        case .internalError, .badGateway, .gatewayTimeout: return hasBegun ? "server_error" : "invalid_prompt"
        default: return "invalid_prompt"
        }
    }

    /// What Codex is told of a failure: of one that passes, when to try again, in the words that it looks for.
    static func message(of fault: Fault) -> String {
        guard fault.isMomentary, !fault.message.contains("try again in \(fault.retryAfterSeconds ?? 2)") else {
            return fault.message
        }
        return fault.message + " Please try again in \(fault.retryAfterSeconds ?? 2)s."
    }

    /// What an end comes to that Codex would take for a reason to ask the same again; nil for a good one.
    static func failure(_ end: ReplyEnd) -> Fault? {
        switch end.reason {
        case .refusal: Fault(.forbidden, refusal(end))
        case .maxTokens: Fault(.invalidRequest, "The answer was cut off: it reached the most tokens it may have.")
        case .contextWindowExceeded: Fault(.invalidRequest, "The prompt is too long for this model.")
        case .endTurn, .stopSequence, .toolUse, .pauseTurn, .maxTurns, .other: nil
        }
    }

    private static func refusal(_ end: ReplyEnd) -> String {
        let details = end.stopDetails.flatMap { try? JSONDocument(parsing: Array($0.bytes)) }
        guard let reason = details?.root["explanation"]?.text?.string, !reason.isEmpty else {
            return "The model refused to answer."
        }
        return "The model refused to answer: \(reason)"
    }

    private static func isContextOverflow(_ fault: Fault) -> Bool {
        fault.kind == .tooLarge
            || (fault.kind == .invalidRequest && fault.message.lowercased().contains("prompt is too long"))
    }
}
