import Vocabulary

/// The most tokens that a turn can come to, known before it begins.
public struct TurnBound: Sendable, Equatable {
    /// The longest prompt of one request.
    public var promptTokens = 0
    /// The prompts of all requests.
    public var inputTokens = 0
    /// All answers.
    public var outputTokens = 0
    /// Searches of the web.
    public var webSearches = 0

    /// Nothing at all, as for a turn in which tokens are counted.
    public init() {}
}

extension TurnPlan {
    /// What the turn comes to at the most, with a model that reads `contextTokens` and is sent `unsaidOutput` as
    /// `max_tokens` where nothing limits its answer; the CLI may ask again `retries` times what broke off at once.
    ///
    /// A token is no less than a byte of text. An image is no more than the vendor makes of the largest. How many pages a
    /// file has, and what servers' tools say, is not known: no prompt is longer than the context window, which a longer
    /// one is refused for. What a kept process has thought before, and the client does not send back, comes on top.
    public func bound(unsaidOutput: Int, contextTokens: Int, retries: Int) -> TurnBound {
        var bound = TurnBound()
        guard !counts else { return bound }
        bound.webSearches = tools.mostSearches
        // Nobody knows how long what servers' tools say and what a search finds is.
        let isKnown = servers.isEmpty && bound.webSearches == 0
        bound.promptTokens = isKnown ? min(contextTokens, mostPromptTokens) : contextTokens
        bound.inputTokens = bound.promptTokens.times(mostMessages.plus(max(0, retries)))
        // What is asked for again has said nothing yet.
        let torn = max(0, retries).times(Self.overhead)
        bound.outputTokens = mostOutput(unsaid: unsaidOutput).times(mostMessages).plus(torn)
        return bound
    }

    /// Bounds the answer by so many tokens, where it would be longer; `unsaidOutput` is what is sent where nothing limits
    /// it. False, and nothing is changed, for a CLI that does not take such a bound.
    ///
    /// A kept process is told of it like of any other setting.
    public mutating func limitOutput(to tokens: Int, unsaidOutput: Int) -> Bool {
        settings.limitOutput(to: tokens, unsaid: unsaidOutput)
    }

    /// The `max_tokens` of each request.
    public func mostOutput(unsaid: Int) -> Int { settings.maxTokens ?? unsaid }

    private var mostPromptTokens: Int {
        var sum = Self.ownTokens
        for text in system { sum = sum.plus(text.escaped.count + Self.overhead) }
        for tool in tools.all {
            let description = tool.description?.escaped.count ?? 0
            sum = sum.plus(tool.name.escaped.count + description + tool.schema.bytes.count + 2 * Self.overhead)
        }
        sum = sum.plus(settings.extraBody.count)
        for message in messages { sum = sum.plus(Self.overhead).plus(Self.most(message.blocks)) }
        return sum
    }

    private static func most(_ blocks: [Block]) -> Int {
        blocks.reduce(0) { $0.plus(overhead).plus(most($1)) }
    }

    private static func most(_ block: Block) -> Int {
        switch block {
        case .text(let text): text.escaped.count
        case .image: largestImage
        case .toolUse(let id, let name, let input): id.escaped.count + name.escaped.count + input.bytes.count
        case .toolResult(let id, let blocks, _): id.escaped.count.plus(most(blocks))
        case .thinking(let text, let signature): text.escaped.count + signature.escaped.count
        case .redactedThinking(let data): data.escaped.count
        case .document(let whole): isText(whole) ? whole.bytes.count : .max
        case .other(let whole): whole.bytes.count.plus(largestImage)
        }
    }

    /// True for a document that is nothing but its text.
    private static func isText(_ document: JSONFragment) -> Bool {
        guard let parsed = try? JSONDocument(parsing: Array(document.bytes)) else { return false }
        return parsed.root["source"]?["type"]?.text == "text"
    }

    /// The vendor scales a picture down to 2576 pixels a side, and counts no more than this for it; older models less.
    private static let largestImage = 4784

    /// What stands around a message, a block or a tool when the vendor writes them for the model, generously.
    private static let overhead = 64

    /// What the CLI and the vendor add to any prompt: the CLI's names for itself and its surroundings have less than 2000
    /// bytes, the vendor's own words on tools less than 1000 tokens.
    private static let ownTokens = 4096
}
