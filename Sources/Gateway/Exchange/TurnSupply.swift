import ClaudeCLI
import Platform
import Vocabulary

/// Where turns come from.
protocol TurnSupply {
    /// Begins a turn on the program `file`, which was tried; nil when another stands in its place.
    ///
    /// Who sleeps on `wakeup` is woken when it has something to say. Call on `loop`.
    func begin(
        _ plan: TurnPlan, in snapshot: Snapshot, only file: ProgramFile, on loop: EventLoop, waking wakeup: Wakeup
    ) throws(Fault) -> (any RunningTurn)?
}

/// A process for each turn.
struct FreshProcesses: TurnSupply {
    func begin(
        _ plan: TurnPlan, in snapshot: Snapshot, only file: ProgramFile, on loop: EventLoop, waking wakeup: Wakeup
    ) throws(Fault) -> (any RunningTurn)? {
        let supply = snapshot.supply
        guard let process = try supply.start(only: file, messages: plan.mostMessages) else { return nil }
        return supply.serve(plan, with: process, on: loop, waking: wakeup)
    }
}
