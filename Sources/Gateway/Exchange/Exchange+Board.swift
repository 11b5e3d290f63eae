import Dialects
import Platform
import Server
import Vocabulary

/// What administrators see of a turn, and how they end it.
extension Exchange {
    /// Shows the turn, where there is a console, and a run in any case: its client may end it by another request.
    func enterBoard() -> TurnEntry? {
        let isShown = turn.context.snapshot.configuration.servesConsole
        guard isShown || turn.dialect == .agentRun else { return nil }
        let entry = TurnEntry(
            id: turn.context.requestID, key: turn.principal.name, dialect: "\(turn.dialect)",
            waking: RemoteWakeup(channel.wakeup, on: seat.loop), isShown: isShown)
        site.turns.enter(entry)
        return entry
    }

    /// The turn is over.
    func leaveBoard() {
        if let entry { site.turns.leave(entry) }
    }

    /// Why it ends that an administrator, or its client by another request, has ended; nil where nobody has.
    var cancellation: Fault? {
        guard let entry, entry.isCancelled else { return nil }
        return entry.isByOwner ? .endedByRequest : .cancelled
    }
}

extension Fault {
    /// An administrator has ended the turn; to ask the same again at once is not what they want.
    static var cancelled: Fault {
        Fault(
            .unavailable, "An administrator of this gateway has ended this answer.", detail: "cancelled", shouldRetry: false)
    }

    /// The client has ended its run.
    static var endedByRequest: Fault {
        Fault(.unavailable, "This run was ended by request.", detail: "cancelled by its client", shouldRetry: false)
    }
}
