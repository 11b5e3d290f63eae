import Vocabulary

/// Decodes `POST /v1/responses`.
enum ResponsesRequest {
    static func decode(_ root: JSONValue, context: RequestContext) throws(Refusal) -> Conversation {
        throw Refusal(.notImplemented, "not yet")
    }
}
