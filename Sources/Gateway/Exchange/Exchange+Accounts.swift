import ClaudeCLI
import Vocabulary

/// What becomes of a turn whose account cannot serve it: another of its key's may.
extension Exchange {
    /// True where the turn is to begin again on another account: this one's limit is reached, or it has no login.
    mutating func passAccount(after fault: Fault) -> Bool {
        guard let account else { return false }
        let isFull = fault.kind == .rateLimited && (fault.shouldRetry == false || !context.hasRoom(on: account, for: model))
        guard isFull || fault.login != nil else { return false }
        let passing = passed + [account]
        let others = context.snapshot.accounts.of(turn.principal.options).filter { other in
            !passing.contains { $0 === other } && other.login.word.letsAnswer
        }
        guard others.contains(where: { turn.countsTokens || context.hasRoom(on: $0, for: model) }) else { return false }
        passed = passing
        return true
    }

    /// What keeps the turn from the other accounts of its key, after a failure for this one's login; nil for no limit.
    mutating func limitOfOthers(after fault: Fault) -> Fault? {
        guard fault.login != nil, let account else { return nil }
        var others = context
        do throws(Fault) {
            _ = try others.chooseAccount(for: model, passing: [account], countsTokens: turn.countsTokens)
            return nil
        } catch {
            guard [.rateLimited, .shareSpent].contains(error.kind) else { return nil }
            context.quota = others.quota
            return error
        }
    }
}
