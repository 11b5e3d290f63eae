import Vocabulary

/// Turns the CLI's events into the reply's: exactly one `.finished` or `.failed`, and nothing twice.
///
/// The CLI may ask the vendor more than once in a turn: again after a failure, or for more when it finds an
/// answer too short. What the client has not seen of a broken attempt is dropped silently; once a piece was
/// forwarded, another attempt ends the reply as failed. What follows a complete answer is never asked for.
/// Only a message that calls nothing but tools of registered servers is followed by another: its calls are
/// left out, and what the messages say is one reply.
struct ReplyAssembler {
    /// What the owner of the process has to do now.
    enum Action: Equatable {
        /// Go on reading.
        case goOn
        /// The reply is over and the process must die at once: left alone it would ask the vendor again.
        case kill
        /// The reply is over with a call of a tool. While that is held the process asks for nothing; else it
        /// must die at once.
        case killUnlessHeld
        /// The reply is over and the process is about to end by itself.
        case linger
        /// The reply is over and the process has nothing more to do.
        case end
    }

    private enum State: Equatable {
        /// No message, or one of which the client has seen nothing.
        case waiting
        /// Pieces have been forwarded.
        case streaming
        /// The message is whole; the result is to follow.
        case complete(StopReason)
        /// The message has ended without a word why; the result is to tell whether it is whole.
        case closed
        /// The reply is over.
        case over
    }

    private var state = State.waiting
    private var start: ReplyStart?
    private var openBlock: Int?
    /// True while the open block is a call that the client is not shown.
    private var isHidden = false
    /// True when a block has ended and that is not said yet: the CLI ends a torn block too, and only what comes
    /// next tells one from the other.
    private var holdsStop = false
    private var hasStarted = false
    private var hasVisibleOutput = false
    private var usage = Usage()
    private var meter: UsageMeter
    private var messages = 0
    /// How often the vendor was asked: the CLI announces most of its retries, but not those of a message that broke off
    /// before its first block.
    private var requests = 1
    /// True once the vendor has begun to answer the newest request.
    private var isAnswered = false
    private var stopSequence: JSONText?
    private var stopDetails: JSONFragment?
    private var evidence: FailureEvidence
    private var announcedMilliseconds = 0
    private let limits: CLILimits

    /// What the CLI has told of usage limits and nobody has taken yet, oldest first.
    private(set) var quotas: [Quota] = []
    /// The calls of registered servers' tools.
    private(set) var calls: ServerCalls
    private var subagents = Subagents()
    /// What the CLI's own tools have done while a message was still coming: it runs them before it has ended.
    private var early: [ReplyEvent] = []
    private var earlyBytes = 0

    /// An assembler at the beginning of a reply in which the CLI calls the tools of `servers` itself. Its process has
    /// told of `costBefore`, in nano-USD, for all turns before; nil where that is not known.
    init(
        limits: CLILimits, servers: ActiveServers = .none, agent: AgentRun? = nil, remedy: LoginRemedy = LoginRemedy(),
        costBefore: Int? = 0
    ) {
        self.limits = limits
        meter = UsageMeter(costBefore: costBefore)
        calls = ServerCalls(servers, agent: agent)
        evidence = FailureEvidence(maxRetries: limits.maxRetries, remedy: remedy)
    }

    /// True once `.finished` or `.failed` was emitted.
    var isOver: Bool { state == .over }

    /// What the reply has cost so far.
    var spending: TurnSpending {
        var spending = TurnSpending()
        spending.requests = requests
        spending.waitMilliseconds = announcedMilliseconds
        spending.hasActed = calls.hasCalled
        return spending
    }

    /// What the reply has used so far, whatever becomes of it.
    var used: TurnUsage { meter.used }

    /// What the process has cost in all its turns, in nano-USD, by its newest word; nil where that is not known.
    var processCost: Int? { meter.processCost }

    /// The request is on its way to the vendor.
    mutating func noteRequest() { meter.noteRequest() }

    /// Notes what a result behind the end of the reply says of its cost.
    mutating func noteLate(_ result: CLIResult) { meter.take(result) }

    /// Takes the next event of `line`; `now` is in Unix seconds.
    mutating func take(
        _ event: CLIEvent, of line: Span<UInt8>, now: Int, emit: (ReplyEvent) -> Void
    ) -> Action {
        if case .rateLimit(let info) = event { note(info, of: line) }
        guard state != .over else { return .end }
        meter.take(event, of: line)
        switch event {
        case .delta(let index, let kind, let content):
            return delta(index, kind, content, of: line, emit: emit)
        case .messageStart(let id, let model, let usage, let transformations):
            return messageStart(id, model, usage, transformations, of: line, now: now, emit: emit)
        case .blockStart(let index, let block):
            return blockStart(index, block, of: line, emit: emit)
        case .blockStop(let index):
            guard openBlock == index else { return disorder(emit) }
            openBlock = nil
            holdsStop = !isHidden
            isHidden = false
        case .messageDelta(let stop, let usage):
            self.usage.merge(usage, of: line)
            guard let reason = stop.reason else { return .goOn }
            return end(for: StopReason(rawValue: reason.string(in: line)), stop, of: line, emit: emit)
        case .messageStop(let isAbandoned):
            if isAbandoned || evidence.hasReport { return abandon(now: now, emit: emit) }
            guard state == .streaming || calls.hasOpenRound else { return .goOn }
            return end(for: nil, CLIStop(), of: line, emit: emit)
        case .retry(let retry):
            return self.retry(retry, of: line, now: now, emit: emit)
        case .failureReport(let report):
            if let quota = report.quota { note(quota, of: line) }
            evidence.note(report, of: line)
        case .result(let result):
            return self.result(result, of: line, now: now, emit: emit)
        case .toolResults(let content):
            guard calls.isAgent, hasStarted else { return .goOn }
            return pass(CallResult.list(content, of: line).map(ReplyEvent.callResult), of: content, emit)
        case .subagent(let said):
            guard calls.isAgent, hasStarted else { return .goOn }
            return pass(subagents.steps(of: said, in: line).map { .subagent($0) }, of: said.content, emit)
        case .controlRequest, .controlResponse, .rateLimit, .turnStarted, .thinkingProgress, .heartbeat, .ignored:
            break
        }
        return .goOn
    }

    /// What has been told of usage limits since it was last asked for.
    mutating func takeQuotas() -> [Quota] {
        defer { quotas = [] }
        return quotas
    }

    /// What cannot be read is as good as untold: no answer fails for it.
    mutating func note(_ information: JSONSlice, of line: Span<UInt8>) {
        let bytes = line.extracting(information.start..<information.end)
        guard let quota = try? Quota(reading: bytes) else { return }
        quotas.append(quota)
        evidence.quota = quota
    }

    /// Ends the reply because there will be no result; without effect when it is over already.
    mutating func fail(_ fault: Fault, emit: (ReplyEvent) -> Void) {
        guard state != .over else { return }
        state = .over
        emit(.failed(fault))
    }

    /// What is known when the CLI ended without a result.
    func faultAtEnd(now: Int) -> Fault? { evidence.hasReport ? evidence.fault(now: now) : nil }

    // MARK: - A message

    private mutating func messageStart(
        _ id: JSONSlice, _ model: JSONSlice, _ update: UsageUpdate, _ transformations: JSONSlice?,
        of line: Span<UInt8>, now: Int, emit: (ReplyEvent) -> Void
    ) -> Action {
        switch state {
        case .complete(let reason):
            // The CLI has begun a turn nobody asked for.
            finish(reason, emit: emit)
            return .kill
        case .streaming, .closed:
            return failNow(evidence.interrupted(now: now), emit)
        case .waiting, .over:
            break
        }
        messages += 1
        if isAnswered { requests += 1 }
        isAnswered = true
        calls.beginMessage()
        usage = Usage()
        usage.merge(update, of: line)
        start = ReplyStart(
            id: id.string(in: line), model: model.string(in: line), usage: total,
            inputTransformations: transformations.map { JSONFragment(validated: $0.text(in: line).escaped) })
        leaveBlock()
        return .goOn
    }

    private mutating func blockStart(
        _ index: Int, _ block: CLIBlock, of line: Span<UInt8>, emit: (ReplyEvent) -> Void
    ) -> Action {
        sayHeldStop(emit)
        if openBlock == nil, case .toolUse(let id, let name) = block, calls.take(name.text(in: line)) {
            if calls.isAgent { return show(index, .agentCall(id: id.text(in: line), name: name.text(in: line)), emit) }
            return hide(index, emit)
        }
        guard openBlock == nil, begin(emit) else { return disorder(emit) }
        openBlock = index
        switch block {
        case .text(let text):
            emit(.blockStarted(.text))
            if text.count > 0 { forward(.text, text, of: line, emit: emit) }
        case .thinking(let text, let signature):
            emit(.blockStarted(.thinking))
            if text.count > 0 { emit(.thinking(text)) }
            if let signature, signature.count > 0 { emit(.signature(signature)) }
        case .redactedThinking(let data):
            emit(.blockStarted(.redactedThinking(data: data.text(in: line))))
        case .toolUse(let id, let name):
            hasVisibleOutput = true
            emit(.blockStarted(.toolUse(id: id.text(in: line), name: name.text(in: line))))
        case .other(let raw):
            hasVisibleOutput = true
            emit(.blockStarted(.other(JSONFragment(validated: raw.text(in: line).escaped))))
        }
        return .goOn
    }

    /// Leaves out a call that the CLI answers itself. One beyond the bound is not waited for: the CLI begins
    /// to run a tool before the message has ended.
    private mutating func hide(_ index: Int, _ emit: (ReplyEvent) -> Void) -> Action {
        guard start != nil, state == .waiting || state == .streaming else { return disorder(emit) }
        if let excess = calls.excess { return failNow(excess, emit) }
        openBlock = index
        isHidden = true
        return .goOn
    }

    /// Shows a call of the CLI's own tools. The one beyond the bound ends the reply before the tool has run.
    private mutating func show(_ index: Int, _ block: ReplyBlock, _ emit: (ReplyEvent) -> Void) -> Action {
        guard start != nil, state == .waiting || state == .streaming else { return disorder(emit) }
        if calls.isExcess(beside: subagents.requests) {
            finish(.maxTurns, emit: emit)
            return .kill
        }
        guard begin(emit) else { return disorder(emit) }
        openBlock = index
        emit(.blockStarted(block))
        return .goOn
    }

    /// Passes on what the CLI's own tools have done, between two messages: during one it waits.
    private mutating func pass(
        _ events: [ReplyEvent], of content: JSONSlice?, _ emit: (ReplyEvent) -> Void
    ) -> Action {
        guard start != nil else {
            events.forEach(emit)
            return endIfSpent(emit)
        }
        early += events
        earlyBytes &+= content?.count ?? 0
        guard earlyBytes <= Self.mostEarlyBytes, early.count <= Self.mostEarly else {
            return failNow(Fault(.badGateway, "The CLI's tools have answered too much at once.", detail: "results"), emit)
        }
        return .goOn
    }

    private static let (mostEarly, mostEarlyBytes) = (1000, 32 << 20)

    private mutating func passEarly(_ emit: (ReplyEvent) -> Void) {
        guard !early.isEmpty else { return }
        early.forEach(emit)
        (early, earlyBytes) = ([], 0)
    }

    /// Sub-agents ask the model too: a run that has asked as often as it may is over.
    private mutating func endIfSpent(_ emit: (ReplyEvent) -> Void) -> Action {
        guard calls.isSpent(beside: subagents.requests) else { return .goOn }
        finish(.maxTurns, emit: emit)
        return .kill
    }

    private mutating func delta(
        _ index: Int, _ kind: CLIDelta, _ content: JSONSlice, of line: Span<UInt8>,
        emit: (ReplyEvent) -> Void
    ) -> Action {
        guard openBlock == index else { return disorder(emit) }
        if isHidden { return .goOn }
        forward(kind, content, of: line, emit: emit)
        return .goOn
    }

    @inline(__always)
    private mutating func forward(
        _ kind: CLIDelta, _ content: JSONSlice, of line: Span<UInt8>, emit: (ReplyEvent) -> Void
    ) {
        switch kind {
        case .text:
            if !hasVisibleOutput { hasVisibleOutput = !content.isBlank(in: line) }
            emit(.text(content))
        case .thinking: emit(.thinking(content))
        case .signature: emit(.signature(content))
        case .toolInput: emit(.toolInput(content))
        case .citation: emit(.citation(content))
        }
    }

    /// Emits `.started` before the first piece; false when there is no message to begin.
    private mutating func begin(_ emit: (ReplyEvent) -> Void) -> Bool {
        if state == .streaming { return true }
        guard state == .waiting, let start else { return false }
        state = .streaming
        if !hasStarted {
            hasStarted = true
            emit(.started(start))
        }
        return true
    }

    /// Ends the message for `reason`, nil where there is no word why.
    ///
    /// While a call of the client's tool waits the CLI ends nothing by itself, whatever the word. A word that is
    /// not known here may make the CLI ask on.
    private mutating func end(
        for reason: StopReason?, _ stop: CLIStop, of line: Span<UInt8>, emit: (ReplyEvent) -> Void
    ) -> Action {
        let isRound = start != nil && calls.endsRound(reason, usage)
        guard isRound || begin(emit) else { return disorder(emit) }
        if openBlock != nil { holdsStop = !isHidden }
        sayHeldStop(emit)
        leaveBlock()
        if isRound {
            passEarly(emit)
            return nextRound(emit)
        }
        stopSequence = stop.sequence?.text(in: line)
        stopDetails = stop.details.map { JSONFragment(validated: $0.text(in: line).escaped) }
        switch reason {
        case .toolUse: break
        case .endTurn?, .stopSequence?, .other?, nil:
            if calls.hasClients { break }
            return endText(for: reason, emit: emit)
        case let reason?:
            finish(reason, emit: emit)
            return .kill
        }
        finish(reason ?? .toolUse, emit: emit)
        return .killUnlessHeld
    }

    private mutating func endText(for reason: StopReason?, emit: (ReplyEvent) -> Void) -> Action {
        switch reason {
        case .endTurn? where hasVisibleOutput:
            state = .complete(.endTurn)
            return .goOn
        case nil where hasVisibleOutput:
            state = .closed
            return .goOn
        case .stopSequence? where hasVisibleOutput:
            finish(.stopSequence, emit: emit)
            return .linger
        default:
            finish(reason ?? .endTurn, emit: emit)
            return .kill
        }
    }

    private mutating func sayHeldStop(_ emit: (ReplyEvent) -> Void) {
        if holdsStop { emit(.blockStopped) }
        holdsStop = false
    }

    private mutating func leaveBlock() {
        openBlock = nil
        isHidden = false
        holdsStop = false
    }

    /// The CLI answers the calls and asks the model again; that request may be repeated like the first.
    private mutating func nextRound(_ emit: (ReplyEvent) -> Void) -> Action {
        state = .waiting
        start = nil
        usage = Usage()
        hasVisibleOutput = false
        isAnswered = false
        meter.noteRequest()
        return endIfSpent(emit)
    }

    /// A stream has broken. Of a message that has begun the CLI is about to ask for the rest, in a question of its
    /// own; one of which nothing was seen it asks for again.
    private mutating func abandon(now: Int, emit: (ReplyEvent) -> Void) -> Action {
        switch state {
        case .streaming: return failNow(evidence.interrupted(now: now), emit)
        case .complete(let reason):
            finish(reason, emit: emit)
            return .kill
        case .waiting: start = nil
        case .closed, .over: break
        }
        leaveBlock()
        // It would ask again in half a second without a word, and knows nothing of attempts before its own.
        let spent = limits.spent.requests
        if spent > 0, requests + spent > limits.maxRetries { return failNow(evidence.interrupted(now: now), emit) }
        if state == .waiting { meter.noteRequest() }
        return .goOn
    }

    // MARK: - Ends

    private mutating func retry(
        _ retry: CLIRetry, of line: Span<UInt8>, now: Int, emit: (ReplyEvent) -> Void
    ) -> Action {
        evidence.note(retry, of: line)
        requests += 1
        isAnswered = false
        announcedMilliseconds += retry.delayMilliseconds
        switch state {
        case .streaming, .closed: return failNow(evidence.interrupted(now: now), emit)
        case .complete(let reason):
            finish(reason, emit: emit)
            return .kill
        case .waiting, .over: break
        }
        start = nil
        leaveBlock()
        let spent = limits.spent
        let isBeyondPatience =
            retry.attempt > limits.maxRetries - spent.requests
            || announcedMilliseconds > limits.retryPatienceMilliseconds - spent.waitMilliseconds
        guard isBeyondPatience else { return .goOn }
        meter.noteRefusal()
        return failNow(evidence.fault(now: now), emit)
    }

    private mutating func result(
        _ result: CLIResult, of line: Span<UInt8>, now: Int, emit: (ReplyEvent) -> Void
    ) -> Action {
        if let reason = wholeReason(result) {
            if !result.isError, messages == 1 {
                usage.fillIn(result.usage, isOnly: true)
                if usage.serviceTier == nil { usage.serviceTier = result.usage.serviceTier?.string(in: line) }
            }
            finish(reason, emit: emit)
            return .end
        }
        evidence.note(result, of: line)
        let isCutOff = !result.isError && state == .streaming
        fail(isCutOff ? evidence.interrupted(now: now) : evidence.fault(now: now), emit: emit)
        return .end
    }

    /// Why the answer ended that is whole by this result; nil when none is.
    private func wholeReason(_ result: CLIResult) -> StopReason? {
        switch state {
        case .complete(let reason): reason
        case .closed: result.isError ? nil : .endTurn
        case .waiting, .streaming, .over: nil
        }
    }

    private mutating func finish(_ reason: StopReason, emit: (ReplyEvent) -> Void) {
        state = .over
        passEarly(emit)
        emit(
            .finished(
                ReplyEnd(reason: reason, stopSequence: stopSequence, stopDetails: stopDetails, usage: total)))
    }

    /// The tokens of all messages of the reply.
    private var total: Usage {
        guard calls.rounds > 0 else { return usage }
        var total = calls.spent
        total.add(usage)
        total.add(meter.ofSubagents)
        return total
    }

    private mutating func failNow(_ fault: Fault, _ emit: (ReplyEvent) -> Void) -> Action {
        fail(fault, emit: emit)
        return .kill
    }

    private mutating func disorder(_ emit: (ReplyEvent) -> Void) -> Action {
        failNow(Fault(.badGateway, "The CLI's answer came out of order.", detail: "block order"), emit)
    }
}

extension JSONSlice {
    /// True when the escaped text holds nothing but white space.
    fileprivate func isBlank(in line: Span<UInt8>) -> Bool {
        var index = start
        while index < end {
            switch line[index] {
            case UInt8(ascii: " "): index += 1
            case UInt8(ascii: "\\"):
                guard index + 1 < end else { return false }
                switch line[index + 1] {
                case UInt8(ascii: "n"), UInt8(ascii: "t"), UInt8(ascii: "r"): break
                default: return false
                }
                index += 2
            default: return false
            }
        }
        return true
    }
}
