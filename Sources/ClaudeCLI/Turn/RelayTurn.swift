import Platform
import Vocabulary

/// A turn in which the model is asked and its answer passed on.
final class RelayTurn: TurnMachine {
    /// How the turn begins, which says what of the CLI's lines may still be about the one before.
    enum Beginning {
        /// The process has answered nothing yet.
        case first
        /// It has, and its lines may be about that until it says that this turn begins.
        case later
    }

    private var script: TurnScript
    private let tools: ClientTools
    private let servers: ActiveServers
    private let serverStart: Milliseconds
    /// The row that lifts a forced tool call once a server's tool was called.
    private var relief: [UInt8]?
    /// What decides over calls of the CLI's own tools; nil where it has none.
    private let policy: AgentPolicy?
    /// By which their programs go into the network; nil where they do not.
    private let way: (any AgentWay)?
    /// The calls of them; nil where there are none.
    private var agentCalls: AgentCalls?
    private var translator: CallTranslator
    private var assembler: ReplyAssembler
    private var serversDeadline: Instant?
    /// By when a process that had served before must have begun; nil once it has.
    private var beginDeadline: Instant?
    /// True while lines may be about the turn before.
    private var isStale: Bool
    private let isLater: Bool
    private var isUnfitLater = false

    /// True when the account's usage limits are told to the CLI, so that it will tell them.
    private var expectsQuota = false
    private var hasToldQuota = false
    private(set) var answerStart: Instant?
    private(set) var rest = ProcessRest.unknown
    private(set) var callIDs: [String] = []
    /// Calls of tools that were put off, so that the turn ends with them.
    private var putOff = 0
    /// Calls that wait for their results. The CLI asks for nothing meanwhile.
    private var held = 0

    /// A process that had served before begins within some milliseconds; one that has not by then hangs.
    private static let patience = Milliseconds.seconds(5)

    /// A turn in a process that had cost so much before, in nano-USD; nil where that is not known.
    init(
        _ plan: TurnPlan, _ portions: [Portion], _ beginning: Beginning, costBefore: Int? = 0, limits: CLILimits,
        remedy: LoginRemedy, going way: (any AgentWay)? = nil
    ) {
        self.way = way
        script = TurnScript(portions, servers: plan.servers)
        tools = plan.tools
        servers = plan.servers
        serverStart = ActiveServers.patience(limits)
        relief = plan.servers.isEmpty ? nil : plan.relief
        translator = CallTranslator(plan.tools.names, demanding: plan.demandedCall)
        policy = plan.agent.map(AgentPolicy.init)
        agentCalls = policy.map(AgentCalls.init)
        assembler = ReplyAssembler(
            limits: limits, servers: plan.servers, agent: plan.agent, remedy: remedy, costBefore: costBefore)
        switch beginning {
        case .first: (isLater, isStale) = (false, false)
        case .later: (isLater, isStale) = (true, true)
        }
    }

    var isOver: Bool { assembler.isOver }
    var countedTokens: Int? { nil }
    var isUnfit: Bool { isUnfitLater || script.isUnfit }
    var mayBeUnfit: Bool { isLater && isStale && !isOver }

    var spending: TurnSpending { assembler.spending }
    var usage: TurnUsage { assembler.used }
    var processCost: Int? { assembler.processCost }

    /// What is told of limits comes once, and then when it has changed.
    var expectsLateWord: Bool {
        rest != .spent && expectsQuota && !hasToldQuota && !isLater
    }

    var deadline: (at: Instant, fault: Fault)? {
        if let serversDeadline { return (serversDeadline, servers.lateFault) }
        return beginDeadline.map { ($0, Fault(.badGateway, "The CLI does not go on.", detail: "a kept process hangs")) }
    }

    func begin(at now: Instant) -> [ArraySlice<UInt8>] {
        if !servers.isEmpty { serversDeadline = now + serverStart }
        if isLater { beginDeadline = now + Self.patience }
        return script.next()
    }

    func take(
        _ line: Span<UInt8>, at moment: Moment, _ emit: (ReplyEvent, Span<UInt8>) -> Void
    ) -> TurnAction {
        guard !line.isEmpty else { return .goOn }
        let event: CLIEvent
        do { event = try CLIEventReader.read(line) } catch {
            guard !isOver else { return spend() }
            fail(.garbage(error, in: line), emit)
            return .kill
        }
        if isOver { return takeLate(event, of: line) }
        switch script.take(event, of: line) {
        case .write(let rows):
            if !script.awaitsServers { serversDeadline = nil }
            if beginDeadline != nil { beginDeadline = moment.instant + Self.patience }
            return .write(rows)
        case .failed(let fault): return failed(fault, emit)
        case .unrelated: break
        }
        return isStale ? takeStale(event, of: line, at: moment, emit) : pass(event, of: line, at: moment, emit)
    }

    // MARK: - Lines

    /// Until the CLI says that a turn begins its lines may be about the one before.
    private func takeStale(
        _ event: CLIEvent, of line: Span<UInt8>, at moment: Moment,
        _ emit: (ReplyEvent, Span<UInt8>) -> Void
    ) -> TurnAction {
        switch event {
        case .turnStarted where script.isWritten:
            isStale = false
            beginDeadline = nil
            return pass(event, of: line, at: moment, emit)
        // The one of the turn before was read before the process was put by.
        case .result where script.isWritten: return pass(event, of: line, at: moment, emit)
        case .rateLimit, .controlRequest: return pass(event, of: line, at: moment, emit)
        default: return .goOn
        }
    }

    private func pass(
        _ event: CLIEvent, of line: Span<UInt8>, at moment: Moment,
        _ emit: (ReplyEvent, Span<UInt8>) -> Void
    ) -> TurnAction {
        switch event {
        case .controlRequest(let request): return answer(request, line, emit)
        case .controlResponse: return .goOn
        case .turnStarted(let offered, let hasQuota):
            expectsQuota = hasQuota
            if script.isWritten { assembler.noteRequest() }
            if policy == nil, let offered, let fault = tools.missing(from: offered, in: line) { return failed(fault, emit) }
            return .goOn
        case .messageStart:
            answerStart = moment.instant
            (held, putOff) = (0, 0)
            callIDs = []
        case .blockStart(_, .toolUse(let id, _)): callIDs.append(id.string(in: line))
        case .retry: answerStart = nil
        // A call of a client's tool is held for ever: that it waits says nothing of the answer.
        case .heartbeat where assembler.calls.hasClients: return .ignore
        default: break
        }
        let action = assembler.take(event, of: line, now: moment.unixSeconds) { event in
            let event = agentCalls?.pass(event, of: line) ?? event
            switch event {
            case .callResult, .subagent: return emit(event, line)
            default: break
            }
            if translator.isIdle { emit(event, line) } else { translator.pass(event, of: line, to: emit) }
        }
        if assembler.calls.hasCalled { translator.noteServerCall() }
        noteQuota()
        switch action {
        case .kill: return spend()
        case .killUnlessHeld:
            guard held + putOff > 0 else { return spend() }
            if held > 0 { rest = .held }
        case .end: rest = assembler.isOver && isGood(event) ? .idle : .spent
        case .goOn, .linger: break
        }
        if let row = relief, assembler.calls.hasCalled {
            relief = nil
            return .write([row[...]])
        }
        return .goOn
    }

    /// What comes behind the answer.
    private func takeLate(_ event: CLIEvent, of line: Span<UInt8>) -> TurnAction {
        switch event {
        case .rateLimit(let information):
            assembler.note(information, of: line)
            noteQuota()
        case .result(let result):
            assembler.noteLate(result)
            if rest == .unknown { rest = result.isError ? .spent : .idle }
        case .controlRequest(let request):
            switch answer(to: request, in: line) {
            case .hold: if rest == .unknown { rest = .held }
            case .putOff(let row), .write(let row), .deny(let row, _, _): return .write([row[...]])
            case .fail: return spend()
            }
        default: break
        }
        return .goOn
    }

    private func answer(
        _ request: CLIControlRequest, _ line: Span<UInt8>, _ emit: (ReplyEvent, Span<UInt8>) -> Void
    ) -> TurnAction {
        switch answer(to: request, in: line) {
        case .hold:
            held += 1
            return .goOn
        case .putOff(let row):
            putOff += 1
            return .write([row[...]])
        case .write(let row): return .write([row[...]])
        case .deny(let row, let call, let reason):
            agentCalls?.noteDenial(of: call, for: reason)
            return .write([row[...]])
        case .fail(let fault): return failed(fault, emit)
        }
    }

    private func answer(to request: CLIControlRequest, in line: Span<UInt8>) -> ControlAnswer {
        policy.map { ControlAnswer(to: request, in: line, by: $0, going: way) } ?? ControlAnswer(to: request, in: line)
    }

    private func noteQuota() { if !assembler.quotas.isEmpty { hasToldQuota = true } }

    private func isGood(_ event: CLIEvent) -> Bool {
        if case .result(let result) = event { !result.isError } else { false }
    }

    // MARK: - Ends

    private func spend() -> TurnAction {
        rest = .spent
        return .kill
    }

    private func failed(_ fault: Fault, _ emit: (ReplyEvent, Span<UInt8>) -> Void) -> TurnAction {
        fail(fault, emit)
        return .kill
    }

    func fail(_ fault: Fault, _ emit: (ReplyEvent, Span<UInt8>) -> Void) {
        guard !isOver else { return }
        rest = .spent
        if isLater, isStale { isUnfitLater = true }
        let noLine: [UInt8] = []
        assembler.fail(fault) { emit($0, noLine.span) }
    }

    func faultAtEnd(_ moment: Moment) -> Fault? { assembler.faultAtEnd(now: moment.unixSeconds) }

    func takeQuotas() -> [Quota] { assembler.takeQuotas() }
}
