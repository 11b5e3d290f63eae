import ClaudeCLI
import Dialects
import HTTP
import Platform
import Vocabulary

/// What answers tell of the account's usage limits.
extension AnswerContext {
    /// `GET /api/oauth/usage`, asked again and again by the client itself.
    func usageAnswer(for principal: Principal) -> Response {
        let state = snapshot.quota.state(now: WallClock.unixSeconds)
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
        let state = snapshot.quota.state(now: WallClock.unixSeconds)
        let body = QuotaAnswer.body(state, overage: snapshot.configuration.turns.overage)
        let response = json(status: 200, body)
        var record = record(path: "/quota")
        finish(&record, response)
        return response
    }

    /// Refuses a turn for a model that the account's limits leave no room for.
    mutating func checkQuota(model: String) throws(Fault) {
        quota?.concerns(model: model)
        let policy = snapshot.configuration.turns.overage
        let now = WallClock.unixSeconds
        if let fault = quota?.refusal(overage: policy, now: now) { throw fault }
        guard let principal, let quota else { return }
        let shares = AccountShares(
            meters: seat.site.meters, sharing: seat.site.keys.sharing,
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
