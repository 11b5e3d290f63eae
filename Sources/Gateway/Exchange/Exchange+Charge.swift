import ClaudeCLI
import Models
import Platform
import Vocabulary

/// What the caller's key is charged with: checked when the request comes, reserved before the turn begins, settled when
/// all is over.
extension Exchange {
    /// Counts the request, unless one of the key's limits is reached.
    mutating func begin() throws(TurnFailure) -> TurnCharge {
        do throws(LimitRefusal) {
            return try site.meters.begin(turn.principal, countsTokens: turn.countsTokens, at: .current)
        } catch {
            throw .fault(fault(error))
        }
    }

    private mutating func fault(_ refusal: LimitRefusal) -> Fault {
        record.refusal = refusal.reason == .rate ? .keyRate : .keyLimit
        if refusal.cap.isShare, refusal.reason != .reserved { context.quota?.refused = KeyShare(refusal) }
        return Fault(refusal, now: WallClock.unixSeconds)
    }

    /// What a run is told that has used up a share of its key.
    mutating func overspent(_ refusal: LimitRefusal) -> Fault {
        var fault = fault(refusal)
        fault.message = "The run was ended. \(fault.message)"
        return fault
    }

    /// Reserves what a turn may come to. Where that is more than is left, its answer may be shorter than was asked for.
    mutating func reserve(for plan: inout TurnPlan) throws(Fault) {
        guard !turn.countsTokens else { return }
        let names = modelNames
        let traits = ModelTraits.of(model, resolved: names)
        let price = ModelTraits.price(of: model, resolved: names)
        let unsaid = traits.unsaidOutputTokens
        // What the CLI asks for again had failed, and is on no bill.
        bound = plan.bound(unsaidOutput: unsaid, contextTokens: traits.contextTokens, retries: 0)
        guard !turn.principal.options.caps.isEmpty else { return }
        let granted: Int
        do throws(LimitRefusal) { granted = try chargeReserve(need(at: price)) } catch { throw fault(error) }
        guard granted < bound.outputTokens else { return }
        let fewer = (bound.outputTokens - granted + plan.mostMessages - 1) / plan.mostMessages
        let limit = plan.mostOutput(unsaid: unsaid) - fewer
        guard limit > 0, plan.limitOutput(to: limit, unsaidOutput: unsaid) else {
            throw fault(site.meters.tooLarge(turn.principal, at: .current))
        }
        bound.outputTokens = granted
    }

    private func need(at price: Price) -> TurnNeed {
        var need = TurnNeed()
        // Any token of a prompt may be one that the vendor has in its cache, or not.
        (need.most.input, need.most.cached, need.most.output) = (bound.inputTokens, bound.inputTokens, bound.outputTokens)
        need.most.cost = price.most(input: bound.inputTokens, output: bound.outputTokens, prompt: bound.promptTokens)
        need.most.cost = need.most.cost.plus(bound.webSearches.times(Price.webSearch))
        need.outputCost = price.most(input: 0, output: 1, prompt: bound.promptTokens)
        let likely = bound.promptTokens / Self.bytesPerToken
        need.prompt.input = likely
        need.prompt.cost = price.most(input: likely, output: 0, prompt: bound.promptTokens)
        return need
    }

    /// What a token of text or code has on average, or somewhat less.
    private static let bytesPerToken = 3

    /// What a turn has used, as the ledger counts it.
    func usageRecord(of used: TurnUsage) -> UsageRecorder.Record {
        var record = UsageRecorder.Record()
        let tokens = used.tokens
        record.amounts.input = tokens.inputTokens.plus(tokens.cacheCreationTokens)
        record.amounts.cached = tokens.cacheReadTokens
        record.amounts.output = tokens.outputTokens
        record.amounts.cost = used.cost(at: ModelTraits.price(of: countedModel, resolved: modelNames))
        record.cacheWritten = tokens.cacheCreationTokens
        if used.isEstimated { record.amounts.output = min(record.amounts.output, bound.outputTokens) }
        if used.isPending { addPending(to: &record) }
        return record
    }

    /// The vendor may be at work on a prompt of which it has told nothing yet, and bills it.
    private func addPending(to record: inout UsageRecorder.Record) {
        let prompt = bound.promptTokens / Self.bytesPerToken
        record.amounts.input = record.amounts.input.plus(prompt)
        let price = ModelTraits.price(of: countedModel, resolved: modelNames)
        record.amounts.cost = record.amounts.cost.plus(price.most(input: prompt, output: 0, prompt: prompt))
    }

    /// By what model the turn is counted: the one that was asked for, or that answers, where the name leaves the choice to
    /// the CLI (`default`).
    var countedModel: String {
        answering.isEmpty || ModelTraits.family(of: modelNames[model] ?? model) != nil ? model : answering
    }

    /// Of what kind the turn was, for reports: a model by its own name where it is one of those that are known, else by its
    /// family. What clients write is no name for a row, since they may write anything.
    var usagePlace: UsageRecorder.Place {
        let names = modelNames
        let full = names[countedModel] ?? countedModel
        let traits = ModelTraits.of(full)
        let name = traits.isKnown && traits.version.family != nil ? traits.id : ModelTraits.family(of: full)?.rawValue
        return UsageRecorder.Place(
            model: name ?? "other", client: context.client?.rawValue ?? "",
            account: account?.name ?? AccountSettings.standard)
    }
}
