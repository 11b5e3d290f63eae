import ClaudeCLI
import Platform
import Vocabulary

/// Where turns come from, and where they go when they are over.
protocol TurnSupply {
    /// Begins a turn; nil when another program stands in the place of the one that was tried.
    ///
    /// Who sleeps on `wakeup` is woken when it has something to say. Call on `loop`.
    func begin(
        _ needs: TurnNeeds, on loop: EventLoop, waking wakeup: Wakeup
    ) async throws(Fault) -> (any RunningTurn)?
    /// Says that a turn that has answered will be at `place` in a moment.
    func announce(_ place: ProcessStore.Place, isSingle: Bool)
    /// Ends a turn; what served it may serve another that asks for `place`, where one is named.
    func finish(_ turn: any RunningTurn, at place: ProcessStore.Place?, isSingle: Bool, on loop: EventLoop) async
}

/// The CLI's processes, new and kept.
struct KeptProcesses: TurnSupply {
    let store: ProcessStore

    func begin(
        _ needs: TurnNeeds, on loop: EventLoop, waking wakeup: Wakeup
    ) async throws(Fault) -> (any RunningTurn)? {
        try await store.session(for: needs, on: loop, waking: wakeup)
    }

    func announce(_ place: ProcessStore.Place, isSingle: Bool) { store.announce(place, isSingle: isSingle) }

    func finish(_ turn: any RunningTurn, at place: ProcessStore.Place?, isSingle: Bool, on loop: EventLoop) async {
        guard let session = turn as? CLISession else { return }
        await store.finish(session, at: place, isSingle: isSingle, now: loop.now)
    }
}
