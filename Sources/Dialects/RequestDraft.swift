public import Vocabulary

/// A request's body that was read as JSON and not understood yet: what it names may have to be fetched before.
public struct RequestDraft: Sendable {
    let root: JSONValue
    /// The language it is in.
    public let dialect: Dialect
    /// How long the body is.
    public let byteCount: Int

    /// Reads a body.
    public init(_ body: [UInt8], dialect: Dialect, limits: JSONLimits) throws(Refusal) {
        self.dialect = dialect
        byteCount = body.count
        root = try RequestBody.parse(body, limits: limits)
    }

    /// The model as the request names it; nil where it does not.
    public var model: String? { root.optional("model")?.text?.string }

    /// The conversation that a Responses request names, as a string or as an object with an `id`.
    public func conversationID() throws(Refusal) -> String? {
        if dialect == .agentRun { return try root.optional("sessionId")?.requireString() }
        guard dialect == .responses, let value = root.optional("conversation") else { return nil }
        let id = value.kind == .object ? try value.required("id").requireString() : try value.requireString()
        if let previous = root.optional("previous_response_id"), previous.text?.isEmpty != true {
            throw previous.invalid("cannot be given together with conversation", code: "mutually_exclusive_parameters")
        }
        return id
    }

    /// What other wrappers of the CLI call the name of a conversation, in Chat Completions.
    public var sessionID: String? {
        dialect == .chatCompletions ? root.optional("session_id")?.text?.string : nil
    }

    /// True for a request that goes on from a stored response.
    public var namesResponse: Bool {
        dialect == .responses && root.optional("previous_response_id").map { $0.text?.isEmpty != true } == true
    }

    /// Understands it where it refers to nothing that is stored; see ``Dialect/decode(_:context:)``.
    public func decode(_ context: RequestContext) throws(Refusal) -> Conversation {
        switch dialect {
        case .anthropic: return try AnthropicRequest.decode(root, context: context)
        case .agentRun: return try AgentRunRequest.decode(root, context: context)
        case .chatCompletions: return try ChatRequest.decode(root, context: context)
        case .responses:
            let draft = try ResponsesDraft(self, context: context)
            if let id = draft.previousResponseID { throw StoredAnswers.unknownPrevious(id) }
            return try draft.conversation()
        }
    }
}

/// What was said before a request and is stored.
public protocol StoredHistory: Sendable {
    /// Puts it in front of the request's own messages, before what holds for a whole conversation is checked.
    func join(_ conversation: inout Conversation) throws(Refusal)
}
