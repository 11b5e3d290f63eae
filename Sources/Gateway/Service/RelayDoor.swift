import ClaudeCLI
import Platform
import Relay
import Synchronization

extension RelayToken: StandInLogin.Token {}

/// Where children of this service ask in place of their vendor. May be used from any thread.
struct RelayDoor: Sendable {
    private let port: UInt16
    private let book: TokenBook

    /// The door of a relay.
    init(_ relay: RelayServer) {
        port = relay.port
        book = relay.book
    }

    /// What children of a login are given.
    func standIn(for login: RelayedLogin) -> StandInLogin {
        let (book, route) = (book, login.route)
        return StandInLogin(
            baseURL: "http://127.0.0.1:\(port)" + String(decoding: route.prefix, as: UTF8.self),
            credentials: login.credentials, issue: { book.issue(for: route) })
    }

    /// A relay that is open; its troubles go to the log, each at most once a minute.
    static func open(on loop: EventLoop, log: Log) throws(ConfigurationFaults) -> RelayServer {
        let relay: RelayServer
        var limits = RelayLimits()
        // The gateway's own connections need descriptors too.
        limits.connections = min(limits.connections, max(64, Int(clamping: CurrentProcess.raiseOpenFiles()) / 8))
        do throws(SystemError) { relay = try RelayServer(on: loop, limits: limits) } catch {
            throw ConfigurationFaults([ConfigurationFault("CREDENTIAL_RELAY", error.description)])
        }
        let last = Mutex<[String: Instant]>([:])
        relay.events.onTrouble { problem in
            let isNew = last.withLock { last in
                let now = Instant.now
                last = last.filter { now < $0.value + .seconds(60) }
                guard last[problem] == nil, last.count < 64 else { return false }
                last[problem] = now
                return true
            }
            if isNew { log.warning("the relay cannot ask the vendor: \(problem)") }
        }
        relay.start()
        return relay
    }
}
