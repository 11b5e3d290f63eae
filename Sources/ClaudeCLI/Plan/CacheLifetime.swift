/// How long the vendor keeps a prompt's prefix that was marked to be cached.
///
/// The vendor refuses a request whose longer marks follow shorter ones, so a mark of ours must live exactly as
/// long as the CLI's own; the child is therefore told the lifetime rather than left to choose it.
public enum CacheLifetime: Sendable, Equatable {
    /// The operator has switched caching off, or it is not known how long the CLI's marks live.
    case off
    case fiveMinutes, oneHour

    /// What the operator chose, and else what the CLI chooses: an hour for subscriptions, five minutes for
    /// others, whose longer marks would cost more.
    init(operatorEnvironment: [String], isSubscription: Bool) {
        var values: [Substring: Substring] = [:]
        for pair in operatorEnvironment {
            let name = pair.prefix { $0 != "=" }
            values[name] = pair.dropFirst(name.count + 1)
        }
        let shorter = [values["FORCE_PROMPT_CACHING_5M"], values["CLAUDE_CODE_MESSAGES_PROMPT_CACHE_TTL"]]
        if values.keys.contains(where: { $0.hasPrefix("DISABLE_PROMPT_CACHING") }) || shorter != [nil, nil] {
            self = .off
        } else if let chosen = values[Self.variable] {
            self = chosen == "1h" ? .oneHour : chosen == "5m" ? .fiveMinutes : .off
        } else {
            let isLong = isSubscription || values["ENABLE_PROMPT_CACHING_1H"] != nil
            self = isLong ? .oneHour : .fiveMinutes
        }
    }

    /// The variable by which the CLI is told.
    static let variable: Substring = "CLAUDE_CODE_PROMPT_CACHE_TTL"

    /// The assignment for the child's environment.
    var assignments: [String] {
        switch self {
        case .off: []
        case .fiveMinutes: ["\(Self.variable)=5m"]
        case .oneHour: ["\(Self.variable)=1h"]
        }
    }

    /// The mark as a member of a block.
    var member: StaticString? {
        switch self {
        case .off: nil
        case .fiveMinutes: "\"cache_control\":{\"type\":\"ephemeral\"}"
        case .oneHour: "\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}"
        }
    }
}
