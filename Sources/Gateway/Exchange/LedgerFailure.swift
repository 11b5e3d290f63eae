import Ledger
import Vocabulary

extension Fault {
    /// The ledger failed: nothing is pretended, and what was to be stored is not called stored.
    init(storing fault: LedgerFault) {
        switch fault {
        case .busy, .closed:
            self.init(
                .unavailable, "Stored responses cannot be reached at the moment.", detail: fault.description,
                retryAfterSeconds: 2)
        case .full:
            self.init(
                .internalError,
                "The response could not be stored: there is no room for it. Ask with store set to false.",
                detail: "it does not fit within RESPONSES_MAX_BYTES", shouldRetry: false)
        case .parentGone:
            self.init(
                .internalError, "The response could not be stored: the one that it continues was deleted meanwhile.",
                detail: fault.description, shouldRetry: false)
        case .failed, .unusable, .damaged:
            self.init(
                .internalError, "The response could not be stored or read.", detail: fault.description,
                shouldRetry: false)
        }
    }
}
