import ClaudeCLI
import Dialects
import Platform
import Server
import Vocabulary

/// What a turn with the CLI's own tools needs beside others: it is looked after, and its client may come again.
extension Exchange {
    /// What the CLI's own tools may do for a request that asks for them.
    func agent(for conversation: inout Conversation) throws(Refusal) -> AgentRun? {
        // What a chat app asks about a conversation, as a title for it, needs no tools.
        if context.snapshot.models.isAgent(conversation.model), !turn.preferences.isTask, conversation.agent == nil {
            conversation.agent = AgentWish()
        }
        guard let wish = conversation.agent, !turn.countsTokens else { return nil }
        guard conversation.tools.isEmpty else {
            throw Refusal(
                .invalidRequest,
                "tools: the model \(ModelCatalog.agentName) works with tools of its own; send none, or ask another model",
                param: "tools")
        }
        let run = try context.snapshot.workspaces.run(of: wish, for: turn.principal.name, turn.principal.options)
        conversation.agent?.root = run.workspace.directory
        conversation.agent?.workspace = run.workspace.name
        return run
    }

    /// Looks after a run that has begun; nil for other turns.
    func watchRun(of turn: any RunningTurn) -> RunBounds? {
        guard let agent, let ground = context.snapshot.workspaces.ground else { return nil }
        return RunBounds(
            agent, of: turn, on: ground, tellsFiles: self.turn.dialect == .agentRun,
            waking: RemoteWakeup(channel.wakeup, on: seat.loop))
    }

    /// What is known of a run now that its last event has come; nil for other turns.
    ///
    /// The process of a run that is broken off is ended first: what it has used and changed is certain then.
    mutating func summary(of attempt: Attempt, _ outcome: TurnOutcome, within bounds: RunBounds?) async -> RunSummary? {
        guard turn.dialect == .agentRun, outcome.hasBegun else { return nil }
        if outcome.fault != nil { await finish(attempt) }
        let files = await filesChanged(by: outcome, within: bounds)
        let (cost, usage) = outcome.fault == nil
            ? (attempt.turn.usage.toldCost, attempt.turn.usage.tokens) : (usageRecord(of: used).amounts.cost, used.tokens)
        return RunSummary(cost: cost, milliseconds: elapsed / 1000, files: files, usage: usage)
    }

    /// What the commands of a run have changed; nil where none ran.
    private func filesChanged(by outcome: TurnOutcome, within bounds: RunBounds?) async -> FileReport? {
        guard let bounds, outcome.hasRunPrograms else { return nil }
        let alarm = Alarm(on: seat.loop, waking: channel.wakeup)
        defer { alarm.cancel() }
        alarm.deadline = seat.loop.now + Self.reportPatience
        bounds.askForChanges()
        while !alarm.isDue {
            if let found = bounds.changes { return FileReport(paths: found.paths, isPartial: found.isPartial) }
            await channel.wakeup.wait()
        }
        return FileReport(paths: [], isPartial: true)
    }

    /// How long an answer waits for a walk through the workspace.
    private static var reportPatience: Milliseconds { .seconds(2) }

    /// Why the run must end before the model is asked again: one of its key's limits is reached.
    mutating func overspending(_ turn: any RunningTurn, _ outcome: inout TurnOutcome) -> Fault? {
        guard outcome.hasNewResults else { return nil }
        outcome.hasNewResults = false
        guard agent != nil, !self.turn.principal.options.caps.isEmpty else { return nil }
        var known = used
        known.add(turn.usage)
        // What the vendor may be at work on by now is bounded by what is reserved.
        known.isPending = false
        return chargeUse(usageRecord(of: known).amounts).map { overspent($0) }
    }

    /// Why the run must end; nil where it may go on.
    func excess(of turn: any RunningTurn, beyond bounds: RunBounds?) -> Fault? {
        guard let bounds else { return nil }
        return bounds.fault {
            var known = used
            known.add(turn.usage)
            return usageRecord(of: known).amounts.cost
        }
    }

    /// Lets the client find its run by the session.
    func enterRun(in session: String) {
        guard let events = turn.events, let entry else { return }
        site.runs.enter(RunBoard.Run(events: events, entry: entry), in: session, of: turn.principal.id.text)
    }
}
