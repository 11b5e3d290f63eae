import ClaudeCLI
import Dialects
import HTTP
import Platform
import Vocabulary

/// What answers tell of the account's usage limits.
extension AnswerContext {
    /// What is known of the limits of the account that the caller's turns use first.
    private var quotaState: QuotaState {
        guard let account = snapshot.accounts.of(principal?.options).first else { return QuotaState() }
        return account.quota.state(now: WallClock.unixSeconds)
    }

    /// `GET /api/oauth/usage`, asked again and again by the client itself.
    func usageAnswer(for principal: Principal) -> Response {
        let state = quotaState
        let meters = seat.site.meters
        let body = UsageAnswer.body(state, of: principal, in: seat.site.recorder == nil ? nil : meters, at: .current)
        let response = json(status: 200, body, adding: [(.cacheControl, "no-store")])
        var record = record(path: "/api/oauth/usage")
        record.isMonitoring = true
        finish(&record, response)
        return response
    }

    /// `GET /v1/quota`.
    func quotaAnswer() -> Response {
        let body = QuotaAnswer.body(quotaState, overage: snapshot.configuration.turns.overage)
        let response = json(status: 200, body)
        var record = record(path: "/quota")
        finish(&record, response)
        return response
    }

    /// The account that a turn of the caller for a model runs on: the first of theirs that has room for it and a login,
    /// but for those that it has passed already. Questions that cost nothing find room anywhere.
    ///
    /// - Throws: what keeps it from the account that has room again soonest.
    mutating func chooseAccount(
        for model: String, passing passed: [Account] = [], countsTokens: Bool = false
    ) throws(Fault) -> Account {
        let open = snapshot.accounts.of(principal?.options).filter { account in !passed.contains { $0 === account } }
        var unready: Account?
        var refusal: (fault: Fault, quota: QuotaView?)?
        for account in open {
            quota?.turn(to: account.quota)
            do throws(Fault) {
                if !countsTokens { try checkQuota(of: account, model: model) }
                if account.login.word.letsAnswer { return account }
                unready = unready ?? account
            } catch {
                let isSooner = refusal.map { ($0.fault.retryAfterSeconds ?? 0) > (error.retryAfterSeconds ?? 0) } ?? true
                if isSooner { refusal = (error, quota) }
                quota?.refused = nil
            }
        }
        if let refusal {
            quota = refusal.quota
            throw refusal.fault
        }
        // The CLI itself says best what is wrong with its login.
        guard let unready else { throw .noAccount }
        quota?.turn(to: unready.quota)
        return unready
    }

    /// Whether an account has room for a turn of the caller for a model.
    func hasRoom(on account: Account, for model: String) -> Bool {
        var context = self
        context.quota?.turn(to: account.quota)
        do throws(Fault) { try context.checkQuota(of: account, model: model) } catch { return false }
        return true
    }

    /// Refuses a turn for a model that the limits of the account leave no room for.
    private mutating func checkQuota(of account: Account, model: String) throws(Fault) {
        quota?.concerns(model: model)
        let policy = snapshot.configuration.turns.overage
        let now = WallClock.unixSeconds
        if let fault = quota?.refusal(overage: policy, now: now) { throw fault }
        guard let principal, let quota else { return }
        let shares = AccountShares(
            costs: seat.site.meters.accounts, account: account.name,
            sharing: seat.site.keys.sharing.filter { key in
                snapshot.accounts.of(key.options).contains { $0 === account }
            },
            reservePercent: snapshot.configuration.turns.reservePercent)
        guard let (fault, share) = shares.refusal(principal, quota.book.state(now: now), family: quota.family, now: now) else {
            return
        }
        self.quota?.refused = share
        throw fault
    }

    /// A 429 always says when to come back, also where the limit is none of the account's windows.
    func addReset(of reply: ErrorReply, to response: inout Response) {
        guard reply.status == 429, response.fields[.rateLimitReset] == nil else { return }
        let reset = reply.resetsAt ?? reply.retryAfterSeconds.map { WallClock.unixSeconds + $0 }
        if let reset { response.fields.append(.rateLimitReset, Timestamp.rfc3339(reset)) }
    }
}

extension Fault {
    /// The accounts that the caller's key names are no longer there.
    fileprivate static var noAccount: Fault {
        Fault(
            .unavailable, "The account of this key is not set up on this gateway. Its operator must check the key's account.",
            detail: "no account of the key is in ACCOUNTS", shouldRetry: false)
    }
}
