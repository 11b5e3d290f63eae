/// Takes the connections of a listener one after another, for a server of one loop, until it is closed.
///
/// Confined to its loop; one task asks for the next.
public final class Acceptor {
    private let listener: Listener
    private let loop: EventLoop
    private let wakeup = Wakeup()
    private let alarm: Alarm
    /// Made by who asks first: a listener may be made before its loop runs.
    private var readiness: Readiness?
    private var accepted = 0
    private var isOpen = true

    /// Takes those of `listener`, on `loop`.
    public init(_ listener: Listener, on loop: EventLoop) {
        self.listener = listener
        self.loop = loop
        alarm = Alarm(on: loop, waking: wakeup)
    }

    /// One for the children of this machine, at a port of 127.0.0.1 that the kernel chooses.
    public static func onLoopback(on loop: EventLoop) throws(SystemError) -> (Acceptor, port: UInt16) {
        let listeners = try Listener.open(.tcp(host: "127.0.0.1", port: 0), isFirst: true, backlog: 256)
        guard let listener = listeners.first, let port = listener.port else {
            throw SystemError(code: 0, call: "listen on 127.0.0.1")
        }
        return (Acceptor(listener, on: loop), port)
    }

    /// Takes no more.
    public func close() {
        isOpen = false
        wakeup.signal()
    }

    /// The next connection, once there is one; nil when it is closed.
    ///
    /// `rest` is called when none waits, and says when it wants to be called again.
    public func next(atRest rest: () -> Instant? = { nil }) async -> FileDescriptor? {
        let readiness = readiness ?? Readiness(listener.number, on: loop, interest: .reading, waking: wakeup)
        self.readiness = readiness
        while isOpen {
            switch listener.accept() {
            case .connection(let socket, _):
                accepted += 1
                // A burst of new connections must not hold up those that are being served.
                if accepted.isMultiple(of: Self.burst) { await Task.yield() }
                return socket
            case .none:
                readiness.readWouldBlock()
                alarm.deadline = rest()
                await wakeup.wait()
            case .exhausted:
                // Without a pause the listener, which stays readable, would keep the loop busy for nothing.
                alarm.deadline = loop.now + Self.pause
                while !alarm.isDue, isOpen { await wakeup.wait() }
            }
            alarm.cancel()
        }
        readiness.cancel()
        return nil
    }

    private static let burst = 16
    private static let pause = Milliseconds(100)
}
