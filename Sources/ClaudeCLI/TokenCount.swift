public import Platform
public import Vocabulary

/// Counts the tokens of a conversation by the CLI's own means, without asking the model.
///
/// What is counted is what the CLI would send: its identity block and environment text are in the number.
public enum TokenCount {
    /// Runs one process of `supply` on the caller's loop until it has counted or failed.
    public static func of(
        _ conversation: Conversation, model: String, from supply: CLISupply, on loop: EventLoop
    ) async throws -> Int {
        let plan = try TurnPlan(counting: conversation, model: model)
        let process = try supply.obtain(on: loop, waking: Wakeup())
        process.begin(plan)
        var failure: Fault?
        let never = Instant(nanoseconds: .max)
        while await process.step(until: never, { event, _ in
            if case .failed(let fault) = event { failure = fault }
        }) != .ended {}
        process.kill()
        await process.end()
        guard let tokens = process.countedTokens else {
            throw failure ?? Fault(.badGateway, "The CLI did not count the tokens.")
        }
        return tokens
    }
}
