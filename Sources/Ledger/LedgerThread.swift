import Glibc
import Synchronization

/// A thread of its own for what blocks; joined once.
final class LedgerThread: Sendable {
    private let thread: Mutex<pthread_t?>

    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    init(_ body: @escaping @Sendable () -> Void) throws(LedgerFault) {
        let context = unsafe Unmanaged.passRetained(Work(body))
        var fresh = pthread_t()
        let failure = unsafe pthread_create(&fresh, nil, { context in
            guard let context = unsafe context else { return nil }
            unsafe Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body()
            return nil
        }, context.toOpaque())
        guard failure == 0 else {
            unsafe context.release()
            throw .unusable("no thread could be started")
        }
        thread = Mutex(fresh)
    }

    /// Waits for the thread's end.
    func join() {
        let running = thread.withLock { $0.take() }
        if let running { pthread_join(running, nil) }
    }
}
