import Vocabulary

/// One method of one path, as documents about this service tell of it.
struct APIOperation: Sendable {
    /// A method that has a meaning of its own; HEAD goes with GET, and OPTIONS with all.
    enum Method: String, Sendable { case get, post, delete }

    /// What its answers say about a failure, and in whose words.
    enum Failure: String, Sendable {
        case openAI = "OpenAIError"
        case anthropic = "AnthropicError"
        /// Those of the vendor whose way of showing a key the caller chose.
        case either = "Error"
    }

    let method: Method
    /// The path, with `{name}` where a thing is named.
    let path: String
    /// The name by which generated programs call it.
    let id: String
    /// The group that it is shown in.
    let group: String
    /// What it does, in a few words.
    let summary: String
    /// False for what everybody is told.
    var needsKey = true
    /// Names of the parameters, of ``APISchemas/parameters``.
    var parameters: [String] = []
    /// The schema of the body that it takes; nil for none.
    var body: String?
    /// False where no body is as good as an empty object.
    var needsBody = true
    /// A body to try it with, as JSON; nil for none.
    var example: String?
    /// The schema of the answer; nil for plain text, and for what comes as a stream alone.
    let answer: String?
    /// The parameter of paths that the `id` of its answer is a value of; nil for none.
    var yields: String?
    /// True when the answer can also come as a stream of events.
    var streams = false
    /// True when the same answer may come with status 503.
    var mayBeUnready = false
    /// In whose words it fails; nil where it does not.
    var failure: Failure? = .either
}

extension APIOperation {
    /// Every operation that people and programs are to know of.
    static let all: [APIOperation] = models + questions + kept + account + service

    private static let questions = [
        APIOperation(
            method: .post, path: "/v1/chat/completions", id: "createChatCompletion", group: "Questions",
            summary: "Ask in OpenAI's Chat Completions dialect", parameters: conversationFields,
            body: "ChatRequest", example: #"{"model":"sonnet","messages":[{"role":"user","content":"Hello"}]}"#,
            answer: "ChatCompletion", streams: true, failure: .openAI),
        APIOperation(
            method: .post, path: "/v1/responses", id: "createResponse", group: "Questions",
            summary: "Ask in OpenAI's Responses dialect", parameters: conversationFields,
            body: "ResponsesRequest", example: #"{"model":"sonnet","input":"Hello"}"#, answer: "Response", yields: "response", streams: true,
            failure: .openAI),
        APIOperation(
            method: .post, path: "/v1/messages", id: "createMessage", group: "Questions",
            summary: "Ask in Anthropic's Messages dialect", parameters: conversationFields,
            body: "MessagesRequest",
            example: #"{"model":"sonnet","max_tokens":1024,"messages":[{"role":"user","content":"Hello"}]}"#,
            answer: "Message", streams: true, failure: .anthropic),
        APIOperation(
            method: .post, path: "/v1/messages/count_tokens", id: "countMessageTokens", group: "Questions",
            summary: "Count the tokens of a Messages request", body: "CountRequest",
            example: #"{"model":"sonnet","messages":[{"role":"user","content":"Hello"}]}"#, answer: "TokenCount",
            failure: .anthropic),
        APIOperation(
            method: .post, path: "/v1/responses/input_tokens", id: "countResponseTokens", group: "Questions",
            summary: "Count the tokens of a Responses request", body: "ResponsesCount",
            example: #"{"model":"sonnet","input":"Hello"}"#, answer: "TokenCount", failure: .openAI),
    ]

    private static let models = [
        APIOperation(
            method: .get, path: "/v1/models", id: "listModels", group: "Models", summary: "List the models",
            answer: "ModelList"),
        APIOperation(
            method: .get, path: "/v1/models/{model}", id: "getModel", group: "Models", summary: "Look at one model",
            parameters: ["model"], answer: "Model"),
    ]

    private static let kept = [
        APIOperation(
            method: .get, path: "/v1/responses/{response}", id: "getResponse", group: "Kept",
            summary: "Read a stored response", parameters: ["response"], answer: "Response"),
        APIOperation(
            method: .delete, path: "/v1/responses/{response}", id: "deleteResponse", group: "Kept",
            summary: "Delete a stored response", parameters: ["response"], answer: "Deletion"),
        APIOperation(
            method: .get, path: "/v1/responses/{response}/input_items", id: "listInputItems", group: "Kept",
            summary: "List the input of a stored response", parameters: ["response", "itemLimit", "order"],
            answer: "ItemList"),
        APIOperation(
            method: .get, path: "/v1/conversations", id: "listConversations", group: "Kept",
            summary: "List the caller's conversations, the last used first", parameters: ["limit", "after"],
            answer: "ConversationList"),
        APIOperation(
            method: .post, path: "/v1/conversations", id: "createConversation", group: "Kept",
            summary: "Begin a conversation under a new name", body: "ConversationBeginning", needsBody: false, example: "{}",
            answer: "Conversation", yields: "conversation"),
        APIOperation(
            method: .get, path: "/v1/conversations/{conversation}", id: "getConversation", group: "Kept",
            summary: "Look at a conversation", parameters: ["conversation"], answer: "Conversation"),
        APIOperation(
            method: .delete, path: "/v1/conversations/{conversation}", id: "deleteConversation", group: "Kept",
            summary: "Delete a conversation for good", parameters: ["conversation"], answer: "Deletion"),
    ]

    private static let account = [
        APIOperation(
            method: .get, path: "/v1/quota", id: "getQuota", group: "Account",
            summary: "Tell how far the account's limits are used up", answer: "Quota"),
        APIOperation(
            method: .get, path: "/v1/usage", id: "getUsage", group: "Account",
            summary: "Tell what the caller has used; an administrator's key, what everybody has",
            parameters: ["since", "until", "by", "key"], answer: "Usage"),
    ]

    private static let service = [
        APIOperation(
            method: .get, path: "/", id: "getService", group: "Operation", summary: "Tell what there is",
            needsKey: false, answer: "Information", failure: nil),
        APIOperation(
            method: .get, path: "/openapi.json", id: "getDescription", group: "Operation",
            summary: "This description", needsKey: false, answer: "Description", failure: nil),
        APIOperation(
            method: .get, path: "/health", id: "getHealth", group: "Operation",
            summary: "Tell whether the service lives, and how busy it is", needsKey: false, answer: "Health", failure: nil),
        APIOperation(
            method: .get, path: "/readyz", id: "getReadiness", group: "Operation",
            summary: "Tell whether questions can be answered", needsKey: false, answer: "Readiness", mayBeUnready: true,
            failure: nil),
        APIOperation(
            method: .get, path: "/metrics", id: "getMetrics", group: "Operation",
            summary: "Metrics for Prometheus, for administrators' keys", answer: nil),
    ]

    private static let conversationFields = ["conversationID"]
}
