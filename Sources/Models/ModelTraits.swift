public import Vocabulary

/// What one of the vendor's models takes and refuses.
///
/// The vendor answers 400 to a parameter that a model does not know. All that the gateway knows of models is in here and
/// in the rows of ``ModelTraits/known``; what the vendor's pages leave open is noted there.
public struct ModelTraits: Sendable, Equatable {
    /// Which sampling parameters a model takes.
    public enum SamplingRule: Sendable, Equatable {
        /// All, in any combination.
        case free
        /// `temperature` or `top_p`, but not both.
        case oneOfTwo
        /// None but a temperature of 1, which holds anyway.
        case fixed
        /// The same, and a `top_p` of 0.99.
        case fixedWithTopP
    }

    /// The values of `thinking.type` that a model takes.
    public struct ThinkingWords: OptionSet, Sendable {
        /// The words as bits.
        public let rawValue: UInt8

        /// Words by their bits.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// As much as it finds right.
        public static let adaptive = ThinkingWords(rawValue: 1)
        /// With a budget.
        public static let enabled = ThinkingWords(rawValue: 2)
        /// Not at all.
        public static let disabled = ThinkingWords(rawValue: 4)
        /// Only what it notes between two calls of tools.
        public static let betweenTools = ThinkingWords(rawValue: 8)
    }

    /// Whether `tool_choice` may force a call.
    public enum ForcedCalls: Sendable, Equatable {
        case refused
        /// Only while the model does not think.
        case withoutThinking
        /// Unless it thinks with a budget.
        case taken
    }

    /// How a model is told not to think.
    public enum ThinkingOff: Sendable, Equatable {
        /// It does not think unless told to.
        case unsaid
        case said(Thinking)
        /// It always thinks.
        case impossible
    }

    /// The name by which requests ask for it.
    public var id: String
    /// The name for people.
    public var displayName: String
    /// Its family and version; of a family that is not known for other vendors' models.
    public var version: ModelVersion
    /// The sampling parameters that it takes.
    public var sampling = SamplingRule.fixed
    /// The values of `thinking.type` that it takes.
    public var words: ThinkingWords = [.adaptive]
    /// True when it thinks although a request says nothing of thinking.
    public var thinksUnasked = true
    /// The efforts that it knows, least first.
    public var efforts = Effort.allCases
    /// True when efforts above high are refused while thinking is off.
    public var limitsEffortWithoutThinking = false
    /// Whether a call can be forced.
    public var forcedCalls = ForcedCalls.taken
    /// True when a thinking block is only taken back behind the very conversation that stood before it.
    public var checksPrefix = false
    /// True when `thinking.display` may be `updates`: what the model writes between calls, and nothing else.
    public var tellsUpdates = false
    /// The most that `max_tokens` may be.
    public var maxOutputTokens = 128_000
    /// The tokens of the context window.
    public var contextTokens = 1_000_000
    /// The `max_tokens` that the CLI sends where a request names none.
    public var unsaidOutputTokens = 64_000
    /// What its tokens cost; nil where the CLI knows no price.
    public var price: Price?
    /// False where these are the rules of a relative, or of what an alias stands for: nothing is certain of the model.
    public var isKnown = true

    init(
        _ id: String, _ displayName: String, _ price: Price? = nil,
        _ change: (inout ModelTraits) -> Void = { _ in }
    ) {
        self.price = price
        self.id = id
        self.displayName = displayName
        version = ModelVersion(name: id) ?? ModelVersion(nil, 0, 0)
        change(&self)
    }

    /// True when it reads PDF files; all of the vendor's models see images.
    public var readsFiles: Bool { !version.isOlder(than: ModelVersion(version.family, 4, 0)) }

    /// How it is told not to think.
    public var thinkingOff: ThinkingOff {
        if !thinksUnasked { return .unsaid }
        if words.contains(.betweenTools) { return .said(.betweenTools) }
        return words.contains(.disabled) ? .said(.disabled) : .impossible
    }

    /// The greatest effort that it knows up to `effort`; nil when it knows none.
    func nearest(to effort: Effort) -> Effort? { efforts.last { $0 <= effort } ?? efforts.first }
}

extension ModelTraits {
    /// The traits of the model that the CLI is asked for by `name`; `resolved` tells what the CLI's aliases stand for.
    ///
    /// Names with a date have the rules of the name without. An unknown name has the rules of the next younger model of
    /// its family, or of the family's youngest; one of an unknown family those of the strictest. What is no name of the
    /// vendor's is another vendor's model, of which nothing is known: it gets what is asked.
    public static func of(_ name: String, resolved: [String: String] = [:]) -> ModelTraits {
        var traits = lookUp(name, resolved)
        if !traits.isKnown { traits.unsaidOutputTokens = max(128_000, traits.unsaidOutputTokens) }
        if name.hasSuffix("[1m]") { traits.contextTokens = 1_000_000 }
        return traits
    }

    private static func lookUp(_ name: String, _ resolved: [String: String]) -> ModelTraits {
        if let alias = Alias(bare(name)) {
            guard let full = resolved[name] ?? resolved[bare(name)], Alias(bare(full)) == nil else {
                return relative(ModelVersion(alias.family, .max, 0))
            }
            // What an alias stands for is the CLI's matter until it asks.
            var traits = lookUp(full, [:])
            traits.isKnown = false
            return traits
        }
        guard let version = ModelVersion(name: name) else { return foreign(name) }
        if let exact = known.first(where: { $0.version == version }) { return exact }
        return relative(version)
    }

    /// The youngest model of a family.
    public static func youngest(of family: ModelFamily) -> ModelTraits? {
        known.first { $0.version.family == family }
    }

    /// The family of a model by the name that the CLI is given; nil for names that do not say.
    public static func family(of name: String) -> ModelFamily? {
        Alias(bare(name))?.family ?? ModelVersion(name: name)?.family
            ?? ModelFamily.allCases.first { name.lowercased().contains($0.rawValue) }
    }

    /// One of the CLI's own names.
    private struct Alias {
        /// The family of what it stands for; nil where that is the CLI's choice.
        let family: ModelFamily?

        init?(_ name: String) {
            switch name {
            case "sonnet", "opus", "haiku", "fable": family = ModelFamily(rawValue: name)
            case "best": family = .opus
            // It plans only where it is asked to plan.
            case "opusplan": family = .sonnet
            case "default": family = nil
            default: return nil
            }
        }
    }

    private static func bare(_ name: String) -> String {
        String(name.prefix { $0 != "[" })
    }

    private static func relative(_ version: ModelVersion) -> ModelTraits {
        let family = known.filter { $0.version.family == version.family }
        // The rows of a family stand youngest first.
        var traits = family.last { !$0.version.isOlder(than: version) } ?? family.first ?? strictest
        traits.isKnown = false
        return traits
    }

    private static func foreign(_ name: String) -> ModelTraits {
        ModelTraits(name, name) { traits in
            traits.sampling = .free
            traits.words = [.adaptive, .enabled, .disabled, .betweenTools]
            traits.thinksUnasked = false
            traits.maxOutputTokens = .max
            traits.isKnown = false
        }
    }
}
