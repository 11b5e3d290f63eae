import Platform
import Vocabulary

/// The portions of a turn, one after another.
struct TurnScript {
    /// What a line comes to.
    enum Step {
        /// It is not about what is waited for.
        case unrelated
        /// These rows come next.
        case write([ArraySlice<UInt8>])
        case failed(Fault)
    }

    private var waiting: [Portion]
    private var awaited = Portion.Sign.answer
    private let servers: ActiveServers
    /// Why a failure may be the process's own history: it had served other turns before.
    private(set) var isUnfit = false

    init(_ portions: [Portion], servers: ActiveServers) {
        waiting = portions.reversed()
        self.servers = servers
    }

    /// True once everything is written.
    var isWritten: Bool { waiting.isEmpty }

    /// True while registered servers are waited for.
    var awaitsServers: Bool {
        switch awaited {
        case .servers, .serverState: true
        case .answer, .emptyTurn, .response, .rewound: false
        }
    }

    /// The next portion's rows.
    mutating func next() -> [ArraySlice<UInt8>] {
        guard let portion = waiting.popLast() else { return [] }
        awaited = portion.awaits
        return portion.rows
    }

    /// Takes an event of `line`.
    mutating func take(_ event: CLIEvent, of line: Span<UInt8>) -> Step {
        switch event {
        case .result(let result):
            guard case .emptyTurn = awaited, result.turns == 0, !result.isError else { return .unrelated }
            return .write(next())
        case .controlResponse(let response): return take(response, of: line)
        default: return .unrelated
        }
    }

    private mutating func take(_ response: CLIControlResponse, of line: Span<UInt8>) -> Step {
        guard response.isSuccess else {
            switch awaited {
            case .rewound, .response: isUnfit = true
            case .answer, .emptyTurn, .servers, .serverState: break
            }
            let reason = Redaction.clean(response.error?.string(in: line) ?? "no reason given")
            return .failed(Self.refused(reason))
        }
        let fault: Fault?
        switch awaited {
        case .response(let id) where response.id.matches(id, in: line): fault = nil
        case .servers where response.id.matches(ActiveServers.requestID, in: line):
            fault = response.errors.flatMap { servers.fault(from: $0, in: line) }
        case .serverState where response.id.matches(ActiveServers.statusID, in: line):
            fault = servers.fault(fromStatus: response.servers, in: line)
        case .rewound where response.id.matches(TurnPlan.rewindID, in: line):
            isUnfit = !response.isRewound
            fault = isUnfit ? Self.refused("the process did not forget its conversation") : nil
        default: return .unrelated
        }
        if let fault { return .failed(fault) }
        return .write(next())
    }

    private static func refused(_ detail: String) -> Fault {
        Fault(.badGateway, "The CLI did not accept the request.", detail: detail)
    }
}
