import Ledger
import Platform
import Synchronization

/// One question to the ledger and the loop that waits for its answer: the ledger blocks on threads of its own.
final class LedgerWait<Value: Sendable>: Sendable {
    private let answer = Mutex<Result<Value, LedgerFault>?>(nil)
    private let wakeup: RemoteWakeup

    private init(_ wakeup: RemoteWakeup) { self.wakeup = wakeup }

    /// Asks and waits on `wakeup`; other causes that signal it meanwhile are signalled again at the end.
    static func ask(
        on loop: EventLoop, waking wakeup: Wakeup,
        _ question: (@escaping @Sendable (Result<Value, LedgerFault>) -> Void) -> Void
    ) async throws(LedgerFault) -> Value {
        let wait = LedgerWait(RemoteWakeup(wakeup, on: loop))
        question { wait.give($0) }
        while true {
            if let result = wait.answer.withLock({ $0 }) {
                wakeup.signal()
                return try result.get()
            }
            await wakeup.wait()
        }
    }

    private func give(_ result: Result<Value, LedgerFault>) {
        answer.withLock { $0 = result }
        wakeup.signal()
    }
}
