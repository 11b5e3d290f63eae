import Vocabulary

/// What an answer has come to so far.
struct TurnOutcome {
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
