import Glibc
import Platform

/// The end of a service that cannot start, when a socket unit holds its port.
///
/// The manager starts it again for every connection that waits. Without a pause a faulty configuration and one client
/// would be a loop of starts, and the manager would close the port for good at its limit. So what knocks is closed for
/// a moment before the process ends: clients fail at once instead of waiting, and there is one start in that time.
enum FaultyStart {
    /// How long knocking clients are turned away.
    private static let seconds = 3

    /// Turns away whoever knocks on inherited sockets, for some seconds; returns at once where there are none.
    static func turnAway(_ systemd: Systemd, because faults: ConfigurationFaults) {
        let sockets = systemd.inherited.map(\.number).filter(Systemd.isListeningSocket)
        guard !sockets.isEmpty else { return }
        systemd.status("cannot start: \(faults.faults.first?.description ?? "")")
        // Without a descriptor to spare a socket is left as it is: what knocks there waits for the next start.
        let listeners = sockets.compactMap { try? Listener.sharing($0, isTCP: Systemd.isTCP($0)) }
        let end = Instant.now + .seconds(seconds)
        while Instant.now < end {
            var watched = listeners.map { pollfd(fd: $0.number, events: Int16(POLLIN), revents: 0) }
            let left = end.since(Instant.now).count
            let count = unsafe poll(&watched, nfds_t(watched.count), Int32(clamping: max(1, left)))
            guard count > 0 else { continue }
            for listener in listeners { turnAway(all: listener) }
        }
    }

    private static func turnAway(all listener: Listener) {
        for _ in 0..<256 {
            guard case .connection(let socket, _) = listener.accept() else { return }
            socket.shutdownWriting()
        }
    }
}
