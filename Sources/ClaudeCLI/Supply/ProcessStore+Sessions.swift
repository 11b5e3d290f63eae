public import Platform
public import Vocabulary

/// What a turn asks of the store.
public struct TurnNeeds: Sendable {
    let plan: TurnPlan
    let owner: ProcessOwner
    /// What a process must hold to go on with the conversation; nil where none may be used again.
    let held: ConversationPrint?
    let supply: CLISupply
    let program: ProgramFile
    let features: CLIFeatures

    /// What attempts at the same turn have spent before this one.
    public var spent: TurnSpending { plan.spent }

    /// Where the turn's process is at home; nil where it may not be used again.
    public var home: ProcessStore.Home? {
        held == nil ? nil : ProcessStore.Home(owner: owner, kind: supply.kind(of: program))
    }

    /// The needs of a turn of `owner`, answered by the program that was tried.
    public init(
        _ plan: TurnPlan, of owner: ProcessOwner, holding held: ConversationPrint?, from supply: CLISupply,
        program: ProgramFile, features: CLIFeatures
    ) {
        self.plan = plan
        self.owner = owner
        let answersCalls = plan.turns.last?.blocks.contains(where: \.isToolResult) ?? false
        let canGoOn = features.has(.continues) && (!answersCalls || features.has(.answersCalls))
        self.held = plan.isKeepable && canGoOn ? held : nil
        self.supply = supply
        self.program = program
        self.features = features
    }
}

extension ProcessStore {
    /// A session that serves a turn, with the process that has the least to be told: one that holds the conversation,
    /// one of the same owner that can forget another, one that waits, or a new one. Call on `loop`.
    ///
    /// Nil when another program stands in the place of the one that was tried. Give the session back by `finish`.
    public func session(
        for needs: TurnNeeds, on loop: EventLoop, waking wakeup: Wakeup
    ) async throws(Fault) -> CLISession? {
        let (plan, supply) = (needs.plan, needs.supply)
        let kind = supply.kind(of: needs.program)
        guard plan.mostMessages == 1 else {
            noteStart()
            return try await startNew(for: needs, on: loop, waking: wakeup)
        }
        guard let held = needs.held else {
            guard let process = takeNew(kind) else { return try await startNew(for: needs, on: loop, waking: wakeup) }
            return supply.serve(plan, with: process, on: loop, waking: wakeup)
        }
        let wish = Wish(
            owner: needs.owner, kind: kind, held: held,
            canFollow: { needs.features.has(.rewinds) && plan.canFollow($0) })
        var answer = await take(wish, on: loop, waking: wakeup)
        guard let process = answer.process.take() else { return try await startNew(for: needs, on: loop, waking: wakeup) }
        let start: StartingPoint
        switch answer.find {
        case .kept: start = .kept(process.memory)
        case .rewound: start = .rewound(process.memory)
        case .waiting, .soon, .nothing: start = .fresh
        }
        return supply.serve(plan, from: start, with: process, on: loop, waking: wakeup)
    }

    /// Waits a moment for a process that is about to be put by: it holds what is asked for.
    private func take(_ wish: Wish, on loop: EventLoop, waking wakeup: Wakeup) async -> Answer {
        let remote = RemoteWakeup(wakeup, on: loop)
        let alarm = Alarm(on: loop, waking: wakeup)
        defer { alarm.cancel() }
        let start = loop.now
        while true {
            let answer = take(
                wish, now: loop.now, waking: loop.now < start + Self.patience ? remote : nil,
                takesAny: loop.now < start + Self.shortPatience)
            if answer.find != .soon { return answer }
            alarm.deadline = loop.now < start + Self.shortPatience ? start + Self.shortPatience : start + Self.patience
            await wakeup.wait()
        }
    }

    /// A process is put by some milliseconds behind its answer. To replay a conversation takes longer than this.
    private static let patience = Milliseconds(300)
    /// So does a start, but a process that waits is nearly as good.
    private static let shortPatience = Milliseconds(50)

    private func startNew(
        for needs: TurnNeeds, on loop: EventLoop, waking wakeup: Wakeup
    ) async throws(Fault) -> CLISession? {
        do throws(Fault) {
            let process = try await needs.supply.start(only: needs.program, messages: needs.plan.startMessages)
            guard let process else {
                noteEnd()
                return nil
            }
            return needs.supply.serve(needs.plan, with: process, on: loop, waking: wakeup)
        } catch {
            noteEnd()
            throw error
        }
    }

    /// Ends a turn's session: its process is put by at `place`, or ended where that cannot be.
    public func finish(_ session: CLISession, at place: Place?, isSingle: Bool, now: Instant) async {
        if let place {
            await session.settle(keeping: true)
            if let process = session.detach() { return put(process, at: place, isSingle: isSingle, now: now) }
            withdraw(place)
        } else {
            await session.settle(keeping: false)
        }
        session.kill()
        await session.end()
        noteEnd()
    }
}
