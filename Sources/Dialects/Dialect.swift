public import Vocabulary

/// The languages that clients speak.
public enum Dialect: Sendable, CaseIterable {
    /// The vendors' own.
    public static let allCases: [Dialect] = [.anthropic, .chatCompletions, .responses]

    /// Anthropic Messages, `POST /v1/messages`.
    case anthropic
    /// OpenAI Chat Completions, `POST /v1/chat/completions`.
    case chatCompletions
    /// OpenAI Responses, `POST /v1/responses`.
    case responses
    /// What wrappers of the CLI have in common, `POST /api/run`.
    case agentRun

    /// Understands a request's body.
    ///
    /// Unknown fields are passed over and null counts as absent; what is missing or of the wrong type is
    /// refused by its path. The conversation shares the storage of `body`. What refers to stored responses
    /// (``ResponsesDraft``) finds none here.
    public func decode(
        _ body: [UInt8],
        context: RequestContext = RequestContext()
    ) throws(Refusal) -> Conversation {
        try RequestDraft(body, dialect: self, limits: context.limits).decode(context)
    }
}

/// What decoding depends on besides the body.
public struct RequestContext: Sendable {
    /// True on the endpoints that only count tokens: no limit is required, and any message may be the last.
    public var countsTokens: Bool
    /// Bounds on the body's JSON.
    public var limits: JSONLimits
    /// True where responses are stored unless a request says otherwise.
    public var storesResponses = false
    /// True when Codex asks.
    public var isCodex = false
    /// Seals summaries under the caller's key; nil where none can be made and none understood.
    public var summaries: (any SummarySeal)?
    /// What comes before the request's own messages; nil where that is nothing.
    public var history: (any StoredHistory)?
    /// The model, where the request's own word for it names a conversation too.
    public var model: String?
    /// The model of requests that name none; nil refuses them.
    public var defaultModel: String?
    /// How often an answer may search the web; nil where the caller may not.
    public var webSearches: Int?
    /// What the request's `anthropic-beta` field switches on; other dialects do not look at it.
    public var betas: Set<VendorBeta> = []

    /// The context of a request for an answer, unless said otherwise.
    public init(countsTokens: Bool = false, limits: JSONLimits = JSONLimits()) {
        self.countsTokens = countsTokens
        self.limits = limits
    }
}

/// The step from bytes to a JSON object, the same in every dialect.
enum RequestBody {
    static func parse(_ sent: [UInt8], limits: JSONLimits) throws(Refusal) -> JSONValue {
        let body = withoutByteOrderMark(sent)
        guard !body.isEmpty else { throw Refusal(.invalidRequest, "The request has no body.") }
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(parsing: body, limits: limits)
        } catch {
            throw Refusal(.invalidRequest, describe(error, limits))
        }
        guard document.root.kind == .object else {
            throw Refusal(.invalidRequest, "The request body must be a JSON object.")
        }
        return document.root
    }

    /// RFC 8259 §8.1: a mark may be passed over. Blanks in its place, so that offsets are those of the body as sent.
    private static func withoutByteOrderMark(_ body: [UInt8]) -> [UInt8] {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        guard body.starts(with: mark) else { return body }
        return body.count == mark.count ? [] : mark.map { _ in 0x20 } + body.dropFirst(mark.count)
    }

    private static func describe(_ error: JSONError, _ limits: JSONLimits) -> String {
        switch error.reason {
        case .syntax: "The request body is not valid JSON: unexpected input at byte \(error.offset)."
        case .encoding: "The request body is not valid UTF-8 at byte \(error.offset)."
        case .tooDeep: "The request body nests more than \(limits.depth) levels deep at byte \(error.offset)."
        case .tooManyValues: "The request body holds more than \(limits.values) JSON values."
        }
    }
}
