import ClaudeCLI
import Models
import Platform
import Server
import Vocabulary

/// A turn that has begun, with what its process is to be known by afterwards.
struct Attempt {
    let turn: any RunningTurn
    /// Nil where the process is not used again.
    let home: ProcessStore.Home?
    /// Nil where there is nothing to be known by.
    let trace: ConversationTrace?

    /// Where the process belongs now that the turn is over; nil where it holds nothing that can be known again.
    var place: ProcessStore.Place? {
        guard let home, let print = trace?.finish() else { return nil }
        return ProcessStore.Place(of: home, holding: print)
    }
}

/// How a turn begins: on a CLI that was tried, with what that one can do.
extension Exchange {
    /// Starts the turn on a CLI that was tried, waiting where it has been replaced; what a turn may rely on depends on
    /// the one it gets.
    mutating func begin(
        _ asked: Conversation
    ) async throws(TurnFailure) -> (Conversation, Attempt) {
        while true {
            var conversation = asked
            let account = try chooseAccount()
            let features = context.snapshot.cli.features
            let servers = try activeServers(conversation)
            let defaults = TurnDefaults(
                preferences: turn.preferences, models: context.snapshot.configuration.models, dialect: turn.dialect,
                traits: ModelTraits.of(model, resolved: modelNames),
                canThink: features.has(.parameters), hasServers: !servers.servers.isEmpty)
            do throws(Refusal) { try defaults.complete(&conversation) } catch { throw .refusal(error) }
            KeyGrants(options: turn.principal.options).lowerEffort(of: &conversation)
            conversation.ignored += features.lost(of: conversation, in: turn.dialect)
            let supply = try self.supply(of: account)
            if let attempt = try await start(conversation, servers, on: supply) { return (conversation, attempt) }
            do throws(Fault) { try await awaitTrial() } catch { throw .fault(error) }
        }
    }

    /// The processes of an account, with the CLI's own tools where these are asked for.
    private func supply(of account: Account) throws(TurnFailure) -> CLISupply {
        guard let agent else { return account.supply }
        // Never without walls.
        guard let ground = context.snapshot.workspaces.ground, account.supply.profile.walls != nil else {
            throw .fault(Fault(.unavailable, "Workspaces cannot be used at the moment.", detail: "no walls"))
        }
        return account.supply.working(as: agent, on: ground)
    }

    private mutating func chooseAccount() throws(TurnFailure) -> Account {
        do throws(Fault) {
            let account = try context.chooseAccount(for: model, passing: passed, countsTokens: turn.countsTokens)
            account.noteUse(at: seat.loop.now)
            self.account = account
            if context.snapshot.accounts.areSeveral { record.account = account.name }
            return account
        } catch {
            noteShare(error)
            throw .fault(error)
        }
    }

    /// Notes that a turn was refused for another key's part of the account.
    private mutating func noteShare(_ fault: Fault) {
        // A limit of the key itself has said so already.
        guard fault.kind == .shareSpent, record.refusal == nil else { return }
        note(refusal: .accountShare, as: RefusalReason.accountShare.rawValue)
    }

    /// Waits for the trial of the program that stands in the CLI's place now, and goes on with the newest snapshot.
    private mutating func awaitTrial() async throws(Fault) {
        context.snapshot = site.snapshot
        while !context.snapshot.isCLIUnchanged {
            let file = ProgramFile(path: context.snapshot.program)
            try await site.cliWatch.wait(
                for: file, on: seat.loop, waking: channel.wakeup,
                isGone: { channel.isClientGone || seat.phase == .ending })
            context.snapshot = site.snapshot
        }
    }

    /// The registered servers that the request switches on.
    private mutating func activeServers(_ conversation: Conversation) throws(TurnFailure) -> ActiveServers {
        do throws(Refusal) {
            let servers = try context.snapshot.servers.activate(
                metadata: conversation.metadata, fieldNames: turn.preferences.mcpServers,
                options: turn.principal.options)
            record.servers = servers.servers.map(\.name)
            return servers
        } catch {
            throw .refusal(error)
        }
    }

    /// Nil when another program stands in the CLI's place than the one that was tried.
    private mutating func start(
        _ conversation: Conversation, _ servers: ActiveServers, on processes: CLISupply
    ) async throws(TurnFailure) -> Attempt? {
        guard let file = context.snapshot.cli.file, context.snapshot.isCLIUnchanged else { return nil }
        if let fault = context.snapshot.cli.selfTest.turnFault { throw .fault(fault) }
        var plan: TurnPlan
        let features = context.snapshot.cli.features
        let betas = processes.profile.betas
        do throws(Refusal) {
            plan =
                turn.countsTokens
                ? try TurnPlan(
                    counting: conversation, model: model, servers: servers, features: features, operatorBetas: betas)
                : try TurnPlan(
                    answering: conversation, model: model, fullModel: modelNames[model],
                    servers: servers, agent: agent, features: features,
                    cacheLifetime: processes.profile.cacheLifetime,
                    operatorBetas: betas)
        } catch {
            throw .refusal(error)
        }
        do throws(Fault) {
            plan.spent = budget.spent(at: seat.loop.now)
            try reserve(for: &plan)
            let trace =
                isKeeping && site.processes.keeps
                ? ConversationTrace(plan, of: conversation, in: turn.dialect, now: WallClock.unixSeconds) : nil
            let needs = TurnNeeds(
                plan, of: turn.principal.owner, holding: trace?.held, from: processes, program: file,
                features: features)
            guard let running = try await supply.begin(needs, on: seat.loop, waking: channel.wakeup) else { return nil }
            return Attempt(turn: running, home: agent?.mayWait() == false ? nil : needs.home, trace: trace)
        } catch {
            throw .fault(error)
        }
    }
}
