import Glibc
import Ledger
import Platform

/// Who does what an administrative command asks: the running service, or this process with the stopped service's state
/// directory. Both come to the same code.
enum AdminChannel {
    case service(AdminConnection)
    case directory(AdminOffice)

    /// Why nobody does it.
    struct Closed: Error {
        var status: Int32
        var reason: String

        init(_ status: Int32, _ reason: String) {
            self.status = status
            self.reason = reason
        }
    }

    /// The service that has the configuration's state directory, or the directory itself where none runs.
    static func open(_ loader: SnapshotLoader) throws(Closed) -> AdminChannel {
        // A peer that ends early must not end this process with a signal.
        signal(SIGPIPE, SIG_IGN)
        let actor = AdminSocket.actor(geteuid())
        let configuration: Configuration
        do throws(ConfigurationFaults) { configuration = try loader.configurationForAdministration() } catch {
            throw Closed(78, error.description)  // EX_CONFIG
        }
        let state = StateDirectory.resolved(configuration.stateDirectory)
        let end = Instant.now + .seconds(patienceSeconds)
        while true {
            if let service = try service(in: state) { return .service(service) }
            try becomeOwner(of: state)
            if try claim(state) { return .directory(try AdminOffice(configuration, in: state, actor: actor)) }
            // It has the directory, but does not answer.
            guard Instant.now < end else {
                throw Closed(75, "the service with STATE_DIR \(state) is starting or ending: try again")  // EX_TEMPFAIL
            }
            StateDirectory.pause()
        }
    }

    private static func service(in state: String) throws(Closed) -> AdminConnection? {
        do throws(SystemError) { return try AdminConnection.open(state) } catch { throw closed(error, state) }
    }

    private static func claim(_ state: String) throws(Closed) -> Bool {
        do throws(SystemError) { return try StateDirectory.claimBriefly(state) } catch { throw closed(error, state) }
    }

    /// Does one thing.
    func ask(_ request: AdminRequest) throws(Closed) -> AdminAnswer {
        switch self {
        case .directory(let office): return office.ask(request)
        case .service(let connection):
            do throws(SystemError) {
                if let answer = try connection.ask(request) { return answer }
            } catch {
                throw Closed(69, "the service cannot be asked: \(error.description)")  // EX_UNAVAILABLE
            }
            // EX_UNAVAILABLE
            throw Closed(69, "the service went away without an answer, see its log; what was asked may be done or not")
        }
    }

    /// What root makes in the directory must be the service's user's.
    private static func becomeOwner(of state: String) throws(Closed) {
        let isThere = unsafe access(state, F_OK) == 0
        if geteuid() == 0, !isThere {
            // EX_CONFIG
            throw Closed(78, "STATE_DIR: \(state) does not exist; make it for the service's user, or start the service once")
        }
        do throws(SystemError) { _ = try CurrentProcess.becomeOwner(of: state) } catch { throw closed(error, state) }
        // EX_NOPERM, EX_CONFIG
        if let fault = StateDirectory.prepare(state) { throw Closed(isThere ? 77 : 78, fault.description) }
    }

    private static func closed(_ error: SystemError, _ state: String) -> Closed {
        // EX_NOPERM, EX_UNAVAILABLE
        error.code == EACCES || error.code == EPERM
            ? Closed(77, "only root and the service's own user may do this: \(error.description)")
            : Closed(69, "STATE_DIR \(state): \(error.description)")
    }

    private static let patienceSeconds = 10
}
