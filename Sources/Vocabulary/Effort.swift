/// How hard a model is to think, in the vendor's words, least first.
public enum Effort: String, Sendable, CaseIterable, Comparable {
    case low, medium, high, xhigh, max

    public static func < (left: Effort, right: Effort) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .low: 0
        case .medium: 1
        case .high: 2
        case .xhigh: 3
        case .max: 4
        }
    }
}

/// How hard a model is to think, in OpenAI's words, which know also no thinking at all.
public enum ReasoningEffort: String, Sendable, CaseIterable {
    case none, minimal, low, medium, high, xhigh, max

    /// The vendor's word for it; nil where there is to be no thinking.
    public var effort: Effort? {
        switch self {
        case .none: nil
        case .minimal: .low
        default: Effort(rawValue: rawValue)
        }
    }
}
