import Vocabulary

/// What one line of the CLI says, as far as it matters; slices refer to the line.
///
/// What is large and rare is stored apart, so that passing a delta on copies a few words.
enum CLIEvent {
    /// A message begins. `transformations` is the raw array of what the vendor has left out of the request.
    indirect case messageStart(
        id: JSONSlice, model: JSONSlice, usage: UsageUpdate, transformations: JSONSlice? = nil)
    indirect case blockStart(index: Int, CLIBlock)
    case delta(index: Int, CLIDelta, JSONSlice)
    case blockStop(index: Int)
    indirect case messageDelta(CLIStop, usage: UsageUpdate)
    /// A message ended; abandoned when its stream broke.
    case messageStop(isAbandoned: Bool)
    /// A row the CLI wrote itself to report a failure.
    indirect case failureReport(CLIFailureReport)
    indirect case result(CLIResult)
    indirect case retry(CLIRetry)
    /// The value of `rate_limit_info`, raw.
    case rateLimit(JSONSlice)
    indirect case controlRequest(CLIControlRequest)
    indirect case controlResponse(CLIControlResponse)
    /// A turn begins. `tools` is the raw array of the names offered to the model, nil where it is not told;
    /// `hasQuota` says that the login is one of which a quota will be told.
    indirect case turnStarted(tools: JSONSlice?, hasQuota: Bool)
    /// The CLI's own tools have answered: the raw array of a user message's content.
    case toolResults(JSONSlice)
    /// A sub-agent has said something, or has been told it.
    indirect case subagent(CLISubagentLine)
    /// The model thinks, and has done so for about so many tokens of this message, shown or not.
    case thinkingProgress(tokens: Int)
    /// A tool's call is waited for: said every half minute, whatever the answer is doing.
    case heartbeat
    /// Something that does not matter here; the CLI's schema lists some seventy such kinds.
    case ignored
}

/// A block that begins, with what its first line already says.
enum CLIBlock {
    case text(JSONSlice)
    case thinking(JSONSlice, signature: JSONSlice?)
    case redactedThinking(JSONSlice)
    case toolUse(id: JSONSlice, name: JSONSlice)
    /// The whole block, raw.
    case other(JSONSlice)
}

/// What a delta adds to.
enum CLIDelta { case text, thinking, signature, toolInput, citation }

/// Why a message ends.
struct CLIStop {
    /// Nil when the CLI itself closes a broken stream.
    var reason: JSONSlice?
    var sequence: JSONSlice?
    /// The vendor's object about a refusal, raw.
    var details: JSONSlice?
}

/// How a turn ended.
struct CLIResult {
    var isError = false
    var turns = 0
    var status: Int?
    var subtype: JSONSlice?
    var errorType: JSONSlice?
    var apiError: JSONSlice?
    var terminalReason: JSONSlice?
    var text: JSONSlice?
    /// The array of `errors`, raw.
    var errors: JSONSlice?
    var usage = UsageUpdate()
    /// What the process has cost in all its turns, in billionths of a dollar.
    var costNanoUSD: Int?
    /// What the turn has used with all that sub-agents have; nil where it is not told.
    var whole: UsageUpdate?
}

/// What the CLI says of a failure before its result.
struct CLIFailureReport {
    var error: JSONSlice?
    var status: Int?
    var errorType: JSONSlice?
    var apiError: JSONSlice?
    var text: JSONSlice?
    /// The value of `rate_limit_info`, raw.
    var quota: JSONSlice?
}

/// The CLI is about to ask the vendor again.
struct CLIRetry {
    var attempt = 0
    var delayMilliseconds = 0
    var status: Int?
    var error: JSONSlice?
}

/// A message of a sub-agent's conversation.
struct CLISubagentLine {
    /// The id of the call that has started it.
    var parent: JSONSlice
    /// True for what its model has said; else it is what that was told.
    var isAnswer: Bool
    /// The message's id, where it has one: each of its blocks has a line of its own.
    var id: JSONSlice?
    /// The message's content, raw.
    var content: JSONSlice?
    var usage: UsageUpdate
}

/// Something the CLI asks of its caller.
struct CLIControlRequest {
    var id: JSONSlice
    var subtype: JSONSlice?
    /// For `mcp_message`: the method, and the message's id as raw JSON.
    var method: JSONSlice?
    var messageID: JSONSlice?
    /// For `can_use_tool`: the tool, its arguments as raw JSON, and the call's id.
    var tool: JSONSlice?
    var input: JSONSlice?
    var callID: JSONSlice?
}

/// The answer to something asked of the CLI.
struct CLIControlResponse {
    var id: JSONSlice
    var isSuccess: Bool
    var error: JSONSlice?
    var totalTokens: Int?
    /// For `mcp_set_servers`: the object of reasons by server that did not start, raw.
    var errors: JSONSlice?
    /// For `mcp_status`: the array of servers, raw.
    var servers: JSONSlice?
    /// For `rewind_conversation`: true when the conversation is forgotten.
    var isRewound = false
}

/// Token counts of one line; nil where it says nothing.
struct UsageUpdate {
    var input: Int?
    var cacheCreation: Int?
    var cacheCreation5m: Int?
    var cacheCreation1h: Int?
    var cacheRead: Int?
    var output: Int?
    var thinking: Int?
    var webSearches: Int?
    var serviceTier: JSONSlice?
}
