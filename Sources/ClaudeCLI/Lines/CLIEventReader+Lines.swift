import Vocabulary

/// The lines that are not streamed events: results, failures, retries, control messages.
extension CLIEventReader {
    /// Reads the value of a key that some kind of line needs.
    mutating func field(_ key: JSONSlice, _ fields: inout CLILineFields) throws(JSONError) {
        if json.matches(key, "subtype") {
            fields.subtype = try text()
        } else if json.matches(key, "message"), try json.peek() == .object {
            let message = try message()
            fields.model = message.model
            fields.text = message.text
            fields.content = message.content
            fields.answerID = message.id
            fields.answerUsage = message.usage
        } else if json.matches(key, "request_id") {
            fields.requestID = try text()
        } else if json.matches(key, "request"), try json.peek() == .object {
            try controlRequest(&fields)
        } else if json.matches(key, "response"), try json.peek() == .object {
            try controlResponse(&fields)
        } else if json.matches(key, "rate_limit_info"), try json.peek() == .object {
            fields.rateLimit = try json.skip()
        } else if json.matches(key, "apiKeySource") {
            fields.keySource = try text()
        } else if json.matches(key, "api_error_params"), try json.peek() == .object {
            try errorParameters(&fields)
        } else if json.matches(key, "usage"), try json.peek() == .object {
            fields.result.usage = try usage()
        } else if json.matches(key, "model_usage_since_last_result"), try json.peek() == .object {
            fields.result.whole = try wholeUsage()
        } else if json.matches(key, "tools"), try json.peek() == .array {
            fields.tools = try json.skip()
        } else if try !resultField(key, &fields) {
            _ = try json.skip()
        }
    }

    private mutating func resultField(
        _ key: JSONSlice, _ fields: inout CLILineFields
    ) throws(JSONError) -> Bool {
        if json.matches(key, "is_error") {
            if try json.peek() == .bool { fields.result.isError = try json.bool() } else { return false }
        } else if json.matches(key, "num_turns") {
            fields.result.turns = try integer() ?? 0
        } else if json.matches(key, "result") {
            fields.result.text = try text()
        } else if json.matches(key, "errors") {
            fields.result.errors = try json.skip()
        } else if json.matches(key, "terminal_reason") {
            fields.result.terminalReason = try text()
        } else if json.matches(key, "api_error_status") {
            fields.result.status = try integer()
        } else if json.matches(key, "api_error_type") {
            fields.result.errorType = try text()
        } else if json.matches(key, "api_error") {
            fields.result.apiError = try text()
        } else if json.matches(key, "total_cost_usd") {
            fields.result.costNanoUSD = try nanoUSD()
        } else if json.matches(key, "error") {
            fields.error = try text()
        } else if json.matches(key, "attempt") {
            fields.retry.attempt = try integer() ?? 0
        } else if json.matches(key, "retry_delay_ms") {
            fields.retry.delayMilliseconds = try wholeMilliseconds()
        } else if json.matches(key, "estimated_tokens") {
            fields.estimatedTokens = try integer()
        } else if json.matches(key, "error_status") {
            fields.retry.status = try integer()
        } else {
            return false
        }
        return true
    }

    /// The sum of what each model was used for.
    private mutating func wholeUsage() throws(JSONError) -> UsageUpdate {
        var whole = UsageUpdate()
        try json.enterObject()
        while try json.key() != nil {
            guard try json.peek() == .object else {
                _ = try json.skip()
                continue
            }
            try json.enterObject()
            while let key = try json.key() {
                if json.matches(key, "inputTokens") {
                    whole.input = (whole.input ?? 0).plus(max(0, try integer() ?? 0))
                } else if json.matches(key, "outputTokens") {
                    whole.output = (whole.output ?? 0).plus(max(0, try integer() ?? 0))
                } else if json.matches(key, "cacheReadInputTokens") {
                    whole.cacheRead = (whole.cacheRead ?? 0).plus(max(0, try integer() ?? 0))
                } else if json.matches(key, "cacheCreationInputTokens") {
                    whole.cacheCreation = (whole.cacheCreation ?? 0).plus(max(0, try integer() ?? 0))
                } else {
                    _ = try json.skip()
                }
            }
        }
        return whole
    }

    private mutating func controlRequest(_ fields: inout CLILineFields) throws(JSONError) {
        try json.enterObject()
        while let key = try json.key() {
            if json.matches(key, "subtype") {
                fields.controlSubtype = try text()
            } else if json.matches(key, "tool_name") {
                fields.tool = try text()
            } else if json.matches(key, "tool_use_id") {
                fields.callID = try text()
            } else if json.matches(key, "input") {
                fields.input = try json.skip()
            } else if json.matches(key, "message"), try json.peek() == .object {
                try json.enterObject()
                while let key = try json.key() {
                    if json.matches(key, "method") {
                        fields.method = try text()
                    } else if json.matches(key, "id") {
                        fields.messageID = try json.skip()
                    } else {
                        _ = try json.skip()
                    }
                }
            } else {
                _ = try json.skip()
            }
        }
    }

    private mutating func controlResponse(_ fields: inout CLILineFields) throws(JSONError) {
        try json.enterObject()
        while let key = try json.key() {
            if json.matches(key, "subtype") {
                fields.controlSubtype = try text()
            } else if json.matches(key, "request_id") {
                fields.requestID = try text()
            } else if json.matches(key, "error") {
                fields.error = try text()
            } else if json.matches(key, "response"), try json.peek() == .object {
                try json.enterObject()
                while let key = try json.key() {
                    if json.matches(key, "totalTokens") {
                        fields.totalTokens = try integer()
                    } else if json.matches(key, "errors"), try json.peek() == .object {
                        fields.serverErrors = try json.skip()
                    } else if json.matches(key, "mcpServers"), try json.peek() == .array {
                        fields.servers = try json.skip()
                    } else if json.matches(key, "rewound"), try json.peek() == .bool {
                        fields.isRewound = try json.bool()
                    } else {
                        _ = try json.skip()
                    }
                }
            } else {
                _ = try json.skip()
            }
        }
    }

    private mutating func errorParameters(_ fields: inout CLILineFields) throws(JSONError) {
        try json.enterObject()
        while let key = try json.key() {
            if json.matches(key, "rate_limit_info"), try json.peek() == .object {
                fields.rateLimit = try json.skip()
            } else {
                _ = try json.skip()
            }
        }
    }

    mutating func usage() throws(JSONError) -> UsageUpdate {
        var usage = UsageUpdate()
        try json.enterObject()
        while let key = try json.key() {
            if json.matches(key, "input_tokens") {
                usage.input = try integer()
            } else if json.matches(key, "output_tokens") {
                usage.output = try integer()
            } else if json.matches(key, "cache_creation_input_tokens") {
                usage.cacheCreation = try integer()
            } else if json.matches(key, "cache_read_input_tokens") {
                usage.cacheRead = try integer()
            } else if json.matches(key, "service_tier") {
                usage.serviceTier = try text()
            } else if try json.peek() == .object {
                try usageDetails(&usage)
            } else {
                _ = try json.skip()
            }
        }
        return usage
    }

    /// `cache_creation`, `output_tokens_details` and `server_tool_use`, whose keys do not overlap.
    private mutating func usageDetails(_ usage: inout UsageUpdate) throws(JSONError) {
        try json.enterObject()
        while let key = try json.key() {
            if json.matches(key, "ephemeral_5m_input_tokens") {
                usage.cacheCreation5m = try integer()
            } else if json.matches(key, "ephemeral_1h_input_tokens") {
                usage.cacheCreation1h = try integer()
            } else if json.matches(key, "thinking_tokens") {
                usage.thinking = try integer()
            } else if json.matches(key, "web_search_requests") {
                usage.webSearches = try integer()
            } else {
                _ = try json.skip()
            }
        }
    }
}
