import Vocabulary

/// The body of `POST /api/run`: a prompt for the CLI's own tools, in the words that wrappers of the CLI have in common.
enum AgentRunRequest {
    static func decode(_ root: JSONValue, context: RequestContext) throws(Refusal) -> Conversation {
        var conversation = Conversation(model: try RequestFields.model(root, context))
        let prompt = try root.required("prompt")
        let text = try prompt.requireText()
        guard text.string.contains(where: { !$0.isWhitespace }) else { throw prompt.invalid("must not be empty") }
        conversation.turns = [Turn(.user, [.text(text)])]
        if let system = root.optional("systemPrompt") { conversation.system = [try system.requireText()] }
        conversation.streams = try RequestFields.flag(root, "stream")
        conversation.agent = try wish(root)
        try context.history?.join(&conversation)
        return conversation
    }

    private static func wish(_ root: JSONValue) throws(Refusal) -> AgentWish {
        var wish = AgentWish()
        if let tools = root.optional("allowedTools") {
            wish.tools = try RequestFields.texts(tools).map(\.string)
        }
        wish.workingDirectory = try root.optional("workingDirectory")?.requireString()
        wish.maxTurns = try root.optional("maxTurns")?.requireInteger(in: 1...10_000)
        return wish
    }
}
