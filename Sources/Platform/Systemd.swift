import CLinux
import CSystemd
import Glibc
import Synchronization

/// The service manager, where there is one: readiness, status, watchdog and inherited sockets (sd_notify(3),
/// sd_listen_fds(3)). Without one every call does nothing.
public final class Systemd: Sendable {
    /// `handedOver`: another process speaks for the service.
    private enum Phase { case starting, ready, stopping, handedOver }
    private let phase = Mutex(Phase.starting)

    /// Half the watchdog's interval, at which to call `keepAlive`; nil without a watchdog.
    public let watchdogInterval: Milliseconds?
    /// What was passed on: by socket units, from the manager's store, or by a process whose place this one is to take.
    public let inherited: [HandedDescriptor]
    /// True when there is a manager that listens.
    public let isListening: Bool

    /// Looks at the environment the manager gave us.
    public init() {
        var microseconds: UInt64 = 0
        let isWatched = unsafe sd_watchdog_enabled(0, &microseconds) > 0
        watchdogInterval = isWatched ? Milliseconds(Int(microseconds / 2000)) : nil
        isListening = unsafe getenv("NOTIFY_SOCKET") != nil
        inherited = Self.passedOn()
    }

    private static func passedOn() -> [HandedDescriptor] {
        var names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        let count = unsafe sd_listen_fds_with_names(0, &names)
        guard count > 0, let list = unsafe names else { return [] }
        defer { unsafe free(list) }
        return (0..<Int(count)).map { index in
            var name = ""
            if let text = unsafe list[index] {
                name = unsafe String(cString: text)
                unsafe free(text)
            }
            return HandedDescriptor(3 + Int32(index), name: name)
        }
    }

    /// Tells that requests are served.
    public func ready(status: String) {
        phase.withLock { phase in
            guard phase == .starting || phase == .ready else { return }
            phase = .ready
            notify("READY=1\nSTATUS=\(status)")
        }
    }

    /// Tells that the configuration is being loaded anew; follow with `ready`.
    public func reloading() {
        // MONOTONIC_USEC makes the same message serve Type=notify-reload of systemd 253 and later.
        phase.withLock { phase in
            guard phase == .ready else { return }
            notify("RELOADING=1\nMONOTONIC_USEC=\(Instant.now.nanoseconds / 1000)")
        }
    }

    /// Tells that the service is going down; nothing but `status` follows.
    public func stopping(status: String) {
        phase.withLock { phase in
            guard phase != .handedOver else { return }
            phase = .stopping
            notify("STOPPING=1\nSTATUS=\(status)")
        }
    }

    /// Tells that another process is the service from now on; nothing follows from this one.
    public func handOver(to successor: Int32) {
        phase.withLock { phase in
            // The watchdog's time goes on: the successor need not be in a hurry.
            notify("MAINPID=\(successor)\nWATCHDOG=1")
            phase = .handedOver
        }
    }

    /// One line for `systemctl status`.
    public func status(_ text: String) { say("STATUS=\(text)") }

    /// Feeds the watchdog. Call it from the loop that must be alive.
    public func keepAlive() { say("WATCHDOG=1") }

    /// Tells that a start or an end goes on: the manager's limit does not count for as long as the next word comes in time.
    /// Without effect in between.
    public func goesOn() {
        phase.withLock { phase in
            guard phase == .starting || phase == .stopping else { return }
            notify("EXTEND_TIMEOUT_USEC=\(Self.patience.count * 1000)")
        }
    }

    /// How often `goesOn` is to be said, and how long the manager waits for the next.
    public static let pulse = Milliseconds.seconds(5)
    private static let patience = Milliseconds.seconds(20)

    private func say(_ message: String) {
        phase.withLock { phase in if phase != .handedOver { notify(message) } }
    }

    /// A manager that does not read, as one that hangs, must not stop the loop: what is said again in a moment is lost at
    /// once, and for the rest it is given a second.
    private func notify(_ message: String) {
        let isRepeated = message.hasPrefix("WATCHDOG=") || message.hasPrefix("STATUS=")
        _ = unsafe linux_notify(message, isRepeated ? 0 : 1000)
    }

    /// Leaves a descriptor with the manager, which hands it to the next process of the service under that name. One that it
    /// has already stays as it is; a manager that keeps none ignores it.
    public func store(_ descriptor: HandedDescriptor) {
        var number = descriptor.number
        phase.withLock { phase in
            guard phase != .handedOver else { return }
            _ = unsafe sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDNAME=\(descriptor.name)", &number, 1)
        }
    }

    /// Has the manager forget what it keeps under a name.
    public func forget(_ name: String) { say("FDSTOREREMOVE=1\nFDNAME=\(name)") }

    /// True when an inherited descriptor is a listening stream socket.
    public static func isListeningSocket(_ number: Int32) -> Bool {
        sd_is_socket(number, AF_UNSPEC, linux_stream_type(), 1) > 0
    }

    /// True when an inherited socket is TCP rather than Unix.
    public static func isTCP(_ number: Int32) -> Bool { sd_is_socket(number, AF_UNIX, 0, -1) <= 0 }
}
