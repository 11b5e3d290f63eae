import Vocabulary

/// The parts of a chat completion that streams and bodies share.
enum ChatReply {
    /// Why the answer ended, in this dialect's words.
    static func finishReason(_ reason: StopReason, calls: Int) -> StaticString {
        switch reason {
        case .maxTokens, .contextWindowExceeded: "length"
        case .refusal: "content_filter"
        case .endTurn, .stopSequence, .toolUse, .pauseTurn: calls > 0 ? "tool_calls" : "stop"
        }
    }

    /// The usage object. Prompt tokens are all of them, read from a cache or not.
    static func usage(_ writer: inout JSONWriter, _ usage: Usage) {
        writer.key("usage")
        writer.beginObject()
        writer.key("prompt_tokens")
        writer.integer(usage.promptTokens)
        writer.key("completion_tokens")
        writer.integer(usage.outputTokens)
        writer.key("total_tokens")
        writer.integer(usage.promptTokens + usage.outputTokens)
        writer.key("prompt_tokens_details")
        writer.beginObject()
        writer.key("cached_tokens")
        writer.integer(usage.cacheReadTokens)
        writer.raw("\"audio_tokens\":0")
        writer.endObject()
        writer.key("completion_tokens_details")
        writer.beginObject()
        writer.key("reasoning_tokens")
        writer.integer(usage.thinkingTokens)
        writer.raw("\"audio_tokens\":0,\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0")
        writer.endObject()
        writer.endObject()
    }

    /// `id`, `object`, `created` and `model`, the same in every chunk.
    static func head(
        _ writer: inout JSONWriter,
        _ object: StaticString,
        model: String,
        _ identity: ReplyIdentity
    ) {
        writer.key("id")
        writer.string("chatcmpl-" + identity.suffix)
        writer.key("object")
        writer.string(literal: object)
        writer.key("created")
        writer.integer(identity.created)
        writer.key("model")
        writer.string(model)
    }

    /// The service tier in this dialect's words; nothing where the vendor said nothing.
    static func tier(_ writer: inout JSONWriter, _ usage: Usage) {
        guard let tier = usage.serviceTier else { return }
        writer.key("service_tier")
        writer.string(literal: tier == "priority" ? "priority" : "default")
    }
}
