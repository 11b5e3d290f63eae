extension Ledger {
    /// What keys used, and what their running turns have reserved.
    public var usage: UsageStore { UsageStore(self) }
}

/// What keys used, and what their running turns have reserved.
///
/// All numbers are added to what is there, so that several gateways can count in the same rows.
public struct UsageStore: Sendable {
    let ledger: Ledger

    init(_ ledger: Ledger) { self.ledger = ledger }

    /// Writes a batch, whole or not at all.
    public func apply(_ batch: UsageBatch, then: @escaping @Sendable (Result<Void, LedgerFault>) -> Void) {
        ledger.write({ (database) throws(LedgerFault) in try Self.apply(batch, in: database) }, then: then)
    }

    /// Counts what turns had reserved that this gateway ran in an earlier life, or whose gateway can no longer be
    /// running them: all of it as used, each turn as a failure. `then` hears of those turns. To be asked once, before
    /// the gateway holds anything.
    public func takeOver(
        gateway: String, at second: Int, then: @escaping @Sendable (Result<[UsageHold], LedgerFault>) -> Void
    ) {
        ledger.write(
            { (database) throws(LedgerFault) in try Self.takeOver(gateway: gateway, at: second, in: database) },
            then: then)
    }

    /// What turns have reserved that a gateway runs.
    public func holds(
        of gateway: String, then: @escaping @Sendable (Result<[UsageHold], LedgerFault>) -> Void
    ) {
        ledger.read(
            .lookup,
            { (database) throws(LedgerFault) in
                try database.rows(
                    """
                    SELECT id, gateway, owner, model, client, hour, requests, input, output, cached, cost, until FROM holds
                    WHERE gateway = ?1
                    """, gateway) { UsageHold($0) }
            }, then: then)
    }

    /// What goes, and what is made coarser.
    public struct Tidying: Sendable {
        /// Hours before this one are counted with the first of their day.
        public var foldBefore: Int
        /// Hours before this one are forgotten.
        public var forgetBefore: Int
        /// Costs in accounts of hours before this one are forgotten.
        public var forgetCostsBefore: Int
        /// Seconds before this one are forgotten for limits by the minute.
        public var recentSince: Int

        /// What goes, and what is made coarser.
        public init(foldBefore: Int, forgetBefore: Int, forgetCostsBefore: Int = 0, recentSince: Int) {
            self.foldBefore = foldBefore
            self.forgetBefore = forgetBefore
            self.forgetCostsBefore = forgetCostsBefore
            self.recentSince = recentSince
        }
    }

    /// Begins to fold and to forget, a few rows at a time. `then` hears nil when all of it is done, or when a later call
    /// has taken over.
    public func tidy(_ tidying: Tidying, then: @escaping @Sendable (LedgerFault?) -> Void) {
        ledger.tidy("usage", { (database) throws(LedgerFault) in try Self.tidy(tidying, in: database) }, then: then)
    }

    // MARK: - Batches

    private static func apply(_ batch: UsageBatch, in database: Database) throws(LedgerFault) {
        for (place, count) in batch.usage { try add(count, at: place, in: database) }
        for (place, cost) in batch.accountCosts {
            try database.run(
                """
                INSERT INTO account_costs (account, owner, hour, cost) VALUES (?1, ?2, ?3, ?4)
                ON CONFLICT (account, owner, hour) DO UPDATE SET cost = account_costs.cost + excluded.cost
                """, place.account, place.owner, place.hour, cost)
        }
        for refusal in batch.refusals { try add(refusal, in: database) }
        for use in batch.recent {
            try database.run(
                """
                INSERT INTO recent (owner, second, requests, input, output, cached) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                ON CONFLICT (owner, second) DO UPDATE SET requests = recent.requests + excluded.requests,
                    input = recent.input + excluded.input, output = recent.output + excluded.output,
                    cached = recent.cached + excluded.cached
                """, use.owner, use.second, use.requests, use.input, use.output, use.cached)
        }
        if batch.recentSince > 0 {
            try database.run("DELETE FROM recent WHERE second < ?1", batch.recentSince)
        }
        let dropped = Set(batch.dropped)
        for hold in batch.holds where !dropped.contains(hold.id) { try add(hold, in: database) }
        for id in dropped { try database.run("DELETE FROM holds WHERE id = ?1", id) }
    }

    private static func add(_ count: UsageCount, at place: UsagePlace, in database: Database) throws(LedgerFault) {
        try database.run(
            """
            INSERT INTO usage (owner, model, client, hour, requests, failures, refusals, input, output, cache_read,
                cache_write, cost, milliseconds, first_milliseconds)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
            ON CONFLICT (owner, model, client, hour) DO UPDATE SET requests = usage.requests + excluded.requests,
                failures = usage.failures + excluded.failures, refusals = usage.refusals + excluded.refusals,
                input = usage.input + excluded.input, output = usage.output + excluded.output,
                cache_read = usage.cache_read + excluded.cache_read,
                cache_write = usage.cache_write + excluded.cache_write, cost = usage.cost + excluded.cost,
                milliseconds = usage.milliseconds + excluded.milliseconds,
                first_milliseconds = usage.first_milliseconds + excluded.first_milliseconds
            """, place.owner, place.model, place.client, place.hour, count.requests, count.failures, count.refusals,
            count.input, count.output, count.cacheRead, count.cacheWrite, count.cost, count.milliseconds,
            count.firstMilliseconds)
    }

    private static func add(_ refusal: RefusalDelta, in database: Database) throws(LedgerFault) {
        try database.run(
            """
            INSERT INTO refusals (owner, reason, hour, count) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (owner, reason, hour) DO UPDATE SET count = refusals.count + excluded.count
            """, refusal.owner, refusal.reason, refusal.hour, refusal.count)
    }

    private static func add(_ hold: UsageHold, in database: Database) throws(LedgerFault) {
        try database.run(
            """
            INSERT INTO holds (id, gateway, owner, model, client, hour, requests, input, output, cached, cost, until)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
            ON CONFLICT (id) DO NOTHING
            """, hold.id, hold.gateway, hold.place.owner, hold.place.model, hold.place.client, hold.place.hour,
            hold.requests, hold.input, hold.output, hold.cached, hold.cost, hold.until)
    }

    private static func takeOver(
        gateway: String, at second: Int, in database: Database
    ) throws(LedgerFault) -> [UsageHold] {
        // Each row goes to the one that deletes it, whoever else asks at the same time.
        let holds = try database.rows(
            """
            DELETE FROM holds WHERE gateway = ?1 OR until < ?2
            RETURNING id, gateway, owner, model, client, hour, requests, input, output, cached, cost, until
            """, gateway, second
        ) { UsageHold($0) }
        for hold in holds {
            var count = UsageCount()
            count.requests = hold.requests
            count.failures = 1
            count.input = hold.input
            count.output = hold.output
            count.cacheRead = hold.cached
            count.cost = hold.cost
            try add(count, at: hold.place, in: database)
        }
        return holds
    }

    // MARK: - Tidying

    /// Folds or forgets a few rows; true when there is more to do.
    private static func tidy(_ tidying: Tidying, in database: Database) throws(LedgerFault) -> Bool {
        var changed = try database.run(
            """
            DELETE FROM recent WHERE (owner, second) IN (SELECT owner, second FROM recent WHERE second < ?1 LIMIT ?2)
            """, tidying.recentSince, tidyRows)
        changed += try database.run(
            """
            DELETE FROM usage WHERE (owner, model, client, hour) IN
                (SELECT owner, model, client, hour FROM usage WHERE hour < ?1 ORDER BY hour LIMIT ?2)
            """, tidying.forgetBefore, tidyRows)
        changed += try database.run(
            """
            DELETE FROM refusals WHERE (owner, reason, hour) IN
                (SELECT owner, reason, hour FROM refusals WHERE hour < ?1 ORDER BY hour LIMIT ?2)
            """, tidying.forgetBefore, tidyRows)
        changed += try database.run(
            """
            DELETE FROM account_costs WHERE (account, owner, hour) IN
                (SELECT account, owner, hour FROM account_costs WHERE hour < ?1 LIMIT ?2)
            """, tidying.forgetCostsBefore, tidyRows)
        changed += try foldUsage(before: tidying.foldBefore, in: database)
        changed += try foldRefusals(before: tidying.foldBefore, in: database)
        return changed > 0
    }

    /// Counts a few hours with the first of their day; returns how many.
    private static func foldUsage(before hour: Int, in database: Database) throws(LedgerFault) -> Int {
        let gone = try database.rows(
            """
            DELETE FROM usage WHERE (owner, model, client, hour) IN (
                SELECT owner, model, client, hour FROM usage WHERE hour % 24 <> 0 AND hour < ?1 ORDER BY hour LIMIT ?2)
            RETURNING owner, model, client, hour, requests, failures, refusals, input, output, cache_read, cache_write,
                cost, milliseconds, first_milliseconds
            """, hour, tidyRows
        ) { row in
            let hour = row.integer(3)
            return (
                UsagePlace(owner: row.text(0), model: row.text(1), client: row.text(2), hour: hour - hour % 24),
                UsageCount(row, from: 4)
            )
        }
        for (place, count) in gone { try add(count, at: place, in: database) }
        return gone.count
    }

    private static func foldRefusals(before hour: Int, in database: Database) throws(LedgerFault) -> Int {
        let gone = try database.rows(
            """
            DELETE FROM refusals WHERE (owner, reason, hour) IN (
                SELECT owner, reason, hour FROM refusals WHERE hour % 24 <> 0 AND hour < ?1 ORDER BY hour LIMIT ?2)
            RETURNING owner, reason, hour, count
            """, hour, tidyRows
        ) { row in
            let hour = row.integer(2)
            return RefusalDelta(owner: row.text(0), reason: row.text(1), hour: hour - hour % 24, count: row.integer(3))
        }
        for refusal in gone { try add(refusal, in: database) }
        return gone.count
    }

    private static let tidyRows = 64
}

extension UsageHold {
    /// The columns of a row, in the order of the table.
    fileprivate init(_ row: Statement) {
        self.init(
            id: row.text(0), gateway: row.text(1),
            place: UsagePlace(owner: row.text(2), model: row.text(3), client: row.text(4), hour: row.integer(5)),
            requests: row.integer(6), input: row.integer(7), output: row.integer(8), cached: row.integer(9),
            cost: row.integer(10), until: row.integer(11))
    }
}

extension UsageCount {
    /// The columns of a row, in the order of the table.
    init(_ row: Statement, from column: Int32) {
        self.init()
        requests = row.integer(column)
        failures = row.integer(column + 1)
        refusals = row.integer(column + 2)
        input = row.integer(column + 3)
        output = row.integer(column + 4)
        cacheRead = row.integer(column + 5)
        cacheWrite = row.integer(column + 6)
        cost = row.integer(column + 7)
        milliseconds = row.integer(column + 8)
        firstMilliseconds = row.integer(column + 9)
    }
}
