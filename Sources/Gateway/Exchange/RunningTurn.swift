import ClaudeCLI
import Platform
import Vocabulary

/// What an exchange needs of a turn that runs. Confined to its loop; a session of the CLI is one, a recording another.
protocol RunningTurn: AnyObject {
    /// The tokens counted, once a turn that counts them has ended well.
    var countedTokens: Int? { get }

    /// What it has cost so far.
    var spending: TurnSpending { get }
    /// What it has used of the vendor's service so far, at any time of the turn and behind it.
    var usage: TurnUsage { get }
    /// The process that serves it; nil where there is none.
    var processID: Int32? { get }
    /// The directory that is that process's own.
    var processDirectory: String? { get }
    /// Where the process that serves it came from.
    var origin: CLISession.Origin { get }
    /// True when the turn failed because what it was to go on with would not do: nothing was asked of the vendor, and
    /// another attempt may serve.
    var isUnfit: Bool { get }
    /// True as long as that may turn out, which is for some seconds at most.
    var mayBeUnfit: Bool { get }

    /// Moves what can be moved, waiting for it until `deadline` at the longest; `take` gets each event with the line
    /// that its slices refer to.
    func step(
        until deadline: Instant, _ take: (ReplyEvent, Span<UInt8>) -> Void
    ) async -> CLISession.StepResult
    /// What was told of usage limits since it was last asked for, and when the vendor said so.
    func takeQuotas() -> (quotas: [Quota], observedAt: Instant)
}

extension RunningTurn {
    var processID: Int32? { nil }
    var processDirectory: String? { nil }
}

extension CLISession: RunningTurn {}

extension QuotaView {
    /// Takes what the CLI has told since it was last asked.
    mutating func note(_ turn: any RunningTurn, model: String) {
        let (quotas, observedAt) = turn.takeQuotas()
        note(quotas, observedAt: observedAt, model: model)
    }
}
