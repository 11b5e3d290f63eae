import Vocabulary

/// Keys of the lines that are not streamed events.
struct CLILineFields {
    var subtype: JSONSlice?
    var model: JSONSlice?
    var text: JSONSlice?
    var error: JSONSlice?
    var requestID: JSONSlice?
    var controlSubtype: JSONSlice?
    var method: JSONSlice?
    var messageID: JSONSlice?
    var tool: JSONSlice?
    var input: JSONSlice?
    var callID: JSONSlice?
    var content: JSONSlice?
    var answerID: JSONSlice?
    var answerUsage = UsageUpdate()
    var isRewound = false
    var totalTokens: Int?
    var estimatedTokens: Int?
    var serverErrors: JSONSlice?
    var servers: JSONSlice?
    var rateLimit: JSONSlice?
    var tools: JSONSlice?
    var keySource: JSONSlice?
    var result = CLIResult()
    var retry = CLIRetry()

    /// What a line says that belongs to the call `parent`.
    func subagentEvent(of type: JSONSlice, under parent: JSONSlice, in line: Span<UInt8>) -> CLIEvent {
        let isAnswer = type.matches("assistant", in: line)
        guard isAnswer || type.matches("user", in: line) else { return .ignored }
        return .subagent(
            CLISubagentLine(parent: parent, isAnswer: isAnswer, id: answerID, content: content, usage: answerUsage))
    }

    func event(of type: JSONSlice, in line: Span<UInt8>) -> CLIEvent {
        if type.matches("result", in: line) {
            var result = result
            result.subtype = subtype
            return .result(result)
        }
        if type.matches("assistant", in: line) {
            guard let model, model.matches("<synthetic>", in: line) else { return .ignored }
            return .failureReport(
                CLIFailureReport(
                    error: error, status: result.status, errorType: result.errorType,
                    apiError: result.apiError, text: text, quota: rateLimit))
        }
        if type.matches("system", in: line), let subtype, subtype.matches("api_retry", in: line) {
            var retry = retry
            retry.error = error
            return .retry(retry)
        }
        if type.matches("system", in: line), let subtype, subtype.matches("init", in: line) {
            return .turnStarted(tools: tools, hasQuota: keySource?.matches("none", in: line) == true)
        }
        if type.matches("system", in: line), let subtype, subtype.matches("thinking_tokens", in: line) {
            return estimatedTokens.map { .thinkingProgress(tokens: $0) } ?? .ignored
        }
        if type.matches("rate_limit_event", in: line), let rateLimit {
            return .rateLimit(rateLimit)
        }
        if type.matches("control_request", in: line), let requestID {
            return .controlRequest(
                CLIControlRequest(
                    id: requestID, subtype: controlSubtype, method: method, messageID: messageID, tool: tool,
                    input: input, callID: callID))
        }
        if type.matches("control_response", in: line), let requestID {
            let isSuccess = controlSubtype?.matches("success", in: line) ?? false
            return .controlResponse(
                CLIControlResponse(
                    id: requestID, isSuccess: isSuccess, error: error, totalTokens: totalTokens,
                    errors: serverErrors, servers: servers, isRewound: isRewound))
        }
        if type.matches("user", in: line), let content { return .toolResults(content) }
        if type.matches("tool_progress", in: line) { return .heartbeat }
        return .ignored
    }
}
