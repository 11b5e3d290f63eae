/// A way to signal a wakeup from any thread: what queues and services hand out to those who wait on a loop.
public final class RemoteWakeup: @unchecked Sendable {
    // `@unchecked Sendable`: `wakeup` is only ever touched on its loop's thread, here or in the submitted closure.
    private let loop: EventLoop
    private let wakeup: Wakeup

    /// Signals `wakeup`, which is confined to `loop`. Make it on that loop.
    public init(_ wakeup: Wakeup, on loop: EventLoop) {
        self.loop = loop
        self.wakeup = wakeup
    }

    /// Signals, at once on the loop itself, and soon from elsewhere.
    public func signal() {
        if loop.isCurrent { wakeup.signal() } else { loop.submit { self.wakeup.signal() } }
    }
}
