import Dialects
import Platform
import Server
import Vocabulary

/// What administrators see of a turn, and how they end it.
extension Exchange {
    /// Shows the turn, where there is a console, and a run in any case: its client may end it by another request.
    func enterBoard() -> TurnEntry? {
        guard turn.context.snapshot.configuration.servesConsole || turn.dialect == .agentRun else { return nil }
        let entry = TurnEntry(
            id: turn.context.requestID, key: turn.principal.name, dialect: "\(turn.dialect)",
            waking: RemoteWakeup(channel.wakeup, on: seat.loop))
        site.turns.enter(entry)
        return entry
    }

    /// The turn is over.
    func leaveBoard() {
        if let entry { site.turns.leave(entry) }
    }

    /// True once an administrator has ended it.
    var isCancelled: Bool { entry?.isCancelled ?? false }
}

extension Fault {
    /// An administrator has ended the turn; to ask the same again at once is not what they want.
    static var cancelled: Fault {
        Fault(
            .unavailable, "This answer was ended by request, or by an administrator of this gateway.", detail: "cancelled", shouldRetry: false)
    }
}
