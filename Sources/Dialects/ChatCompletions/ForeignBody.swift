import Vocabulary

/// A Responses body on the path of chat completions, as Cursor's agent mode posts it: understood as a Responses request
/// and answered as a chat completion. Nothing is stored of it, and it can refer to nothing that is.
enum ForeignBody {
    static func decode(_ root: JSONValue, context: RequestContext) throws(Refusal) -> Conversation {
        if let previous = root.optional("previous_response_id"), previous.text?.isEmpty != true {
            throw previous.invalid("is not supported here; send the whole conversation, or use /v1/responses")
        }
        var context = context
        context.storesResponses = false
        var conversation = try ResponsesRequest.decode(
            root, context: context, stored: ItemLookup(StoredItems(), context.limits))
        try addOwnFields(root, to: &conversation)
        // A chat completion repeats nothing of its request.
        conversation.echo = []
        conversation.wantsSealedThinking = false
        conversation.wantsUsageInStream = try ChatRequest.wantsUsageInStream(root)
        return conversation
    }

    /// What chat completions call otherwise, where the other name is not there.
    private static func addOwnFields(_ root: JSONValue, to conversation: inout Conversation) throws(Refusal) {
        let limit = conversation.sampling.maxTokens
        try ChatRequest.limits(root, into: &conversation)
        if let limit { conversation.sampling.maxTokens = limit }
        if conversation.outputFormat == nil { try ChatRequest.format(root, into: &conversation) }
        if conversation.effort == nil, let effort = root.optional("reasoning_effort"), effort.text?.isEmpty != true {
            try RequestFields.effort(effort, named: "reasoning_effort", into: &conversation)
        }
    }
}
