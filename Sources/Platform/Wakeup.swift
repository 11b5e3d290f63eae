/// What a task sleeps on: a latch that any number of descriptors, alarms and other tasks of the same loop may set.
///
/// A signal that comes before the wait is not lost. Waking says only that something happened: the waiter looks at
/// everything it has and waits again. One task waits at a time. Confined to its loop.
@safe public final class Wakeup {
    private var isSignalled = false
    private var sleeper: UnsafeContinuation<Void, Never>?

    /// A latch that is not set.
    public init() {}

    /// Wakes the waiter, or lets the next wait return at once.
    public func signal() {
        isSignalled = true
        guard let waiting = unsafe sleeper else { return }
        unsafe sleeper = nil
        unsafe waiting.resume()
    }

    /// Sleeps until signalled since the last wait.
    public func wait() async {
        // The check is inside the body because that may run only after a hop (swiftlang/swift#85668):
        // checked before it, a signal in between would be lost and the task would sleep for ever.
        unsafe await withUnsafeContinuation { continuation in
            if isSignalled { unsafe continuation.resume() } else { unsafe sleeper = continuation }
        }
        isSignalled = false
    }
}
