/// What is counted of requests.
public struct UsageCount: Sendable, Equatable {
    /// Turns that were let in.
    public var requests = 0
    /// Those of them that failed, were left by their client or were cut off.
    public var failures = 0
    /// Requests that were not let in.
    public var refusals = 0
    /// Tokens read that no cache held.
    public var input = 0
    /// Tokens written.
    public var output = 0
    /// Tokens read from a cache.
    public var cacheRead = 0
    /// Tokens written to a cache.
    public var cacheWrite = 0
    /// The CLI's own cost, in thousand-millionths of a US dollar.
    public var cost = 0
    /// All turns' time together.
    public var milliseconds = 0
    /// All turns' time until their first byte together.
    public var firstMilliseconds = 0

    /// Nothing.
    public init() {}

    /// Counts another together with this one.
    public static func += (left: inout UsageCount, right: UsageCount) {
        left.requests += right.requests
        left.failures += right.failures
        left.refusals += right.refusals
        left.input += right.input
        left.output += right.output
        left.cacheRead += right.cacheRead
        left.cacheWrite += right.cacheWrite
        left.cost += right.cost
        left.milliseconds += right.milliseconds
        left.firstMilliseconds += right.firstMilliseconds
    }
}

/// What usage is counted under.
public struct UsagePlace: Sendable, Hashable {
    /// The id of the key.
    public var owner: String
    /// The model that answered.
    public var model: String
    /// The kind of client.
    public var client: String
    /// Hours since 1970 in UTC; the first of the day where the day has been folded.
    public var hour: Int

    /// What usage is counted under.
    public init(owner: String, model: String, client: String, hour: Int) {
        self.owner = owner
        self.model = model
        self.client = client
        self.hour = hour
    }
}

/// What the cost of a key's turns in an account is counted under.
public struct AccountPlace: Sendable, Hashable {
    /// The name of the account.
    public var account: String
    /// The id of the key.
    public var owner: String
    /// Hours since 1970 in UTC.
    public var hour: Int

    /// What the cost of a key's turns in an account is counted under.
    public init(account: String, owner: String, hour: Int) {
        self.account = account
        self.owner = owner
        self.hour = hour
    }
}

/// What a key's turns have cost in an account in one hour.
public struct AccountCost: Sendable, Equatable {
    /// Whose, where and when.
    public var place: AccountPlace
    /// In thousand-millionths of a US dollar.
    public var cost: Int
}

/// Requests that were refused for one reason.
public struct RefusalDelta: Sendable, Equatable {
    /// The id of the key.
    public var owner: String
    /// Why, in a word.
    public var reason: String
    /// Hours since 1970 in UTC.
    public var hour: Int
    /// How many more.
    public var count: Int

    /// Requests that were refused for one reason.
    public init(owner: String, reason: String, hour: Int, count: Int) {
        self.owner = owner
        self.reason = reason
        self.hour = hour
        self.count = count
    }
}

/// What one owner used in one second, for limits by the minute.
public struct RecentUse: Sendable, Equatable {
    /// The id of the key.
    public var owner: String
    /// Unix seconds.
    public var second: Int
    /// Turns that were let in.
    public var requests: Int
    /// Tokens read that no cache held.
    public var input: Int
    /// Tokens written.
    public var output: Int
    /// Tokens read from a cache.
    public var cached: Int

    /// What one owner used in one second.
    public init(owner: String, second: Int, requests: Int, input: Int, output: Int, cached: Int) {
        self.owner = owner
        self.second = second
        self.requests = requests
        self.input = input
        self.output = output
        self.cached = cached
    }
}

/// What a running turn has reserved: the most that it can use.
public struct UsageHold: Sendable, Equatable {
    /// Made by the caller, unique for ever.
    public var id: String
    /// The gateway that runs the turn.
    public var gateway: String
    /// Where it is counted when it ends.
    public var place: UsagePlace
    /// Turns.
    public var requests: Int
    /// Tokens read that no cache holds.
    public var input: Int
    /// Tokens written.
    public var output: Int
    /// Tokens read from a cache.
    public var cached: Int
    /// In thousand-millionths of a US dollar.
    public var cost: Int
    /// The last Unix second in which its gateway can still be running it.
    public var until: Int

    /// What a running turn has reserved.
    public init(
        id: String, gateway: String, place: UsagePlace, requests: Int, input: Int, output: Int, cached: Int, cost: Int,
        until: Int
    ) {
        self.id = id
        self.gateway = gateway
        self.place = place
        self.requests = requests
        self.input = input
        self.output = output
        self.cached = cached
        self.cost = cost
        self.until = until
    }
}

/// What has happened since the last batch; written in one transaction.
public struct UsageBatch: Sendable {
    /// To be added to what is there.
    public var usage: [UsagePlace: UsageCount] = [:]
    /// To be added to what is there, in thousand-millionths of a US dollar.
    public var accountCosts: [AccountPlace: Int] = [:]
    /// To be added to what is there.
    public var refusals: [RefusalDelta] = []
    /// To be added to what is there; a number may be negative.
    public var recent: [RecentUse] = []
    /// What turns that have begun reserve.
    public var holds: [UsageHold] = []
    /// The ids of holds whose turns have ended; what these used is in `usage`. They may have begun in this batch.
    public var dropped: [String] = []
    /// What was used in seconds before this one is forgotten.
    public var recentSince = 0

    /// An empty one.
    public init() {}

    /// True when there is nothing to write.
    public var isEmpty: Bool {
        usage.isEmpty && accountCosts.isEmpty && refusals.isEmpty && recent.isEmpty && holds.isEmpty && dropped.isEmpty
    }
}
