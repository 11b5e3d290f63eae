import Vocabulary

/// The parts of a chat completion that streams and bodies share.
enum ChatReply {
    /// Why the answer ended, in this dialect's words.
    static func finishReason(_ reason: StopReason, calls: Int) -> StaticString {
        switch reason {
        case .maxTokens, .contextWindowExceeded, .maxTurns: "length"
        case .refusal: "content_filter"
        case .endTurn, .stopSequence, .toolUse, .pauseTurn, .other: calls > 0 ? "tool_calls" : "stop"
        }
    }

    /// The usage object. Prompt tokens are all of them, read from a cache or not.
    ///
    /// What the cache did stands in the dialect's own place and, where agents such as Cline and Roo look for it, once
    /// more under the vendor's own names.
    static func usage(_ writer: inout JSONWriter, _ usage: Usage) {
        writer.key("usage")
        writer.beginObject()
        writer.member("prompt_tokens", usage.promptTokens)
        writer.member("completion_tokens", usage.outputTokens)
        writer.member("total_tokens", usage.promptTokens + usage.outputTokens)
        writer.key("prompt_tokens_details")
        writer.beginObject()
        writer.member("cached_tokens", usage.cacheReadTokens)
        writer.member("cache_write_tokens", usage.cacheCreationTokens)
        writer.raw("\"audio_tokens\":0")
        writer.endObject()
        writer.key("completion_tokens_details")
        writer.beginObject()
        writer.member("reasoning_tokens", usage.thinkingTokens)
        writer.raw("\"audio_tokens\":0,\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0")
        writer.endObject()
        writer.member("cache_creation_input_tokens", usage.cacheCreationTokens)
        writer.member("cache_read_input_tokens", usage.cacheReadTokens)
        writer.endObject()
    }

    /// `id`, `object`, `created` and `model`, the same in every chunk.
    static func head(
        _ writer: inout JSONWriter,
        _ object: StaticString,
        model: String,
        _ identity: ReplyIdentity
    ) {
        writer.member("id", "chatcmpl-" + identity.suffix)
        writer.member("object", literal: object)
        writer.member("created", identity.created)
        writer.member("model", model)
    }

    /// The service tier in this dialect's words; nothing where the vendor said nothing.
    static func tier(_ writer: inout JSONWriter, _ usage: Usage) {
        guard let tier = usage.serviceTier else { return }
        writer.member("service_tier", literal: tier == "priority" ? "priority" : "default")
    }
}
