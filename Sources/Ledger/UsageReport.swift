/// Which usage is asked for.
public struct UsageFilter: Sendable {
    /// The id of a key; nil for all of them.
    public var owner: String?
    /// The first hour, in hours since 1970 in UTC.
    public var since: Int
    /// The first hour that is not asked for any more.
    public var until: Int

    /// Which usage is asked for.
    public init(owner: String? = nil, since: Int = 0, until: Int = Int.max) {
        self.owner = owner
        self.since = since
        self.until = until
    }
}

extension UsageFilter {
    /// One key's rows are few, and asked for by its holder.
    fileprivate var kind: Ledger.ReadKind { owner == nil ? .report : .own }
}

/// What the rows of a report stand for.
public enum UsageGrouping: String, Sendable, CaseIterable {
    /// An hour, as far as it has not been folded into its day.
    case hour
    /// A day in UTC.
    case day
    /// A calendar month in UTC.
    case month
    /// A model.
    case model
    /// A kind of client.
    case client
    /// A key, by its id.
    case key
}

/// What a row of a report stands for.
public enum UsageGroup: Sendable, Hashable {
    /// The time that begins with this hour since 1970.
    case from(hour: Int)
    /// A model, a client or the id of a key.
    case name(String)
}

/// One row of a report.
public struct UsageRow: Sendable, Equatable {
    /// What it stands for.
    public var group: UsageGroup
    /// What was used.
    public var count: UsageCount
}

/// What one key used in one hour.
public struct OwnerHour: Sendable, Equatable {
    /// The id of the key.
    public var owner: String
    /// Hours since 1970 in UTC.
    public var hour: Int
    /// What was used.
    public var count: UsageCount
}

/// One row of a report on refusals.
public struct RefusalRow: Sendable, Equatable {
    /// What it stands for; with models and clients, which are not known of refusals, the reason.
    public var group: UsageGroup
    /// Why, in a word.
    public var reason: String
    /// How many.
    public var count: Int
}

extension UsageStore {
    /// What each owner has used since an hour, in the order of their ids.
    public func sums(since hour: Int, then: @escaping @Sendable (Result<[UsageRow], LedgerFault>) -> Void) {
        report(UsageFilter(since: hour), by: .key, then: then)
    }

    /// What each owner has used in each hour from one on, in the order of their ids.
    public func hours(since hour: Int, then: @escaping @Sendable (Result<[OwnerHour], LedgerFault>) -> Void) {
        ledger.read(
            .report,
            { (database) throws(LedgerFault) in
                try database.rows(
                    """
                    SELECT owner, hour, sum(requests), sum(failures), sum(refusals), sum(input), sum(output),
                        sum(cache_read), sum(cache_write), sum(cost), sum(milliseconds), sum(first_milliseconds)
                    FROM usage WHERE hour >= ?1 GROUP BY owner, hour ORDER BY owner, hour
                    """, hour
                ) { OwnerHour(owner: $0.text(0), hour: $0.integer(1), count: UsageCount($0, from: 2)) }
            }, then: then)
    }

    /// What the turns of each owner have cost in each account, hour by hour from one on.
    public func accountCosts(since hour: Int, then: @escaping @Sendable (Result<[AccountCost], LedgerFault>) -> Void) {
        ledger.read(
            .report,
            { (database) throws(LedgerFault) in
                try database.rows(
                    "SELECT account, owner, hour, cost FROM account_costs WHERE hour >= ?1 ORDER BY account, owner, hour", hour
                ) { row in
                    AccountCost(
                        place: AccountPlace(account: row.text(0), owner: row.text(1), hour: row.integer(2)), cost: row.integer(3))
                }
            }, then: then)
    }

    /// The newest hour in which anything was counted; nil where nothing was.
    public func newestHour(then: @escaping @Sendable (Result<Int?, LedgerFault>) -> Void) {
        ledger.read(
            .report,
            { (database) throws(LedgerFault) in
                try database.first("SELECT hour FROM usage ORDER BY hour DESC LIMIT 1", body: { $0.integer(0) })
            }, then: then)
    }

    /// What was used, in the order of the groups.
    public func report(
        _ filter: UsageFilter, by grouping: UsageGrouping,
        then: @escaping @Sendable (Result<[UsageRow], LedgerFault>) -> Void
    ) {
        ledger.read(
            filter.kind, { (database) throws(LedgerFault) in try Self.report(filter, by: grouping, in: database) }, then: then)
    }

    static func report(
        _ filter: UsageFilter, by grouping: UsageGrouping, in database: Database
    ) throws(LedgerFault) -> [UsageRow] {
        let group = column(of: grouping)
        let rows = try database.rows(
            composed: """
                SELECT \(group), sum(requests), sum(failures), sum(refusals), sum(input), sum(output),
                    sum(cache_read), sum(cache_write), sum(cost), sum(milliseconds), sum(first_milliseconds)
                FROM usage WHERE \(condition(filter)) GROUP BY 1 ORDER BY 1
                """, values(filter)
        ) { UsageRow(group: self.group($0, grouping), count: UsageCount($0, from: 1)) }
        return merged(rows)
    }

    /// How many requests were refused and why, in the order of the groups.
    public func refusals(
        _ filter: UsageFilter, by grouping: UsageGrouping,
        then: @escaping @Sendable (Result<[RefusalRow], LedgerFault>) -> Void
    ) {
        ledger.read(
            filter.kind, { (database) throws(LedgerFault) in try Self.refusals(filter, by: grouping, in: database) },
            then: then)
    }

    static func refusals(
        _ filter: UsageFilter, by grouping: UsageGrouping, in database: Database
    ) throws(LedgerFault) -> [RefusalRow] {
        let isKnown = grouping != .model && grouping != .client
        let group = isKnown ? column(of: grouping) : "reason"
        let rows = try database.rows(
            composed: """
                SELECT \(group), reason, sum(count) FROM refusals WHERE \(condition(filter))
                GROUP BY 1, 2 ORDER BY 1, 2
                """, values(filter)
        ) { RefusalRow(group: self.group($0, grouping), reason: $0.text(1), count: $0.integer(2)) }
        return grouping == .month ? merged(rows) : rows
    }

    /// What was used in each second that is remembered from then on.
    public func recent(since second: Int, then: @escaping @Sendable (Result<[RecentUse], LedgerFault>) -> Void) {
        ledger.read(
            .report,
            { (database) throws(LedgerFault) in
                try database.rows(
                    """
                    SELECT owner, second, requests, input, output, cached FROM recent WHERE second >= ?1
                    ORDER BY owner, second
                    """, second
                ) { row in
                    RecentUse(
                        owner: row.text(0), second: row.integer(1), requests: row.integer(2), input: row.integer(3),
                        output: row.integer(4), cached: row.integer(5))
                }
            }, then: then)
    }

    // MARK: - Pieces of statements

    // Months are put together of days afterwards: calendars differ between databases.
    private static func column(of grouping: UsageGrouping) -> String {
        switch grouping {
        case .hour: "hour"
        case .day, .month: "hour - hour % 24"
        case .model: "model"
        case .client: "client"
        case .key: "owner"
        }
    }

    // Two statements and not one with a condition that may be null: only so the owner's rows are found by their key.
    // Those of all owners are read in the order of their key; the sign keeps the index on hours out of it, by which
    // most of the table would be read row by row.
    private static func condition(_ filter: UsageFilter) -> String {
        filter.owner == nil ? "+hour >= ?1 AND +hour < ?2" : "owner = ?3 AND hour >= ?1 AND hour < ?2"
    }

    private static func values(_ filter: UsageFilter) -> [any Storable] {
        guard let owner = filter.owner else { return [filter.since, filter.until] }
        return [filter.since, filter.until, owner]
    }

    private static func group(_ row: Statement, _ grouping: UsageGrouping) -> UsageGroup {
        switch grouping {
        case .hour, .day: .from(hour: row.integer(0))
        case .month: .from(hour: CalendarMonth.firstHour(of: row.integer(0)))
        case .model, .client, .key: .name(row.text(0))
        }
    }

    /// Puts neighbours of one group together.
    private static func merged(_ rows: [UsageRow]) -> [UsageRow] {
        var merged: [UsageRow] = []
        for row in rows {
            if merged.last?.group == row.group { merged[merged.count - 1].count += row.count } else { merged.append(row) }
        }
        return merged
    }

    /// Puts the days of a month together, reason by reason.
    private static func merged(_ rows: [RefusalRow]) -> [RefusalRow] {
        var merged: [RefusalRow] = []
        for row in rows {
            let known = merged.lastIndex { $0.group != row.group || $0.reason == row.reason }
            if let known, merged[known].group == row.group {
                merged[known].count += row.count
            } else {
                merged.append(row)
            }
        }
        return merged
    }
}
