import CLinux
import CSystemd
import Glibc
import Synchronization

/// The service manager, where there is one: readiness, status, watchdog and inherited sockets (sd_notify(3),
/// sd_listen_fds(3)). Without one every call does nothing.
public final class Systemd: Sendable {
    private enum Phase { case starting, ready, stopping }
    private let phase = Mutex(Phase.starting)

    /// Half the watchdog's interval, at which to call `keepAlive`; nil without a watchdog.
    public let watchdogInterval: Milliseconds?
    /// The sockets passed on by a socket unit.
    public let inheritedSockets: [Int32]

    /// Looks at the environment the manager gave us.
    public init() {
        var microseconds: UInt64 = 0
        let isWatched = unsafe sd_watchdog_enabled(0, &microseconds) > 0
        watchdogInterval = isWatched ? Milliseconds(Int(microseconds / 2000)) : nil
        let count = sd_listen_fds(0)
        inheritedSockets = count > 0 ? (3..<3 + count).map { $0 } : []
    }

    /// Tells that requests are served.
    public func ready(status: String) {
        phase.withLock { phase in
            guard phase != .stopping else { return }
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
            phase = .stopping
            notify("STOPPING=1\nSTATUS=\(status)")
        }
    }

    /// One line for `systemctl status`.
    public func status(_ text: String) { notify("STATUS=\(text)") }

    /// Feeds the watchdog. Call it from the loop that must be alive.
    public func keepAlive() { notify("WATCHDOG=1") }

    private func notify(_ message: String) { _ = unsafe sd_notify(0, message) }

    /// True when an inherited descriptor is a listening stream socket.
    public static func isListeningSocket(_ number: Int32) -> Bool {
        sd_is_socket(number, AF_UNSPEC, linux_stream_type(), 1) > 0
    }

    /// True when an inherited socket is TCP rather than Unix.
    public static func isTCP(_ number: Int32) -> Bool { sd_is_socket(number, AF_UNIX, 0, -1) <= 0 }
}
