import Dialects
import Vocabulary

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

    /// What the client is told, noted in the log's record; nil when it has gone. `run` is what a run had come to.
    func reply(in dialect: Dialect, requestID: String, of run: [UInt8]? = nil, _ record: inout RequestRecord) -> ErrorReply? {
        switch self {
        case .refusal(let refusal):
            record.fault = logged
            return ErrorReply(refusal, dialect: dialect, requestID: requestID)
        case .fault(let fault):
            record.fault = logged
            return ErrorReply(fault, dialect: dialect, requestID: requestID, run: run)
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
