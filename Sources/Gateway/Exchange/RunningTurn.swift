import ClaudeCLI
import Platform
import Vocabulary

/// What an exchange needs of a turn that runs. Confined to its loop; a session of the CLI is one, a recording another.
protocol RunningTurn: AnyObject {
    /// The tokens counted, once a turn that counts them has ended well.
    var countedTokens: Int? { get }

    /// What it has cost so far.
    var spending: TurnSpending { get }

    /// Moves what can be moved, waiting for it until `deadline` at the longest; `take` gets each event with the line
    /// that its slices refer to.
    func step(
        until deadline: Instant, _ take: (ReplyEvent, Span<UInt8>) -> Void
    ) async -> CLISession.StepResult
    /// What was told of usage limits since it was last asked for, and when the vendor said so.
    func takeQuotas() -> (quotas: [Quota], observedAt: Instant)
    /// Waits a moment for what comes behind the answer: the word on usage limits, and that the CLI is ready for another
    /// turn where its process may be kept.
    func settle(keeping: Bool) async
    /// Breaks it off: whatever it does now is done for nobody.
    func kill()
    /// Waits until nothing of it is left.
    func end() async
}

extension CLISession: RunningTurn {}
