import ClaudeCLI
import Dialects
import Platform
import Server
import Vocabulary

/// One turn from permit to log line: the only place that joins a client and the CLI.
///
/// Everything happens in the one task that calls `run`, on the connection's loop: the client's socket, the CLI's pipes
/// and all deadlines signal one wakeup. While the client takes nothing the CLI's output is not read, and so it stops.
struct Exchange: ~Copyable {
    let turn: TurnRequest
    let channel: any RequestChannel
    let supply: any TurnSupply
    var record: RequestRecord
    private var keeper: ResponseKeeper
    /// Nil where the request names no conversation.
    private var conversations: ConversationKeeper?
    /// Held while the turn runs, and not while it waits for others.
    private var permit: Permit?

    var context: AnswerContext
    /// True for a request that wants a stream; as long as it has not been read, one that takes a stream.
    private(set) var streams: Bool
    /// What the CLI is given as the model's name.
    private(set) var model = ""
    /// What the CLI's own tools may do; nil where they are not asked for.
    private(set) var agent: AgentRun?
    /// Whose limits the turn uses; nil before it begins.
    var account: Account?
    /// Accounts that turned out to have no room for it, or no login.
    var passed: [Account] = []
    private(set) var budget: RetryBudget
    /// What all attempts that are over have used, however they ended.
    private(set) var used = TurnUsage()
    /// What the key is charged with; nil before it is, and once that is settled.
    private var charge: TurnCharge?
    /// The most that the turn can come to; nothing as long as it has not begun.
    var bound = TurnBound()
    /// What is asked; without its messages once it will not be asked again.
    private var question = Conversation(model: "")
    /// True once a process was asked.
    private var hasBegun = false
    /// True once that process has been ended or kept.
    private var isGivenBack = false
    /// The model that answers; empty as long as none does.
    private(set) var answering = ""
    /// What administrators see of the turn; nil where there is no console.
    private(set) var entry: TurnEntry?
    /// False once a kept process has turned out not to do.
    private(set) var isKeeping = true

    var seat: Seat { context.seat }
    var site: Site { seat.site }

    init(_ turn: TurnRequest, asked channel: any RequestChannel, of supply: (any TurnSupply)? = nil) {
        self.turn = turn
        self.channel = channel
        self.supply = supply ?? KeptProcesses(store: turn.context.seat.site.processes)
        context = turn.context
        streams = turn.preferences.takesStream
        record = turn.context.record(path: turn.path)
        record.dialect = "\(turn.dialect)"
        record.isTurn = !turn.countsTokens
        keeper = ResponseKeeper(turn, waking: channel.wakeup)
        budget = RetryBudget(turn.context.snapshot.turnBounds)
    }

    /// Runs the turn to its end; the client has been answered, or is gone, and nothing of the turn is left.
    mutating func run(answering writer: consuming ResponseWriter) async {
        entry = enterBoard()
        do throws(TurnFailure) {
            charge = try begin()
            permit = try await admit()
            record.admittedMicroseconds = elapsed
            let conversation = try await decode(try await readBody())
            if turn.countsTokens {
                await answer(conversation, through: CountSink.self, writer)
            } else if conversation.streams {
                await answer(conversation, through: StreamSink.self, writer)
            } else {
                await answer(conversation, through: BodySink.self, writer)
            }
            permit = nil
        } catch {
            permit = nil
            await fail(error, writer)
        }
        conversations?.close()
        leaveBoard()
        record.endMicroseconds = elapsed
        settle()
        noteRefusal()
        (record.retries, record.cliRetries) = (budget.retries, budget.cliRetries)
        site.note(record)
    }

    /// Counts for reports why the turn was not let in; the key's own limits are counted where they are checked.
    private func noteRefusal() {
        guard record.refusal == nil, let reason = record.refusedFor else { return }
        site.recorder?.note(refusal: reason.rawValue, of: turn.principal.id, at: WallClock.unixSeconds)
    }

    /// Tells the key's meter what the turn has used.
    private mutating func settle() {
        guard let charge = charge.take() else { return }
        // Who is turned away because it is busy, or for a limit, has had nothing.
        if !hasBegun, [429, 503, 529].contains(record.status) { return charge.cancel() }
        var usage = usageRecord(of: used)
        usage.hasFailed = record.fault != nil
        usage.milliseconds = elapsed / 1000
        usage.firstMilliseconds = (record.firstEventMicroseconds ?? 0) / 1000
        if usage.amounts.cost > 0 || record.cost != nil { record.cost = usage.amounts.cost }
        charge.settle(usage, as: usagePlace)
    }

    /// Counts what is known of an answer that is about to end, before its client can go on.
    private mutating func foresee(_ turn: any RunningTurn) {
        guard var charge = charge.take() else { return }
        var known = used
        known.add(turn.usage)
        charge.foresee(usageRecord(of: known).amounts)
        self.charge = consume charge
    }

    /// Reserves of the key's limits what the turn may come to; returns how many tokens its answer may have.
    mutating func chargeReserve(_ need: TurnNeed) throws(LimitRefusal) -> Int {
        guard var charge = charge.take() else { return need.most.output }
        let granted: Result<Int, LimitRefusal>
        do throws(LimitRefusal) {
            granted = .success(try charge.reserve(need, as: usagePlace))
        } catch {
            granted = .failure(error)
        }
        self.charge = consume charge
        return try granted.get()
    }

    /// Counts what a turn that goes on has used so far; the share of its key that is used up by that, if one is.
    mutating func chargeUse(_ amounts: Amounts) -> LimitRefusal? {
        guard var charge = charge.take() else { return nil }
        let refusal = charge.note(amounts)
        self.charge = consume charge
        return refusal
    }

    /// Read anew each time: the loop's own clock stands still while a process is spawned.
    var elapsed: Int { Instant.now.microseconds(since: context.started) }

    // MARK: - Before the CLI

    private mutating func admit() async throws(TurnFailure) -> Permit {
        let (channel, seat, entry) = (channel, seat, entry)
        do throws(Fault) {
            guard seat.phase == .serving else { throw .goingDown }
            if let fault = context.snapshot.cli.selfTest.turnFault, context.snapshot.isCLIUnchanged { throw fault }
            let permit = try await site.admission.permit(
                for: turn.principal, isTask: turn.preferences.isTask, on: seat.loop, waking: channel.wakeup,
                isGone: { channel.isClientGone || seat.phase == .ending || entry?.isCancelled == true })
            entry?.note { $0.state = .starting }
            return permit
        } catch {
            if let cancellation { throw .fault(cancellation) }
            // Its own turns fill its places.
            if error.kind == .rateLimited { note(refusal: .keyRate, as: "turns") }
            throw .fault(error)
        }
    }

    private mutating func readBody() async throws(TurnFailure) -> [UInt8] {
        do throws(BodyFault) {
            let body = try await channel.readBody(within: context.snapshot.wire)
            record.bytesIn = body.count
            return body
        } catch {
            switch error {
            case .gone: throw .gone
            case .refused(let fault): throw .refusal(Refusal(fault))
            }
        }
    }

    private mutating func decode(_ body: consuming [UInt8]) async throws(TurnFailure) -> Conversation {
        let limits = context.snapshot.configuration.limits
        var request = RequestContext(
            countsTokens: turn.countsTokens,
            limits: JSONLimits(depth: limits.maxJSONDepth, values: limits.maxJSONValues))
        request.betas = turn.preferences.betas
        request.isCodex = turn.preferences.client == .codex
        request.summaries = turn.summaries
        request.webSearches = turn.principal.options.webSearches
        request.defaultModel = turn.principal.options.defaultModel ?? context.snapshot.models.defaultModel
        if turn.dialect == .agentRun, request.defaultModel == nil { request.defaultModel = ModelCatalog.agentName }
        let grants = KeyGrants(options: turn.principal.options)
        do throws(Refusal) { try grants.check(bodyBytes: body.count) } catch { throw .refusal(error) }
        let draft = try await openConversation(body, &request)
        var conversation = try await keeper.conversation(draft, request)
        conversation.model = grants.model(for: conversation.model, isTask: turn.preferences.isTask)
        record.model = String(conversation.model.prefix(128))
        entry?.note { [model = record.model] in $0.model = model }
        streams = conversation.streams
        do throws(Refusal) { agent = try agent(for: &conversation) } catch { throw .refusal(error) }
        // Not before: what is refused, or waits for another run of the session, must not take that one's place.
        if let conversations { enterRun(in: conversations.id) }
        if context.snapshot.configuration.logging.tellsClientIDs, let metadata = conversation.metadata {
            record.clientIDs += ClientIDs.of(metadata)
        }
        do throws(Refusal) {
            model = try context.snapshot.models.resolve(conversation.model)
            try grants.check(model: conversation.model, target: model)
        } catch {
            throw .refusal(error)
        }
        return conversation
    }

    /// Reads the body as far as it goes without what is stored, and fetches the conversation that it names.
    private mutating func openConversation(
        _ body: consuming [UInt8], _ request: inout RequestContext
    ) async throws(TurnFailure) -> RequestDraft {
        let draft: RequestDraft
        var name: ConversationName?
        do throws(Refusal) {
            draft = try RequestDraft(body, dialect: turn.dialect, limits: request.limits)
            name = try ConversationName(
                of: draft, field: turn.preferences.conversation, models: context.snapshot.models,
                isKeeping: context.snapshot.configuration.conversations.isKeeping)
        } catch {
            throw .refusal(error)
        }
        let keeps = context.snapshot.configuration.conversations.isKeeping
        if name == nil, keeps, turn.dialect == .agentRun {
            name = ConversationName(newSession: seat.state.newIdentifier("run_"))
        }
        let grants = KeyGrants(options: turn.principal.options)
        request.model = (name?.model ?? draft.model).flatMap { grants.defaultModel(for: $0, of: context.snapshot.models) } ?? name?.model
        // What a chat app asks about a conversation, as a title for it, is no part of it.
        guard let name, !turn.preferences.isTask else { return draft }
        let keeper = ConversationKeeper(turn, name, asked: channel)
        conversations = keeper
        if try !keeper.enter(draft.byteCount) {
            permit = nil
            try await keeper.wait()
            permit = try await admit()
        }
        request.history = try await keeper.open(draft.byteCount)
        return draft
    }

    // MARK: - The answer

    /// Has a turn run and its answer given; a turn that fails before its first event, and before the client was told
    /// anything, is begun again where that may help.
    private mutating func answer<Sink: AnswerSink & ~Copyable>(
        _ asked: consuming Conversation, through _: Sink.Type, _ writer: consuming ResponseWriter
    ) async {
        question = consume asked
        var form: AnswerForm?
        while true {
            var conversation: Conversation
            let attempt: Attempt
            do throws(TurnFailure) { (conversation, attempt) = try await begin(question) } catch {
                return await fail(error, writer)
            }
            budget.begin(at: seat.loop.now)
            (hasBegun, isGivenBack) = (true, false)
            conversations?.begin(conversation)
            // The question has them, as long as they may be needed.
            conversation.turns = []
            record.spawnedMicroseconds = elapsed
            record.process = attempt.turn.origin.rawValue
            let current = form ?? self.form
            form = current
            var sink = Sink(conversation, as: current, on: seat, answering: writer)
            let watch = watchRun(of: attempt.turn)
            let end = await drive(attempt, within: watch, into: &sink)
            watch?.stop()
            let isUnfit = attempt.turn.isUnfit
            if !isUnfit { budget.note(attempt.turn.spending) }
            let remains = sink.remains
            guard case .untold(let fault, let mayPass) = end, let free = sink.surrender() else {
                return await finish(attempt)
            }
            if mayPass, !isUnfit, passAccount(after: fault) {
                await finish(attempt)
            } else if mayPass, isUnfit, isKeeping {
                // The process had died or hung between two turns: nothing was asked of the vendor yet.
                isKeeping = false
                await finish(attempt)
            } else if mayPass, let wait = budget.wait(after: fault, at: seat.loop.now) {
                await finish(attempt)
                if let failure = await pause(wait) { return await fail(failure, free) }
            } else {
                // That another login is wanting matters less to the client than when there is room again.
                await fail(.fault(limitOfOthers(after: fault) ?? fault), free, of: remains)
                return await finish(attempt)
            }
            forget(fault)
            writer = free
        }
    }

    /// Waits before a turn is begun again; returns why it is not.
    private mutating func pause(_ wait: Milliseconds) async -> TurnFailure? {
        let alarm = Alarm(on: seat.loop, waking: channel.wakeup)
        defer { alarm.cancel() }
        alarm.deadline = seat.loop.now + wait
        while true {
            if channel.isClientGone { return .gone }
            if seat.phase == .ending { return .fault(.goingDown) }
            if let cancellation { return .fault(cancellation) }
            if alarm.isDue { return nil }
            await channel.wakeup.wait()
        }
    }

    /// Moves a turn's events into an answer until either is over or the client is gone.
    ///
    /// Nothing is promised before the first event or the first sign of life, and in a whole answer nothing before its
    /// end: a failure until then is returned, and is a true status. Later ones are told in the answer.
    private mutating func drive<Sink: AnswerSink & ~Copyable>(
        _ attempt: Attempt, within bounds: RunBounds?, into sink: inout Sink
    ) async -> DriveEnd {
        let process = attempt.turn
        var outcome = TurnOutcome()
        var isOver = false
        while !isOver {
            let step = await process.step(until: nextSign(of: process, sink.nextSign)) { event, line in
                outcome.note(event)
                attempt.trace?.hear(event, of: line)
                conversations?.hear(event, of: line)
                if case .failed = event, !sink.isPromised { return }
                sink.take(event, of: line)
            }
            context.quota?.note(process, model: model)
            if channel.isClientGone {
                leave(outcome)
                return .told
            }
            entry?.note { [hasBegun = outcome.hasBegun, account = account?.name] content in
                if hasBegun { content.state = .answering }
                (content.account, content.usage, content.bytes) = (account, process.usage, sink.sentBytes)
            }
            if step != .ended, seat.phase == .ending { tell(.goingDown, &outcome, in: &sink) }
            if step != .ended, let cancellation { tell(cancellation, &outcome, in: &sink) }
            if step != .ended, let fault = excess(of: process, beyond: bounds) { tell(fault, &outcome, in: &sink) }
            if step != .ended, outcome.fault == nil, let fault = overspending(process, &outcome) { tell(fault, &outcome, in: &sink) }
            note(outcome)
            if outcome.fault != nil, !sink.isPromised { break }
            // Nothing is promised, not even by a sign of life, while another process may have to serve.
            if step == .quiet, outcome.fault == nil, process.mayBeUnfit { continue }
            // A large image need not be held until the answer is complete.
            if outcome.hasBegun || sink.isPromised, !question.turns.isEmpty { question.turns = [] }
            isOver = step == .ended || outcome.fault != nil
            // Whoever goes on as soon as they have the answer is to find its process.
            if step == .ended, outcome.fault == nil, let place = attempt.place {
                supply.announce(place, isSingle: attempt.trace?.isFirst ?? false)
            }
            let isTaken = await sink.send(in: context, isOver: isOver)
            record.bytesOut = sink.sentBytes
            guard isTaken else {
                leave(outcome)
                return .told
            }
        }
        if let summary = await summary(of: attempt, outcome, within: bounds) { sink.note(summary) }
        if let fault = outcome.fault, !sink.isPromised { return .untold(fault, mayPass: !outcome.hasBegun) }
        if let fault = await conclude(process, &outcome, in: &sink) { return .untold(fault, mayPass: false) }
        return .told
    }

    /// When the client must hear something.
    private func nextSign(of process: any RunningTurn, _ sign: Instant?) -> Instant {
        // Whether a client that has left comes again is looked at now and then.
        if agent != nil { return min(sign ?? .now + .seconds(1), seat.loop.now + .seconds(1)) }
        let far = seat.loop.now + .seconds(3600)
        return process.mayBeUnfit ? far : sign ?? far
    }

    /// What driving a turn came to.
    private enum DriveEnd {
        /// The client has been told, or is gone.
        case told
        /// It has been told nothing; `mayPass` says that it was the turn that failed, before the model had begun to
        /// answer. The rest of an answer that breaks off is never asked for: the vendor has been paid for it.
        case untold(Fault, mayPass: Bool)
    }

    /// Ends an answer whose turn is over. What is stored is on the disk before the last byte is sent.
    private mutating func conclude<Sink: AnswerSink & ~Copyable>(
        _ process: any RunningTurn, _ outcome: inout TurnOutcome, in sink: inout Sink
    ) async -> Fault? {
        if outcome.fault == nil {
            if let fault = sink.complete(process) { return fault }
            var unkept: Fault?
            if let keepsake = sink.keepsake { unkept = await keeper.keep(keepsake) }
            if unkept == nil { unkept = await conversations?.keep() }
            if let fault = unkept {
                guard sink.isPromised else { return fault }
                tell(fault, &outcome, in: &sink)
                note(outcome)
            }
        }
        if outcome.fault == nil, outcome.hasBegun { account?.login.hearSuccess() }
        if let tokens = process.countedTokens { record.inputTokens = tokens }
        record.status = 200
        foresee(process)
        // Who has left meanwhile has not had the end, though the kernel would take it.
        let isTaken = channel.isClientGone ? false : await sink.finish(in: context)
        record.bytesOut = sink.sentBytes
        if !isTaken { await conversations?.takeBack() }
        conversations?.close()
        guard isTaken else {
            leave(outcome)
            return nil
        }
        // The model has answered, but not what was asked; its words, which may be in the message, are not for the log.
        if let fault = sink.toldFault, outcome.fault == nil { record.fault = "\(fault.kind), told to the client" }
        return nil
    }

    /// Takes a failure that the turn itself does not tell of.
    private func tell<Sink: AnswerSink & ~Copyable>(
        _ fault: Fault, _ outcome: inout TurnOutcome, in sink: inout Sink
    ) {
        outcome.note(.failed(fault))
        let noLine: [UInt8] = []
        if sink.isPromised { sink.take(.failed(fault), of: noLine.span) }
    }

    /// What becomes of a turn whose client has its answer: its process waits for the next one, where it may.
    mutating func finish(_ attempt: Attempt) async {
        if isGivenBack { return }
        isGivenBack = true
        await supply.finish(
            attempt.turn, at: attempt.place, isSingle: attempt.trace?.isFirst ?? false, on: seat.loop)
        context.quota?.note(attempt.turn, model: model)
        // Read now: the CLI has told the cost by here, where it tells it at all.
        used.add(attempt.turn.usage)
        guard used.tokens != Usage() else { return }
        record.note(used, of: countedModel, resolved: modelNames)
    }

    // MARK: - Pieces

    /// What the CLI's names of models stand for on this turn's account.
    var modelNames: [String: String] { context.snapshot.modelNames(of: account ?? context.snapshot.accounts.standard) }

    private var form: AnswerForm {
        let pingInterval = Milliseconds.seconds(context.snapshot.configuration.pingSeconds)
        return AnswerForm(
            dialect: turn.dialect, identity: identity, pingInterval: pingInterval,
            firstSign: seat.loop.now + pingInterval)
    }

    var identity: ReplyIdentity {
        var identity = ReplyIdentity(
            requestID: context.requestID, suffix: seat.state.newIdentifier(), created: WallClock.unixSeconds)
        identity.summaries = turn.summaries
        return identity
    }

    private mutating func note(_ outcome: TurnOutcome) {
        if outcome.hasBegun, record.firstEventMicroseconds == nil { record.firstEventMicroseconds = elapsed }
        answering = outcome.model
        record.inputTokens = outcome.usage?.promptTokens
        (record.outputTokens, record.deniedCalls) = (outcome.usage?.outputTokens, outcome.deniedCalls)
        if let fault = outcome.fault {
            record.fault = fault.logged
            if let trouble = fault.login { account?.login.hear(trouble) }
        }
    }

    /// The turn is begun again: what was noted of the attempt before is not what becomes of the request.
    private mutating func forget(_ fault: Fault) {
        site.log.write(.debug) { line in
            line.add("event", "retry")
            line.add("id", context.requestID)
            line.add("fault", fault.logged)
        }
        record.fault = nil
        record.firstEventMicroseconds = nil
    }

    /// Notes that nobody is left to be told.
    mutating func leave(_ outcome: TurnOutcome) {
        note(outcome)
        record.status = 499
        record.fault = "the client has gone"
    }
}
