import HTTP

/// Field names that only the gateway uses.
extension FieldName {
    /// Anthropic's name for the request's identifier.
    static let requestID: FieldName = "request-id"
    /// What of the Messages API a client switches on.
    static let anthropicBeta: FieldName = "anthropic-beta"
    /// The program that asks, as Codex and its kin say it.
    static let originator: FieldName = "originator"
    /// Which background task a chat app asks for.
    static let openWebUITask: FieldName = "x-openwebui-task"
    /// Who asks, as proxies in front tell.
    static let xForwardedFor: FieldName = "x-forwarded-for"
    static let accept: FieldName = "accept"
    /// The last event that a client has had which connects again.
    static let lastEventID: FieldName = "last-event-id"
    static let userAgent: FieldName = "user-agent"
    /// Tells nginx in front to pass events on as they come.
    static let accelBuffering: FieldName = "x-accel-buffering"
    /// The parameters that were set and could not be honoured.
    static let ignored: FieldName = "x-portcullis-ignored"
    /// The features that the CLI's self-test found missing.
    static let degraded: FieldName = "x-portcullis-degraded"
    /// How hard to think, for clients whose dialect or settings have no place for it.
    static let effort: FieldName = "x-effort"
    /// The registered MCP servers to switch on.
    static let mcpServers: FieldName = "x-mcp-servers"
    /// The conversation that a request goes on with; its answer repeats the name.
    static let conversationID: FieldName = "x-conversation-id"
    /// How the request stood to it: `begun`, `continued` or `reset`.
    static let conversationState: FieldName = "x-portcullis-conversation"
    /// What Chromium asks before a page reaches into a private network, and the answer to it.
    static let accessControlRequestPrivateNetwork: FieldName = "access-control-request-private-network"
    static let accessControlAllowPrivateNetwork: FieldName = "access-control-allow-private-network"
    /// The client whose peculiarities are to be smoothed out.
    static let client: FieldName = "x-portcullis-client"
    /// The name of an app, as clients of OpenRouter send it.
    static let appTitle: FieldName = "x-title"
    static let claudeCodeSession: FieldName = "x-claude-code-session-id"
    static let claudeCodeAgent: FieldName = "x-claude-code-agent-id"
    static let codexSession: FieldName = "session_id"
    static let openWebUIUser: FieldName = "x-openwebui-user-id"
    static let openWebUIEmail: FieldName = "x-openwebui-user-email"
    static let openWebUIChat: FieldName = "x-openwebui-chat-id"
    static let openWebUIMessage: FieldName = "x-openwebui-message-id"
}
