import HTTP
import Vocabulary

/// What apps ask for and this gateway does not have: each is refused by its name, with what to do instead.
enum MissingEndpoints {
    /// An endpoint of others; what lies below its path is missing with it.
    struct Endpoint: Sendable {
        /// The path, as the table of endpoints spells its own.
        let path: String
        /// What its user can do.
        let advice: String

        init(_ path: String, _ advice: String) {
            self.path = path
            self.advice = advice
        }

        /// An endpoint that another server has to be set for.
        init(_ path: String, elsewhere purpose: String) {
            self.init(path, "For \(purpose), set another server in the app.")
        }

        /// The refusal that says so.
        var refusal: Refusal { Refusal(.notFound, "/v1\(path) is not offered here. \(advice)") }
    }

    /// All that are known; real endpoints come before them, names of things after.
    static let all = [
        Endpoint("/completions", "Ask /v1/chat/completions."),
        Endpoint("/complete", "Ask /v1/messages."),
        Endpoint("/fim/completions", elsewhere: "completion of code while typing"),
        Endpoint("/embeddings", elsewhere: "embeddings"),
        Endpoint("/rerank", elsewhere: "reranking"),
        Endpoint("/audio/speech", elsewhere: "speech"),
        Endpoint("/audio/transcriptions", elsewhere: "transcriptions"),
        Endpoint("/audio/translations", elsewhere: "translations of speech"),
        Endpoint("/images/generations", elsewhere: "making images"),
        Endpoint("/images/edits", elsewhere: "editing images"),
        Endpoint("/images/variations", elsewhere: "variations of images"),
        Endpoint("/videos", elsewhere: "making videos"),
        Endpoint("/moderations", elsewhere: "moderation"),
        Endpoint("/realtime", elsewhere: "speech in real time"),
        Endpoint("/files", "Send a file's content within the request."),
        Endpoint("/uploads", "Send a file's content within the request."),
        Endpoint("/vector_stores", "Send what the model is to know within the request."),
        Endpoint("/batches", "Send the requests one by one."),
        Endpoint("/messages/batches", "Send the requests one by one to /v1/messages."),
        Endpoint("/fine_tuning/jobs", elsewhere: "fine-tuning"),
        Endpoint("/assistants", "Ask /v1/responses."),
        Endpoint("/threads", "Ask /v1/responses."),
        Endpoint("/responses/compact", "Send a shorter history to /v1/responses."),
        Endpoint("/organization", "GET /v1/quota tells of the account's limits."),
        Endpoint("/dashboard/billing/usage", "GET /v1/quota tells of the account's limits."),
        Endpoint("/dashboard/billing/subscription", "GET /v1/quota tells of the account's limits."),
        Endpoint("/model/info", "GET /v1/models tells of the models."),
        Endpoint("/model_group/info", "GET /v1/models tells of the models."),
        Endpoint("/openai/deployments", "Set the app to OpenAI rather than Azure, with a base URL that ends in /v1."),
        Endpoint("/api/chat", "Set the app to OpenAI rather than Ollama, with a base URL that ends in /v1."),
        Endpoint("/api/generate", "Set the app to OpenAI rather than Ollama, with a base URL that ends in /v1."),
        Endpoint("/api/tags", "Set the app to OpenAI rather than Ollama, with a base URL that ends in /v1."),
    ]
}

extension Refusal {
    /// A path that leads nowhere: what was asked, and how an app is set so that it asks rightly.
    ///
    /// The host is left out: only the client knows by which of the server's names it came.
    static func nowhere(_ request: Request, near endpoint: String? = nil) -> Refusal {
        let asked = "\(shown(request.method.name[...])) \(shown(request.path))"
        let advice =
            endpoint.map { "/v1\($0) is probably meant: set the app's URL so that it asks there." }
            ?? "An app for OpenAI takes this server's address with /v1 behind it as base URL, one for Anthropic's API "
            + "the address alone; GET / lists what there is."
        return Refusal(.notFound, "There is nothing at \(asked). \(advice)")
    }

    /// A body at the bare address: it could be any dialect's.
    static func bareAddress(_ request: Request) -> Refusal {
        Refusal(
            .methodNotAllowed,
            "\(shown(request.method.name[...])) \(shown(request.path)) is the address without an endpoint. If the app "
                + "wants a full URL, let it end in /v1/chat/completions for OpenAI's API, /v1/responses for its "
                + "Responses API or /v1/messages for Anthropic's.",
            allow: "GET, HEAD, OPTIONS")
    }

    private static func shown(_ text: Substring) -> String { shown(Array(text.utf8)[...]) }

    /// A bounded part of what the client sent, without what a terminal or a page could take for more than text.
    private static func shown(_ bytes: ArraySlice<UInt8>) -> String {
        let part = bytes.prefix(maxShownBytes).map { byte in
            let isPlain = byte > 0x20 && byte < 0x7F && !#""'<>&\`"#.utf8.contains(byte)
            return isPlain ? byte : UInt8(ascii: "?")
        }
        return String(decoding: part, as: UTF8.self) + (bytes.count > maxShownBytes ? "..." : "")
    }

    private static let maxShownBytes = 80
}
