import Vocabulary

/// The parts of a message object that streams and bodies share.
enum AnthropicMessage {
    /// The vendor's own id where the CLI gave one.
    static func id(_ start: ReplyStart, _ identity: ReplyIdentity) -> String {
        start.id.hasPrefix("msg_") ? start.id : "msg_" + identity.suffix
    }

    /// The message up to the first block.
    static func begin(_ writer: inout JSONWriter, _ start: ReplyStart, _ identity: ReplyIdentity) {
        writer.beginObject()
        writer.member("id", id(start, identity))
        writer.raw("\"type\":\"message\",\"role\":\"assistant\"")
        writer.member("model", start.model)
        writer.key("content")
        writer.beginArray()
    }

    /// The message from behind the last block; `end` is nil in a stream's first event.
    ///
    /// What the vendor has left out of the request it says as it stands, nil where the client has not asked for it.
    static func end(
        _ writer: inout JSONWriter,
        _ end: ReplyEnd?,
        _ usage: Usage,
        transformations: JSONFragment? = nil
    ) {
        writer.endArray()
        stop(&writer, end)
        if end?.stopDetails == nil { writer.raw("\"stop_details\":null") }
        writer.key("usage")
        self.usage(&writer, usage)
        if let transformations {
            writer.key("input_transformations")
            writer.fragment(transformations)
        }
        writer.endObject()
    }

    /// `stop_reason` and `stop_sequence`, and `stop_details` where the vendor gives any.
    static func stop(_ writer: inout JSONWriter, _ end: ReplyEnd?) {
        writer.key("stop_reason")
        // A run that is stopped between two of its turns is what the vendor calls paused.
        if let end { writer.string((end.reason == .maxTurns ? .pauseTurn : end.reason).rawValue) } else { writer.null() }
        writer.key("stop_sequence")
        if let sequence = end?.stopSequence { writer.string(sequence) } else { writer.null() }
        guard let details = end?.stopDetails else { return }
        writer.key("stop_details")
        writer.fragment(details)
    }

    /// The whole usage object. A total without its parts, and an unknown tier, are null rather than guessed.
    static func usage(_ writer: inout JSONWriter, _ usage: Usage) {
        writer.beginObject()
        counts(&writer, usage)
        writer.key("cache_creation")
        if usage.cacheCreation5mTokens + usage.cacheCreation1hTokens == usage.cacheCreationTokens {
            writer.beginObject()
            writer.member("ephemeral_5m_input_tokens", usage.cacheCreation5mTokens)
            writer.member("ephemeral_1h_input_tokens", usage.cacheCreation1hTokens)
            writer.endObject()
        } else {
            writer.null()
        }
        writer.key("service_tier")
        if let tier = usage.serviceTier { writer.string(tier) } else { writer.null() }
        writer.endObject()
    }

    /// The members that also end a stream.
    static func counts(_ writer: inout JSONWriter, _ usage: Usage) {
        writer.member("input_tokens", usage.inputTokens)
        writer.member("cache_creation_input_tokens", usage.cacheCreationTokens)
        writer.member("cache_read_input_tokens", usage.cacheReadTokens)
        writer.member("output_tokens", usage.outputTokens)
        writer.key("output_tokens_details")
        writer.beginObject()
        writer.member("thinking_tokens", usage.thinkingTokens)
        writer.endObject()
        guard usage.webSearches > 0 else { return }
        writer.key("server_tool_use")
        writer.beginObject()
        writer.member("web_search_requests", usage.webSearches)
        writer.member("web_fetch_requests", 0)
        writer.endObject()
    }
}
