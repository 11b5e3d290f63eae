import Dialects
import Testing
import Vocabulary

@Suite("Error replies") struct ErrorReplyTests {
    private func text(_ reply: ErrorReply) -> String { String(decoding: reply.body, as: UTF8.self) }

    private func field(_ reply: ErrorReply, _ name: String) -> String? {
        reply.fields.first { $0.name.description == name }?.value
    }

    @Test(
        "every kind has its status and type in each envelope",
        arguments: [
            (FailureKind.invalidRequest, 400, "invalid_request_error", 400, "invalid_request_error"),
            (.unauthenticated, 401, "authentication_error", 401, "invalid_request_error"),
            (.paymentRequired, 402, "billing_error", 402, "insufficient_quota"),
            (.forbidden, 403, "permission_error", 403, "permission_error"),
            (.notFound, 404, "not_found_error", 404, "invalid_request_error"),
            (.modelNotFound, 404, "not_found_error", 404, "invalid_request_error"),
            (.methodNotAllowed, 405, "invalid_request_error", 405, "invalid_request_error"),
            (.requestTimeout, 408, "invalid_request_error", 408, "invalid_request_error"),
            (.tooLarge, 413, "request_too_large", 413, "invalid_request_error"),
            (.unsupportedMediaType, 415, "invalid_request_error", 415, "invalid_request_error"),
            (.headersTooLarge, 431, "invalid_request_error", 431, "invalid_request_error"),
            (.conflict, 409, "conflict_error", 409, "invalid_request_error"),
            (.rateLimited, 429, "rate_limit_error", 429, "rate_limit_error"),
            (.internalError, 500, "api_error", 500, "server_error"),
            (.badGateway, 502, "api_error", 502, "server_error"),
            (.unavailable, 503, "api_error", 503, "server_error"),
            (.gatewayTimeout, 504, "timeout_error", 504, "server_error"),
            (.overloaded, 529, "overloaded_error", 503, "server_error"),
        ]
    )
    func table(kind: FailureKind, status: Int, type: String, openAIStatus: Int, openAIType: String) throws {
        let refusal = Refusal(kind, "Words.")
        let anthropic = ErrorReply(refusal, dialect: .anthropic, requestID: "req_1")
        #expect(anthropic.status == status)
        #expect(
            text(anthropic)
                == #"{"type":"error","error":{"type":"\#(type)","message":"Words."},"request_id":"req_1"}"#
        )
        for dialect in [Dialect.chatCompletions, .responses] {
            let reply = ErrorReply(refusal, dialect: dialect, requestID: "req_1")
            #expect(reply.status == openAIStatus)
            let error = try #require(JSONDocument(parsing: reply.body).root["error"])
            #expect(error["type"]?.text?.string == openAIType)
            #expect(error["message"]?.text?.string.hasSuffix("Words.") == true)
            #expect(error["param"] != nil && error["code"] != nil)
        }
    }

    @Test("OpenAI's envelope names what clients decide by")
    func openAI() {
        let key = ErrorReply(Refusal(.unauthenticated, "No such key."), dialect: .responses, requestID: "r")
        #expect(
            text(key)
                == #"{"error":{"message":"Incorrect API key provided. No such key.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#
        )
        let model = ErrorReply(Refusal(.modelNotFound, "None."), dialect: .chatCompletions, requestID: "r")
        #expect(text(model).contains(#""param":"model","code":"model_not_found""#))
        let field = ErrorReply(
            Refusal(.invalidRequest, "n: no", param: "n"),
            dialect: .chatCompletions,
            requestID: "r"
        )
        #expect(text(field).contains(#""param":"n","code":null"#))
        let long = ErrorReply(
            Fault(.invalidRequest, "prompt is too long: 9 tokens > 8 maximum"),
            dialect: .chatCompletions,
            requestID: "r"
        )
        #expect(text(long).contains("This model's maximum context length is"))
        #expect(text(long).contains("\"code\":\"context_length_exceeded\""))
        let upstream = ErrorReply(Fault(.unauthenticated, "x"), dialect: .chatCompletions, requestID: "r")
        #expect(
            !text(upstream).contains("Incorrect API key") && text(upstream).contains("authentication_error")
        )
    }

    @Test("Anthropic's envelope carries a refusal's code as a detail")
    func details() {
        let reply = ErrorReply(
            Refusal(.invalidRequest, "No threads.", code: "thread_unsupported_request"),
            dialect: .anthropic,
            requestID: "req_1"
        )
        #expect(
            text(reply)
                == #"{"type":"error","error":{"type":"invalid_request_error","message":"No threads.","details":{"error_code":"thread_unsupported_request"}},"request_id":"req_1"}"#
        )
    }

    @Test("fields tell when and whether to try again, and what is allowed")
    func fields() {
        let limit = ErrorReply(
            Fault(
                .rateLimited,
                "Limit.",
                retryAfterSeconds: 7200,
                shouldRetry: false,
                resetsAt: 1_795_219_812
            ),
            dialect: .anthropic,
            requestID: "r"
        )
        #expect(field(limit, "retry-after") == "7200" && field(limit, "x-should-retry") == "false")
        #expect(text(limit).contains("\"reset_at\":\"2026-11-21T00:10:12Z\""))
        let busy = ErrorReply(Fault(.overloaded, "Busy."), dialect: .responses, requestID: "r")
        #expect(field(busy, "retry-after") == "2" && field(busy, "x-should-retry") == nil)
        let method = ErrorReply(
            Refusal(.methodNotAllowed, "No.", allow: "POST, OPTIONS"),
            dialect: .anthropic,
            requestID: "r"
        )
        #expect(
            field(method, "allow") == "POST, OPTIONS" && field(method, "content-type") == "application/json"
        )
        #expect(field(method, "retry-after") == nil)
    }

    @Test(
        "what asking again cannot change says so, in every dialect and whoever's fault it was",
        arguments: [
            FailureKind.invalidRequest, .unauthenticated, .paymentRequired, .forbidden, .notFound, .modelNotFound,
            .methodNotAllowed, .tooLarge, .targetTooLong, .unsupportedMediaType, .expectationFailed, .headersTooLarge,
            .notImplemented,
        ])
    func final(kind: FailureKind) {
        for dialect in Dialect.allCases {
            for reply in [
                ErrorReply(Refusal(kind, "No."), dialect: dialect, requestID: "r"),
                ErrorReply(Fault(kind, "No."), dialect: dialect, requestID: "r"),
            ] {
                #expect(field(reply, "x-should-retry") == "false" && field(reply, "retry-after") == nil)
            }
        }
    }

    @Test(
        "what may pass is left to the client's own rules",
        arguments: [
            FailureKind.misdirected, .requestTimeout, .conflict, .rateLimited, .internalError, .badGateway,
            .unavailable, .gatewayTimeout, .overloaded,
        ])
    func passing(kind: FailureKind) {
        for dialect in Dialect.allCases {
            let reply = ErrorReply(Fault(kind, "Later."), dialect: dialect, requestID: "r")
            #expect(field(reply, "x-should-retry") == nil)
            let told = ErrorReply(Fault(kind, "Never.", shouldRetry: false), dialect: dialect, requestID: "r")
            #expect(field(told, "x-should-retry") == "false")
        }
    }

    @Test(
        "a wait is slept or refused, and one that is refused is longer than anybody sleeps",
        arguments: [(1, "1", nil), (20, "20", nil), (21, "61", "false"), (60, "61", "false"), (7200, "7200", "false")])
    func waits(seconds: Int, retryAfter: String, shouldRetry: String?) {
        for kind in [FailureKind.rateLimited, .unavailable, .overloaded] {
            for dialect in Dialect.allCases {
                let fault = Fault(kind, "Later.", retryAfterSeconds: seconds)
                let reply = ErrorReply(fault, dialect: dialect, requestID: "r")
                #expect(field(reply, "retry-after") == retryAfter && field(reply, "x-should-retry") == shouldRetry)
            }
        }
    }

    @Test("a fault's detail is for the log alone", arguments: Dialect.allCases)
    func detail(dialect: Dialect) {
        let reply = ErrorReply(
            Fault(.internalError, "Broken.", detail: "/secret/path"),
            dialect: dialect,
            requestID: "r"
        )
        #expect(!text(reply).contains("secret"))
    }

    @Test("models are listed in the one shape for both vendors")
    func models() {
        let list = ModelList.list([
            ModelEntry(id: "sonnet", displayName: "Sonnet", created: 951_782_400),
            ModelEntry(id: "opus", displayName: "Opus", created: 1_795_000_000),
        ])
        #expect(
            String(decoding: list, as: UTF8.self)
                == #"{"object":"list","data":[{"id":"sonnet","object":"model","type":"model","owned_by":"anthropic","created":951782400,"display_name":"Sonnet","name":"Sonnet","created_at":"2000-02-29T00:00:00Z","lifecycle":"active"},{"id":"opus","object":"model","type":"model","owned_by":"anthropic","created":1795000000,"display_name":"Opus","name":"Opus","created_at":"2026-11-18T11:06:40Z","lifecycle":"active"}],"has_more":false,"first_id":"sonnet","last_id":"opus"}"#
        )
        #expect(String(decoding: ModelList.list([]), as: UTF8.self).contains("\"first_id\":null"))
        let entry = ModelList.entry(ModelEntry(id: "a\"b", displayName: "A", created: 0))
        #expect(String(decoding: entry, as: UTF8.self).contains(#""id":"a\"b""#))
    }

    @Test("what is known of a model is told in every spelling that apps read, and nothing else")
    func modelLimits() {
        var model = ModelEntry(id: "m", displayName: "M", created: 0)
        let bare = String(decoding: ModelList.entry(model), as: UTF8.self)
        for name in ["max_", "context_length", "top_provider", "architecture", "supported_parameters"] {
            #expect(!bare.contains(name))
        }
        (model.contextTokens, model.maxOutputTokens) = (200_000, 64_000)
        (model.inputs, model.parameters) = (["image"], ["tools"])
        let end =
            #""max_input_tokens":200000,"max_tokens":64000,"context_length":200000,"#
            + #""top_provider":{"context_length":200000,"max_completion_tokens":64000},"#
            + #""architecture":{"modality":"text+image->text","input_modalities":["text","image"],"#
            + #""output_modalities":["text"]},"supported_parameters":["tools"]}"#
        #expect(String(decoding: ModelList.entry(model), as: UTF8.self).hasSuffix(end))
    }

    @Test("token counts")
    func tokens() {
        #expect(String(decoding: TokenCount.anthropic(14), as: UTF8.self) == #"{"input_tokens":14}"#)
        #expect(
            String(decoding: TokenCount.responses(14), as: UTF8.self)
                == #"{"object":"response.input_tokens","input_tokens":14}"#
        )
    }
}
