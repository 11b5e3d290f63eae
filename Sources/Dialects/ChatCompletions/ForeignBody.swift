import Vocabulary

/// A Responses body on the path of chat completions, as Cursor's agent mode posts it: understood as a Responses request
/// and answered as a chat completion. Nothing is stored of it, and it can refer to nothing that is.
enum ForeignBody {
    static func decode(_ root: JSONValue, context: RequestContext) throws(Refusal) -> Conversation {
        if let previous = root.optional("previous_response_id") {
            throw previous.invalid("is not supported here; send the whole conversation, or use /v1/responses")
        }
        var context = context
        context.storesResponses = false
        var conversation = try ResponsesRequest.decode(
            root, context: context, stored: ItemLookup(StoredItems(), context.limits))
        // A chat completion repeats nothing of its request.
        conversation.echo = []
        conversation.wantsSealedThinking = false
        conversation.wantsUsageInStream = try ChatRequest.wantsUsageInStream(root)
        return conversation
    }
}
