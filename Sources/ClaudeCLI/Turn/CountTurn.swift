import Platform
import Vocabulary

/// A turn in which tokens are counted and the model is not asked.
final class CountTurn: TurnMachine {
    private var script: TurnScript
    private let servers: ActiveServers
    private let serverStart: Milliseconds
    private var serversDeadline: Instant?
    /// Knows what failures look like.
    private var assembler: ReplyAssembler
    private(set) var countedTokens: Int?

    init(_ portions: [Portion], servers: ActiveServers, limits: CLILimits, remedy: LoginRemedy) {
        script = TurnScript(portions, servers: servers)
        self.servers = servers
        assembler = ReplyAssembler(limits: limits, servers: servers, remedy: remedy)
        serverStart = ActiveServers.patience(limits)
    }

    var isOver: Bool { assembler.isOver || countedTokens != nil }
    var rest: ProcessRest { isOver ? .spent : .unknown }
    var expectsLateWord: Bool { false }
    var deadline: (at: Instant, fault: Fault)? { serversDeadline.map { ($0, servers.lateFault) } }
    var isUnfit: Bool { false }
    var mayBeUnfit: Bool { false }
    var callIDs: [String] { [] }
    /// The vendor's model is not asked.
    var spending: TurnSpending { TurnSpending() }
    var usage: TurnUsage { TurnUsage() }
    var processCost: Int? { nil }
    var answerStart: Instant? { nil }

    func begin(at now: Instant) -> [ArraySlice<UInt8>] {
        if !servers.isEmpty { serversDeadline = now + serverStart }
        return script.next()
    }

    func take(
        _ line: Span<UInt8>, at moment: Moment, _ emit: (ReplyEvent, Span<UInt8>) -> Void
    ) -> TurnAction {
        guard !line.isEmpty, !isOver else { return .goOn }
        let event: CLIEvent
        do { event = try CLIEventReader.read(line) } catch {
            fail(.garbage(error, in: line), emit)
            return .kill
        }
        if case .controlRequest(let request) = event { return answer(request, line, emit) }
        switch script.take(event, of: line) {
        case .write(let rows):
            if !script.awaitsServers { serversDeadline = nil }
            return .write(rows)
        case .failed(let fault):
            fail(fault, emit)
            return .kill
        case .unrelated: break
        }
        guard case .controlResponse(let response) = event, response.id.matches(TurnPlan.countID, in: line) else {
            let action = assembler.take(event, of: line, now: moment.unixSeconds) { emit($0, line) }
            return action == .goOn ? .goOn : .kill
        }
        guard let tokens = response.totalTokens else {
            fail(Fault(.badGateway, "The CLI did not accept the request.", detail: "no reason given"), emit)
            return .kill
        }
        countedTokens = tokens
        return .goOn
    }

    private func answer(
        _ request: CLIControlRequest, _ line: Span<UInt8>, _ emit: (ReplyEvent, Span<UInt8>) -> Void
    ) -> TurnAction {
        switch ControlAnswer(to: request, in: line) {
        case .hold: return .goOn
        case .write(let row), .putOff(let row), .deny(let row, _, _): return .write([row[...]])
        case .fail(let fault):
            fail(fault, emit)
            return .kill
        }
    }

    func fail(_ fault: Fault, _ emit: (ReplyEvent, Span<UInt8>) -> Void) {
        guard !isOver else { return }
        let noLine: [UInt8] = []
        assembler.fail(fault) { emit($0, noLine.span) }
    }

    func faultAtEnd(_ moment: Moment) -> Fault? { assembler.faultAtEnd(now: moment.unixSeconds) }
    func takeQuotas() -> [Quota] { assembler.takeQuotas() }
}

extension ActiveServers {
    /// How long they may take, and the CLI to say which was late.
    static func patience(_ limits: CLILimits) -> Milliseconds { Milliseconds(limits.serverStartMilliseconds + 5_000) }
}

extension Fault {
    /// The CLI has broken its protocol.
    static func garbage(_ error: JSONError, in line: Span<UInt8>) -> Fault {
        let start = String(copying: line.extracting(first: min(line.count, 80)))
        let detail = "\(error.reason) at byte \(error.offset): " + Redaction.clean(start)
        return Fault(.badGateway, "The CLI printed something that is not JSON.", detail: detail)
    }
}
