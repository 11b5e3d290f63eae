import ClaudeCLI
import Dialects
import HTTP
import Models
import Platform
import Vocabulary

/// One turn from permit to log line: the only place that joins a client and the CLI.
///
/// Everything happens in the one task that calls `run`, on the connection's loop: the client's socket, the CLI's pipes
/// and all deadlines signal one wakeup. While the client takes nothing the CLI's output is not read, and so it stops.
struct Exchange {
    private let turn: TurnRequest
    private let connection: Connection
    private let channel: any ResponseChannel
    private var record: AuditRecord
    private var keeper: ResponseKeeper

    private var context: AnswerContext
    /// True for a request that wants a stream; as long as it has not been read, one that takes a stream.
    private var streams: Bool
    /// What the CLI is given as the model's name.
    private var model = ""

    private var site: Site { connection.site }

    init(_ turn: TurnRequest, over connection: Connection, answering channel: any ResponseChannel) {
        self.turn = turn
        self.connection = connection
        self.channel = channel
        context = turn.context
        streams = turn.preferences.takesStream
        record = turn.context.record(path: turn.path)
        record.dialect = "\(turn.dialect)"
        keeper = ResponseKeeper(turn, waking: channel.wakeup)
    }

    /// Runs the turn to its end; the client has been answered, or is gone, and no process is left.
    mutating func run() async {
        do throws(TurnFailure) {
            let permit = try await admit()
            record.admittedMicroseconds = elapsed
            let body = try await readBody()
            var (conversation, process) = try await begin(try await decode(body))
            // The CLI has it now: a large image need not be held twice until the answer is complete.
            conversation.turns = []
            record.spawnedMicroseconds = elapsed
            let answer = ResponseWriter(channel)
            if turn.countsTokens {
                await count(process, answer)
            } else if conversation.streams {
                await stream(conversation, process, answer)
            } else {
                await collect(conversation, process, answer)
            }
            // The client has its answer: whatever the CLI still does is done for nobody, but for its last word.
            await process.settle(keeping: false)
            process.kill()
            await process.end()
            context.quota?.note(process, model: model)
            _ = consume permit
        } catch {
            await fail(error, ResponseWriter(channel))
        }
        record.endMicroseconds = elapsed
        site.log.audit(record)
    }

    /// Read anew each time: the loop's own clock stands still while a process is spawned.
    private var elapsed: Int { Instant.now.microseconds(since: context.started) }

    // MARK: - Before the CLI

    private func admit() async throws(TurnFailure) -> Permit {
        do throws(Fault) {
            guard connection.state.phase == .serving else { throw .goingDown }
            if let fault = context.snapshot.cli.selfTest.turnFault, context.snapshot.isCLIUnchanged { throw fault }
            return try await site.admission.permit(
                for: turn.principal, on: connection.loop, waking: channel.wakeup,
                isGone: { channel.isClientGone || connection.state.phase == .ending })
        } catch {
            throw .fault(error)
        }
    }

    private mutating func readBody() async throws(TurnFailure) -> [UInt8] {
        do throws(BodyFault) {
            let body = try await channel.readBody()
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
        request.defaultModel = context.snapshot.models.defaultModel
        let conversation = try await keeper.conversation(body, request)
        record.model = String(conversation.model.prefix(128))
        streams = conversation.streams
        do throws(Refusal) { model = try context.snapshot.models.resolve(conversation.model) } catch {
            throw .refusal(error)
        }
        return conversation
    }

    /// Starts the turn on a CLI that was tried, waiting where it has been replaced; what a turn may rely on depends on
    /// the one it gets.
    private mutating func begin(
        _ asked: Conversation
    ) async throws(TurnFailure) -> (Conversation, CLISession) {
        while true {
            var conversation = asked
            let features = context.snapshot.cli.features
            let servers = try activeServers(conversation)
            let defaults = TurnDefaults(
                preferences: turn.preferences, models: context.snapshot.configuration.models, dialect: turn.dialect,
                traits: ModelTraits.of(model, resolved: context.snapshot.cli.modelNames),
                canThink: features.has(.parameters), hasServers: !servers.servers.isEmpty)
            do throws(Refusal) { try defaults.complete(&conversation) } catch { throw .refusal(error) }
            conversation.ignored += features.lost(of: conversation, in: turn.dialect)
            if let process = try start(conversation, servers) { return (conversation, process) }
            do throws(Fault) { try await awaitTrial() } catch { throw .fault(error) }
        }
    }

    /// Waits for the trial of the program that stands in the CLI's place now, and goes on with the newest snapshot.
    private mutating func awaitTrial() async throws(Fault) {
        context.snapshot = site.snapshot
        while !context.snapshot.isCLIUnchanged {
            let file = ProgramFile(path: context.snapshot.supply.invocation.path)
            try await site.cliWatch.wait(
                for: file, on: connection.loop, waking: channel.wakeup,
                isGone: { channel.isClientGone || connection.state.phase == .ending })
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
        _ conversation: Conversation, _ servers: ActiveServers
    ) throws(TurnFailure) -> CLISession? {
        guard let file = context.snapshot.cli.file, context.snapshot.isCLIUnchanged else { return nil }
        if let fault = context.snapshot.cli.selfTest.turnFault { throw .fault(fault) }
        let plan: TurnPlan
        let features = context.snapshot.cli.features
        let betas = context.snapshot.supply.invocation.betas
        do throws(Refusal) {
            plan =
                turn.countsTokens
                ? try TurnPlan(
                    counting: conversation, model: model, servers: servers, features: features, operatorBetas: betas)
                : try TurnPlan(
                    answering: conversation, model: model, servers: servers, features: features,
                    cacheLifetime: context.snapshot.supply.invocation.cacheLifetime,
                    operatorBetas: betas)
        } catch {
            throw .refusal(error)
        }
        do throws(Fault) {
            if !turn.countsTokens { try context.checkQuota(model: model) }
            let supply = context.snapshot.supply
            guard let process = try supply.start(only: file, messages: plan.mostMessages) else { return nil }
            return supply.serve(plan, with: process, on: connection.loop, waking: channel.wakeup)
        } catch {
            throw .fault(error)
        }
    }

    // MARK: - Answers

    /// Streams the answer as it comes. Until its first event nothing is promised, and a failure is a true status; a
    /// model that is silent for long gets the client a sign of life first.
    private mutating func stream(
        _ conversation: Conversation, _ process: CLISession, _ answer: consuming ResponseWriter
    ) async {
        var encoder = ReplyStream(dialect: turn.dialect, conversation: conversation, identity: identity)
        var pending: ResponseWriter? = consume answer
        var writer: StreamWriter?
        var buffer = connection.state.buffers.take()
        defer { connection.state.buffers.give(buffer) }
        var sign = connection.loop.now + pingInterval
        var outcome = Outcome()
        while true {
            let isPromised = writer != nil
            let step = await process.step(until: sign) { event, line in
                outcome.note(event)
                if case .finished = event { encoder.completedAt = WallClock.unixSeconds }
                if outcome.fault == nil || isPromised || outcome.hasBegun {
                    encoder.encode(event, of: line, into: &buffer)
                }
            }
            context.quota?.note(process, model: model)
            if channel.isClientGone { return leave(outcome) }
            if let fault = interruption(step) {
                outcome.note(.failed(fault))
                if isPromised || outcome.hasBegun {
                    let noLine: [UInt8] = []
                    encoder.encode(.failed(fault), of: noLine.span, into: &buffer)
                }
            }
            note(outcome)
            if let fault = outcome.fault, !isPromised, !outcome.hasBegun, let first = pending.take() {
                return await fail(.fault(fault), first)
            }
            if buffer.isEmpty, step != .ended, outcome.fault == nil {
                // The model may be at work on what is not shown, or not yet.
                guard sign <= connection.loop.now else { continue }
                encoder.keepAlive(into: &buffer)
            }
            sign = connection.loop.now + pingInterval
            if let first = pending.take() {
                writer = first.stream(context.stream(adding: announcements(conversation)))
            }
            if !buffer.isEmpty {
                let isTaken = await writer?.send(&buffer) ?? false
                record.bytesOut = writer?.sentBytes ?? 0
                guard isTaken else { return leave(outcome) }
            }
            if step == .ended || outcome.fault != nil { break }
        }
        if outcome.fault == nil, let keepsake = encoder.keepsake {
            if let fault = await keeper.keep(keepsake) {
                outcome.note(.failed(fault))
                note(outcome)
                let noLine: [UInt8] = []
                encoder.encode(.failed(fault), of: noLine.span, into: &buffer)
            }
            encoder.release(into: &buffer)
            let isTaken = await writer?.send(&buffer) ?? false
            record.bytesOut = writer?.sentBytes ?? 0
            guard isTaken else { return leave(outcome) }
        }
        record.status = 200
        if outcome.fault == nil { site.login.hearSuccess() }
        // The model has answered, but not what was asked; its words, which may be in the message, are not for the log.
        if let fault = encoder.fault, outcome.fault == nil { record.fault = "\(fault.kind), told to the client" }
        if let last = writer.take() { await last.finish() }
    }

    /// Gathers the answer and sends it whole.
    private mutating func collect(
        _ conversation: Conversation, _ process: CLISession, _ answer: consuming ResponseWriter
    ) async {
        var collector = ReplyBody(dialect: turn.dialect, conversation: conversation, identity: identity)
        var outcome = Outcome()
        while true {
            let step = await process.step(until: connection.loop.now + .seconds(3600)) { event, line in
                outcome.note(event)
                collector.take(event, of: line)
            }
            context.quota?.note(process, model: model)
            if channel.isClientGone { return leave(outcome) }
            if let fault = interruption(step) { outcome.note(.failed(fault)) }
            note(outcome)
            if step == .ended || outcome.fault != nil { break }
        }
        collector.completedAt = WallClock.unixSeconds
        guard outcome.fault == nil, let body = collector.finish() else {
            return await fail(.fault(outcome.fault ?? collector.fault ?? .incomplete), answer)
        }
        if let keepsake = collector.keepsake(body), let fault = await keeper.keep(keepsake) {
            return await fail(.fault(fault), answer)
        }
        let response = context.json(status: 200, body, adding: announcements(conversation))
        record.status = 200
        site.login.hearSuccess()
        record.bytesOut = body.count
        await answer.respond(response)
    }

    /// Counts the tokens of a conversation without asking the model.
    private mutating func count(_ process: CLISession, _ answer: consuming ResponseWriter) async {
        var outcome = Outcome()
        while true {
            let step = await process.step(until: connection.loop.now + .seconds(3600)) { event, _ in
                outcome.note(event)
            }
            if channel.isClientGone { return leave(outcome) }
            if let fault = interruption(step) { outcome.note(.failed(fault)) }
            if step == .ended || outcome.fault != nil { break }
        }
        guard outcome.fault == nil, let tokens = process.countedTokens else {
            return await fail(.fault(outcome.fault ?? .incomplete), answer)
        }
        record.status = 200
        record.inputTokens = tokens
        let body = turn.dialect == .anthropic ? TokenCount.anthropic(tokens) : TokenCount.responses(tokens)
        await answer.respond(context.json(status: 200, body))
    }

    // MARK: - Pieces

    /// What an answer has come to so far.
    private struct Outcome {
        var hasBegun = false
        var fault: Fault?
        var usage: Usage?

        mutating func note(_ event: ReplyEvent) {
            switch event {
            case .started(let start):
                hasBegun = true
                usage = start.usage
            case .finished(let end): usage = end.usage
            case .failed(let fault): if self.fault == nil { self.fault = fault }
            default: break
            }
        }
    }

    private var identity: ReplyIdentity {
        var identity = ReplyIdentity(
            requestID: context.requestID, suffix: connection.state.newIdentifier(), created: WallClock.unixSeconds)
        identity.summaries = turn.summaries
        return identity
    }

    private var pingInterval: Milliseconds { .seconds(context.snapshot.configuration.pingSeconds) }

    private func interruption(_ step: CLISession.StepResult) -> Fault? {
        step != .ended && connection.state.phase == .ending ? .goingDown : nil
    }

    private mutating func note(_ outcome: Outcome) {
        if outcome.hasBegun, record.firstEventMicroseconds == nil { record.firstEventMicroseconds = elapsed }
        record.inputTokens = outcome.usage?.promptTokens
        record.outputTokens = outcome.usage?.outputTokens
        if let fault = outcome.fault {
            record.fault = fault.logged
            if let trouble = fault.login { site.login.hear(trouble) }
        }
    }

    private mutating func leave(_ outcome: Outcome) {
        note(outcome)
        record.status = 499
        record.fault = "the client has gone"
    }

    private func announcements(_ conversation: Conversation) -> [(FieldName, String)] {
        guard !conversation.ignored.isEmpty else { return [] }
        return [(.ignored, conversation.ignored.joined(separator: ", "))]
    }

    private mutating func fail(_ failure: TurnFailure, _ answer: consuming ResponseWriter) async {
        if isCodex, let fault = failure.asFault {
            record.fault = failure.logged
            return await failForCodex(fault, answer)
        }
        guard let reply = failure.reply(in: turn.dialect, requestID: context.requestID, &record) else {
            answer.abandon()
            return leave(Outcome())
        }
        record.status = reply.status
        record.bytesOut = reply.body.count
        await answer.respond(context.error(reply))
    }
}

extension Exchange {
    /// True for a stream that Codex waits for; it asks for nothing else.
    private var isCodex: Bool {
        turn.dialect == .responses && !turn.countsTokens && turn.preferences.client == .codex && streams
    }

    /// Tells Codex of a failure in such a way that it does not ask the same again.
    private mutating func failForCodex(_ fault: Fault, _ answer: consuming ResponseWriter) async {
        if let reply = Codex.limitReply(fault) {
            record.status = reply.status
            record.bytesOut = reply.body.count
            return await answer.respond(context.error(reply))
        }
        var conversation = Conversation(model: record.model ?? "")
        (conversation.isCodex, conversation.streams) = (true, true)
        var encoder = ReplyStream(dialect: .responses, conversation: conversation, identity: identity)
        var buffer: [UInt8] = []
        let noLine: [UInt8] = []
        encoder.encode(.failed(fault), of: noLine.span, into: &buffer)
        record.status = 200
        var writer = answer.stream(context.stream(adding: []))
        let isTaken = await writer.send(&buffer)
        record.bytesOut = writer.sentBytes
        if isTaken { await writer.finish() }
    }
}

/// Why a turn ended without an answer.
enum TurnFailure: Error {
    case refusal(Refusal)
    case fault(Fault)
    /// Nobody is left to be told.
    case gone

    /// What went wrong, whoever's fault it is; nil when nobody is left to be told.
    var asFault: Fault? {
        switch self {
        case .refusal(let refusal): Fault(refusal.kind, refusal.message)
        case .fault(let fault): fault
        case .gone: nil
        }
    }

    /// What the client is told, noted in the log's record; nil when it has gone.
    func reply(in dialect: Dialect, requestID: String, _ record: inout AuditRecord) -> ErrorReply? {
        switch self {
        case .refusal(let refusal):
            record.fault = logged
            return ErrorReply(refusal, dialect: dialect, requestID: requestID)
        case .fault(let fault):
            record.fault = logged
            return ErrorReply(fault, dialect: dialect, requestID: requestID)
        case .gone: return nil
        }
    }

    /// As the log tells it: of a refusal no words, which may be the client's own.
    var logged: String? {
        switch self {
        case .refusal(let refusal): "\(refusal.kind)\(refusal.param.map { " at \($0)" } ?? "")"
        case .fault(let fault): fault.logged
        case .gone: nil
        }
    }
}

extension Fault {
    /// As the log tells it.
    var logged: String { "\(kind): \(message) \(detail)" }

    /// The service is being stopped.
    static var goingDown: Fault {
        var fault = Fault(
            .unavailable, "The gateway is being stopped; try again in a moment.", detail: "stopping",
            retryAfterSeconds: 5)
        fault.isMomentary = true
        return fault
    }

    /// The CLI ended its answer without finishing it.
    static var incomplete: Fault { Fault(.badGateway, "The CLI ended without a whole answer.") }
}
